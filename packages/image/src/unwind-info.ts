// .pdata and .xdata of x64: RUNTIME_FUNCTION and UNWIND_INFO versions 1 and 2.
// Microsoft "x64 exception handling", learn.microsoft.com/cpp/build/exception-handling-x64; version 2 (EPILOG codes) is
// not in it: layout as LLVM's Win64EH and VirtualBox's pecoff.h agree.
import { countBefore, hex } from '@dumpstack/bytes'
import { ImageError } from './errors.ts'
import type { Directory, ImageFile } from './image-file.ts'
import { RuntimeFunctionEntry, UnwindInfoHeader } from './layouts.ts'

export interface RuntimeFunction {
  readonly beginRva: number
  /** First byte after the function. */
  readonly endRva: number
  readonly unwindRva: number
}

/** Registers by the number that unwind codes use. */
export const REGISTER_NAMES = [
  'rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15',
] as const // biome-ignore format: one row

/** What one prolog instruction did; `codeOffset` is the offset of its end in the prolog. */
export type UnwindCode = { readonly codeOffset: number } & (
  | { readonly op: 'PUSH_NONVOL'; readonly register: number }
  | { readonly op: 'ALLOC_SMALL' | 'ALLOC_LARGE'; readonly byteLength: number }
  | { readonly op: 'SET_FPREG' }
  | { readonly op: 'SAVE_NONVOL' | 'SAVE_NONVOL_FAR'; readonly register: number; readonly offset: number }
  | { readonly op: 'SAVE_XMM128' | 'SAVE_XMM128_FAR'; readonly register: number; readonly offset: number }
  | { readonly op: 'PUSH_MACHFRAME'; readonly hasErrorCode: boolean }
  /** Version 2: where an epilog lies; changes no state. */
  | { readonly op: 'EPILOG'; readonly opInfo: number }
)

export interface UnwindInfo {
  readonly rva: number
  readonly version: number
  readonly flags: number
  readonly sizeOfProlog: number
  /** Register number; null for a function without frame pointer. */
  readonly frameRegister: number | null
  /** What the frame register holds is rsp at SET_FPREG plus this many bytes. */
  readonly frameOffset: number
  /** As the file lists them: the last prolog instruction first. */
  readonly codes: readonly UnwindCode[]
  /** Language-specific handler; null where neither UNW_FLAG_EHANDLER nor UNW_FLAG_UHANDLER is set. */
  readonly handlerRva: number | null
  /** What the handler reads; null where there is none. */
  readonly handlerDataRva: number | null
  /** UNW_FLAG_CHAININFO: the entry whose codes are undone after these. */
  readonly chained: RuntimeFunction | null
}

export const UNW_FLAG_EHANDLER = 1
export const UNW_FLAG_UHANDLER = 2
const UNW_FLAG_CHAININFO = 4

const UWOP_PUSH_NONVOL = 0
const UWOP_ALLOC_LARGE = 1
const UWOP_ALLOC_SMALL = 2
const UWOP_SET_FPREG = 3
const UWOP_SAVE_NONVOL = 4
const UWOP_SAVE_NONVOL_FAR = 5
const UWOP_EPILOG = 6
const UWOP_SAVE_XMM128 = 8
const UWOP_SAVE_XMM128_FAR = 9
const UWOP_PUSH_MACHFRAME = 10

export function readRuntimeFunctions(
  file: ImageFile,
  directory: Directory | null,
  sizeOfImage: number,
): RuntimeFunction[] {
  const functions: RuntimeFunction[] = []
  if (directory === null) return functions
  const count = Math.floor(directory.byteLength / RuntimeFunctionEntry.size)
  const at = file.offsetOf(directory.rva, count * RuntimeFunctionEntry.size, 'exception directory')
  let end = 0
  for (let index = 0; index < count; index++) {
    const entry = runtimeFunction(file, at + index * RuntimeFunctionEntry.size)
    // An entry without a byte covers no address, wherever it lies: a genuine driver has one.
    if (entry.beginRva === entry.endRva) continue
    if (entry.beginRva < end || entry.endRva < entry.beginRva || entry.endRva > sizeOfImage) {
      throw new ImageError(
        'IMAGE_BAD_EXCEPTION_DIRECTORY',
        `RUNTIME_FUNCTION ${index} covers rva ${hex(entry.beginRva)}..${hex(entry.endRva)}, expected a place between ${hex(end)} and ${hex(sizeOfImage)}`,
        { index, beginRva: entry.beginRva, endRva: entry.endRva },
      )
    }
    functions.push(entry)
    end = entry.endRva
  }
  return functions
}

function runtimeFunction(file: ImageFile, fileOffset: number): RuntimeFunction {
  const entry = RuntimeFunctionEntry.at(file.view, fileOffset)
  return { beginRva: entry.beginAddress, endRva: entry.endAddress, unwindRva: entry.unwindInfoAddress }
}

export function functionAt(functions: readonly RuntimeFunction[], rva: number): RuntimeFunction | null {
  const entry = functions[countBefore(functions.length, (i) => functions[i]!.beginRva <= rva) - 1]
  return entry !== undefined && rva < entry.endRva ? entry : null
}

