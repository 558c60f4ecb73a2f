// Where a local is while some code runs: in a register, or in memory beside one. Numbers of registers are CodeView's (CV_HREG_e of
// cvconst.h; LLVM's CodeViewRegisters.def).
import type { LocalPlace } from '../symbol-file.ts'
import type { StreamBytes } from './stream-bytes.ts'
import {
  AddressGap,
  AddressRange,
  DefRangeFramePointer,
  DefRangeFullScope,
  DefRangeRegister,
  DefRangeRegisterRel,
  S_DEFRANGE_FRAMEPOINTER_REL,
  S_DEFRANGE_FRAMEPOINTER_REL_FULL_SCOPE,
  S_DEFRANGE_REGISTER,
  S_DEFRANGE_REGISTER_REL,
  type SymbolRecord,
} from './symbol-records.ts'

/** Names of registers whose numbers follow each other. */
const ROWS: readonly (readonly [first: number, names: string])[] = [
  [1, 'al cl dl bl ah ch dh bh ax cx dx bx sp bp si di eax ecx edx ebx esp ebp esi edi'],
  [154, 'xmm0 xmm1 xmm2 xmm3 xmm4 xmm5 xmm6 xmm7'],
  [252, 'xmm8 xmm9 xmm10 xmm11 xmm12 xmm13 xmm14 xmm15'],
  [324, 'sil dil bpl spl rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15'],
  [344, 'r8b r9b r10b r11b r12b r13b r14b r15b r8w r9w r10w r11w r12w r13w r14w r15w'],
  [360, 'r8d r9d r10d r11d r12d r13d r14d r15d'],
]
const REGISTERS: ReadonlyMap<number, string> = new Map(
  ROWS.flatMap(([first, names]) => names.split(' ').map((name, index) => [first + index, name] as const)),
)

/** IMAGE_FILE_MACHINE_AMD64 */
const MACHINE_AMD64 = 0x8664
/** Two bits of the flags of S_FRAMEPROC, on x64 (CV_encodedFrameReg): from which register a frame counts. */
const FRAME_REGISTERS = [null, 'rsp', 'rbp', 'r13'] as const
const LOCAL_BASE_SHIFT = 14
const PARAMETER_BASE_SHIFT = 16
/** A flag of S_DEFRANGE_REGISTER_REL: it is a part of the local that lies there. */
const IS_PART = 1

export interface FrameBases {
  readonly ofLocals: string | null
  readonly ofParameters: string | null
}
export const NO_FRAME: FrameBases = { ofLocals: null, ofParameters: null }

/** Empty for another machine than x64. */
export const frameBases = (flags: number, machine: number): FrameBases =>
  machine !== MACHINE_AMD64
    ? NO_FRAME
    : {
        ofLocals: FRAME_REGISTERS[(flags >>> LOCAL_BASE_SHIFT) & 3]!,
        ofParameters: FRAME_REGISTERS[(flags >>> PARAMETER_BASE_SHIFT) & 3]!,
      }

export function inRegister(number: number): LocalPlace | null {
  const register = REGISTERS.get(number)
  return register === undefined ? null : { kind: 'register', register }
}

export function besideRegister(number: number, offset: number): LocalPlace | null {
  const register = REGISTERS.get(number)
  return register === undefined ? null : { kind: 'memory', register, offset }
}

/**
 * Where the record says that the local before it is, for code at `at` of its segment; null where it says nothing of it. `base` is the
 * register that the frame counts from.
 */
export function placeAt(
  stream: StreamBytes,
  record: SymbolRecord,
  at: number,
  base: string | null,
): LocalPlace | null {
  const inFrame = (offset: number): LocalPlace | null =>
    base === null ? null : { kind: 'memory', register: base, offset }
  switch (record.kind) {
    case S_DEFRANGE_REGISTER: {
      const { register } = stream.struct(DefRangeRegister, record.offset)
      return isInRange(stream, record, DefRangeRegister.size, at) ? inRegister(register) : null
    }
    case S_DEFRANGE_REGISTER_REL: {
      const { register, flags, offset } = stream.struct(DefRangeRegisterRel, record.offset)
      const isHere = (flags & IS_PART) === 0 && isInRange(stream, record, DefRangeRegisterRel.size, at)
      return isHere ? besideRegister(register, offset) : null
    }
    case S_DEFRANGE_FRAMEPOINTER_REL: {
      const { offset } = stream.struct(DefRangeFramePointer, record.offset)
      return isInRange(stream, record, DefRangeFramePointer.size, at) ? inFrame(offset) : null
    }
    case S_DEFRANGE_FRAMEPOINTER_REL_FULL_SCOPE:
      return inFrame(stream.struct(DefRangeFullScope, record.offset).offset)
    default:
      return null
  }
}

/** The range ends the fixed fields of the record, and gaps fill the rest of it. */
function isInRange(stream: StreamBytes, record: SymbolRecord, fixedBytes: number, at: number): boolean {
  const { start, byteLength } = stream.struct(AddressRange, record.offset + fixedBytes - AddressRange.size)
  const from = at - start
  if (from < 0 || from >= byteLength) return false
  for (let gap = record.offset + fixedBytes; gap + AddressGap.size <= record.end; gap += AddressGap.size) {
    const { start: gapStart, byteLength: gapBytes } = stream.struct(AddressGap, gap)
    if (from >= gapStart && from < gapStart + gapBytes) return false
  }
  return true
}
