// A minidump with what a debugger looks at: registers, call stack, PRCB, thread, process and blocks of memory. Built on the
// bare one of triage-dump.ts, with offsets of its own.
import { ascii, type BuiltModule, DEFAULT_MODULES } from './built-modules.ts'
import { buildTriageDump } from './triage-dump.ts'

export interface CrashMinidump {
  readonly bugcheck: number
  readonly parameters?: readonly [bigint, bigint, bigint, bigint]
  readonly build?: number
  /** KDDEBUGGER_DATA64.Size: 0x360 is that of Windows 8.1. */
  readonly debuggerDataSize?: number
  readonly modules?: readonly BuiltModule[]
  /** By name; `fill` leaves the header's context at the fill PAGE. */
  readonly context?: Readonly<Partial<Record<Register, bigint>>> | 'fill'
  readonly stack?: { readonly address: bigint; readonly words: readonly bigint[] }
  readonly blocks?: ReadonlyArray<{ readonly address: bigint; readonly bytes: Uint8Array }>
  /** The thread and process of the crash; without them the dump holds neither. */
  readonly crashed?: {
    readonly thread: bigint
    readonly process: bigint
    readonly cid: readonly [process: number, thread: number]
    readonly imageName: string
    /** Offsets of EPROCESS.UniqueProcessId and ImageFileName: those of Windows 8.1. */
    readonly places?: readonly [uniqueProcessId: number, imageFileName: number]
  }
}

const REGISTERS = [
  'rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'rip',
] as const // biome-ignore format: one row
export type Register = (typeof REGISTERS)[number]

const PRCB_BYTES = 0x5d80
const THREAD_BYTES = 0x778
const PROCESS_BYTES = 0x6f0
const PROCESSOR = 1

/** CONTEXT of x64 with registers by name. */
export function buildContext(registers: Readonly<Partial<Record<Register, bigint>>>): Uint8Array {
  const bytes = new Uint8Array(0x4d0)
  const view = new DataView(bytes.buffer)
  view.setUint32(0x30, 0x10000f, true)
  view.setUint16(0x38, 0x10, true)
  view.setUint16(0x42, 0x18, true)
  for (const [index, name] of REGISTERS.entries())
    view.setBigUint64(0x78 + index * 8, registers[name] ?? 0n, true)
  return bytes
}

/** EXCEPTION_RECORD of 64-bit Windows. */
export function buildExceptionRecord(
  code: number,
  address: bigint,
  information: readonly bigint[] = [],
): Uint8Array {
  const bytes = new Uint8Array(0x98)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, code, true)
  view.setBigUint64(0x10, address, true)
  view.setUint32(0x18, information.length, true)
  for (const [index, value] of information.entries()) view.setBigUint64(0x20 + index * 8, value, true)
  return bytes
}

/** KTRAP_FRAME of x64: volatile registers, the fault address and the machine frame. */
export function buildTrapFrame(
  registers: Readonly<
    Partial<Record<'rax' | 'rcx' | 'rdx' | 'r8' | 'r9' | 'r10' | 'r11' | 'rbp' | 'rip' | 'rsp', bigint>>
  >,
  faultAddress = 0n,
): Uint8Array {
  const bytes = new Uint8Array(0x190)
  const view = new DataView(bytes.buffer)
  for (const [index, name] of (['rax', 'rcx', 'rdx', 'r8', 'r9', 'r10', 'r11'] as const).entries()) {
    view.setBigUint64(0x30 + index * 8, registers[name] ?? 0n, true)
  }
  view.setBigUint64(0xd0, faultAddress, true)
  view.setBigUint64(0x158, registers.rbp ?? 0n, true)
  view.setBigUint64(0x168, registers.rip ?? 0n, true)
  view.setUint16(0x170, 0x10, true)
  view.setUint32(0x178, 0x10246, true)
  view.setBigUint64(0x180, registers.rsp ?? 0n, true)
  view.setUint16(0x188, 0x18, true)
  return bytes
}