export function readUnwindInfo(file: ImageFile, rva: number): UnwindInfo {
  // Bit 0 set: the address of another RUNTIME_FUNCTION, whose unwind information this one shares.
  if ((rva & 1) !== 0) {
    const shared = file.structAt(RuntimeFunctionEntry, rva - 1, 'shared RUNTIME_FUNCTION').unwindInfoAddress
    if ((shared & 1) !== 0) throw bad(rva, `is shared with rva ${hex(shared)}, which shares it again`)
    return readUnwindInfo(file, shared)
  }
  const header = file.structAt(UnwindInfoHeader, rva, 'UNWIND_INFO')
  const version = header.versionAndFlags & 7
  const flags = header.versionAndFlags >>> 3
  if (version !== 1 && version !== 2) {
    throw new ImageError(
      'IMAGE_UNWIND_UNSUPPORTED',
      `UNWIND_INFO at rva ${hex(rva)} has version ${version}, expected 1 or 2`,
      { rva, version },
    )
  }
  const slots = header.countOfCodes
  const at = file.offsetOf(rva + UnwindInfoHeader.size, slots * 2, 'unwind codes')
  const frameRegister = header.frameRegisterAndOffset & 15
  const tail = rva + UnwindInfoHeader.size + ((slots + 1) & ~1) * 2
  const isChained = (flags & UNW_FLAG_CHAININFO) !== 0
  const hasHandler = (flags & (UNW_FLAG_EHANDLER | UNW_FLAG_UHANDLER)) !== 0
  if (isChained && hasHandler) throw bad(rva, `has flags ${hex(flags)}: a chained entry has no handler`)
  return {
    rva,
    version,
    flags,
    sizeOfProlog: header.sizeOfProlog,
    frameRegister: frameRegister === 0 ? null : frameRegister,
    frameOffset: (header.frameRegisterAndOffset >>> 4) * 16,
    codes: readCodes(file, at, slots, version, rva),
    handlerRva: hasHandler ? file.view.getUint32(file.offsetOf(tail, 4, 'exception handler'), true) : null,
    handlerDataRva: hasHandler ? tail + 4 : null,
    chained: isChained
      ? runtimeFunction(file, file.offsetOf(tail, RuntimeFunctionEntry.size, 'chained RUNTIME_FUNCTION'))
      : null,
  }
}

function readCodes(file: ImageFile, at: number, slots: number, version: number, rva: number): UnwindCode[] {
  const codes: UnwindCode[] = []
  let slot = 0
  const take = (count: number): number => {
    if (slot + count > slots) throw bad(rva, `has ${slots} code slots, the last code needs ${slot + count}`)
    const place = at + slot * 2
    slot += count
    return place
  }
  while (slot < slots) {
    const place = take(1)
    const codeOffset = file.view.getUint8(place)
    const op = file.view.getUint8(place + 1) & 15
    const opInfo = file.view.getUint8(place + 1) >>> 4
    const next16 = (scale: number): number => file.view.getUint16(take(1), true) * scale
    const next32 = (): number => file.view.getUint32(take(2), true)
    switch (op) {
      case UWOP_PUSH_NONVOL:
        codes.push({ codeOffset, op: 'PUSH_NONVOL', register: opInfo })
        break
      case UWOP_ALLOC_LARGE:
        if (opInfo > 1) throw bad(rva, `has ALLOC_LARGE with operation info ${opInfo}, expected 0 or 1`)
        codes.push({ codeOffset, op: 'ALLOC_LARGE', byteLength: opInfo === 0 ? next16(8) : next32() })
        break
      case UWOP_ALLOC_SMALL:
        codes.push({ codeOffset, op: 'ALLOC_SMALL', byteLength: opInfo * 8 + 8 })
        break
      case UWOP_SET_FPREG:
        codes.push({ codeOffset, op: 'SET_FPREG' })
        break
      case UWOP_SAVE_NONVOL:
        codes.push({ codeOffset, op: 'SAVE_NONVOL', register: opInfo, offset: next16(8) })
        break
      case UWOP_SAVE_NONVOL_FAR:
        codes.push({ codeOffset, op: 'SAVE_NONVOL_FAR', register: opInfo, offset: next32() })
        break
      case UWOP_SAVE_XMM128:
        codes.push({ codeOffset, op: 'SAVE_XMM128', register: opInfo, offset: next16(16) })
        break
      case UWOP_SAVE_XMM128_FAR:
        codes.push({ codeOffset, op: 'SAVE_XMM128_FAR', register: opInfo, offset: next32() })
        break
      case UWOP_PUSH_MACHFRAME:
        if (opInfo > 1) throw bad(rva, `has PUSH_MACHFRAME with operation info ${opInfo}, expected 0 or 1`)
        codes.push({ codeOffset, op: 'PUSH_MACHFRAME', hasErrorCode: opInfo === 1 })
        break
      default:
        // Codes 6 and 7 of version 1 saved halves of XMM registers in the first x64 compilers.
        if (op !== UWOP_EPILOG || version !== 2) throw bad(rva, `has operation ${op} in version ${version}`)
        codes.push({ codeOffset, op: 'EPILOG', opInfo })
    }
  }
  return codes
}

const bad = (rva: number, found: string): ImageError =>
  new ImageError('IMAGE_BAD_UNWIND_INFO', `UNWIND_INFO at rva ${hex(rva)} ${found}`, { rva })