export function buildCrashMinidump(recipe: CrashMinidump): Uint8Array {
  const { crashed, stack, blocks = [], debuggerDataSize = 0x360 } = recipe
  const base = buildTriageDump(recipe.modules ?? DEFAULT_MODULES)
  const bodies = blocks.reduce((sum, { bytes }) => sum + bytes.length + 16, 0)
  const objects = crashed === undefined ? 0 : PRCB_BYTES + THREAD_BYTES + PROCESS_BYTES
  const out = new Uint8Array(base.length + 4 + bodies + objects + (stack?.words.length ?? 0) * 8 + 64)
  out.set(base)
  const view = new DataView(out.buffer)
  let end = base.length
  const take = (byteLength: number): number => {
    end = (end + 7) & ~7
    end += byteLength
    return end - byteLength
  }
  view.setUint32(0xc, recipe.build ?? 9600, true)
  view.setUint32(0x38, recipe.bugcheck, true)
  for (const [index, value] of (recipe.parameters ?? [0n, 0n, 0n, 0n]).entries()) {
    view.setBigUint64(0x40 + index * 8, value, true)
  }
  view.setUint32(0x1038, 0xcff, true)
  if (recipe.context === 'fill') for (let at = 0x348; at < 0xf00; at += 4) out.set(ascii('PAGE'), at)
  else out.set(buildContext(recipe.context ?? {}), 0x348)

  const kdbg = view.getUint32(0x2070, true)
  view.setUint32(0x2074, debuggerDataSize, true)
  view.setUint32(kdbg + 0x14, debuggerDataSize, true)
  view.setUint16(kdbg + 0x29a, 0xf0, true) // OffsetKThreadTeb
  view.setUint16(kdbg + 0x2a0, 0xb8, true) // OffsetKThreadApcProcess
  view.setUint16(kdbg + 0x2a2, 0x184, true) // OffsetKThreadState
  view.setUint16(kdbg + 0x2a8, PROCESS_BYTES, true)
  view.setUint16(kdbg + 0x2aa, 0x3e8, true) // OffsetEprocessPeb
  view.setUint16(kdbg + 0x2ae, 0x28, true) // OffsetEprocessDirectoryTableBase
  view.setUint16(kdbg + 0x2b0, PRCB_BYTES, true)
  view.setUint16(kdbg + 0x2b4, 8, true) // OffsetPrcbCurrentThread
  view.setUint16(kdbg + 0x2be, 0x24, true) // OffsetPrcbNumber
  view.setUint16(kdbg + 0x2c0, THREAD_BYTES, true)
  view.setUint32(kdbg + 0x34c, 0x658, true) // OffsetEThreadIrpList

  if (crashed !== undefined) {
    const [prcb, thread, process] = [take(PRCB_BYTES), take(THREAD_BYTES), take(PROCESS_BYTES)]
    view.setUint32(0x201c, prcb, true)
    view.setUint32(0x2020, process, true)
    view.setUint32(0x2024, thread, true)
    view.setBigUint64(prcb + 8, crashed.thread, true)
    view.setUint32(prcb + 0x24, PROCESSOR, true)
    out[thread] = 6
    view.setBigUint64(thread + 0xb8, crashed.process, true)
    out[thread + 0x184] = 2
    view.setBigUint64(thread + 0x620, BigInt(crashed.cid[0]), true)
    view.setBigUint64(thread + 0x628, BigInt(crashed.cid[1]), true)
    out[process] = 3
    const [pid, name] = crashed.places ?? [0x2e0, 0x438]
    view.setBigUint64(process + 0x28, 0x1ab000n, true)
    view.setBigUint64(process + pid, BigInt(crashed.cid[0]), true)
    out.set(ascii(crashed.imageName).subarray(0, 15), process + name)
  }
  if (stack !== undefined) {
    const at = take(stack.words.length * 8)
    view.setUint32(0x2028, at, true)
    view.setUint32(0x202c, stack.words.length * 8, true)
    view.setBigUint64(0x2048, stack.address, true)
    for (const [index, word] of stack.words.entries()) view.setBigUint64(at + index * 8, word, true)
  }
  const table = take(blocks.length * 16)
  view.setUint32(0x2078, table, true)
  view.setUint32(0x207c, blocks.length, true)
  for (const [index, { address, bytes }] of blocks.entries()) {
    const at = end
    end += bytes.length
    out.set(bytes, at)
    view.setBigUint64(table + index * 16, address, true)
    view.setUint32(table + index * 16 + 8, at, true)
    view.setUint32(table + index * 16 + 12, bytes.length, true)
  }
  view.setUint32(0x2008, end, true)
  out.set(ascii('TRGD'), end)
  view.setUint32(0x2004, end + 4, true)
  return out.slice(0, end + 4)
}
