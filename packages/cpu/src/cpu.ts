// The contract of the processor: one x86-64 core in long mode that runs guest code when the host calls it. It has no
// life of its own: between calls nothing executes. Guest faults end the call by name; there is no IDT to deliver to.
import type { Gpa, Gva } from '@dumpstack/bytes'
import type { DecodedInstruction } from './decoder.ts'

/** General registers in the order of their encoding; also the index into `readGpr`. */
export const Gpr = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
} as const
export type Gpr = (typeof Gpr)[keyof typeof Gpr]

/** Why guest code could not go on. */
export type CpuStopReason =
  /** #DE, #UD, #GP, #PF and the like: the guest's own fault. */
  | 'divideError'
  | 'debugBreak'
  | 'invalidOpcode'
  | 'generalProtection'
  | 'pageFault'
  | 'alignmentFault'
  /** `int 29h`; the code is in ecx. */
  | 'fastFail'
  /** `hlt`, or a jump to where nothing can come back from. */
  | 'halted'
  /** An instruction form that is not implemented: no fault of the guest code, and never a guess. */
  | 'notImplemented'
  /** The call used up its instructions (or came through too many that never repeat), its stall time, or nested too deeply. */
  | 'instructionBudget'
  | 'stallBudget'
  | 'callDepth'

/** Guest code stopped; registers are those before the instruction. CpuStop extends CpuError with code CPU_STOP. */
export interface CpuStopFacts {
  readonly reason: CpuStopReason
  readonly rip: Gva
  /** The instruction's bytes, as many as could be fetched. */
  readonly bytes: Uint8Array
  /** For a page fault: the address and what was tried. */
  readonly address?: Gva
  readonly access?: 'read' | 'write' | 'execute'
  /** For a page fault: false where no translation exists, true where one forbids the access. */
  readonly present?: boolean
  /** For a page fault: what the processor pushes (Intel SDM volume 3, 4.7). */
  readonly errorCode?: number
  /** The name of the form that is not implemented. */
  readonly form?: string
}

/** How much guest code may run in one outermost call. */
export interface CpuBudget {
  instructions: number
  /** Virtual nanoseconds that import handlers and register accesses may let pass, and code that only waits. */
  stallNs: number
}

/** A register access through memory or a port, as `calls` lists it. */
export interface DeviceAccess {
  readonly kind: 'mmio' | 'port'
  readonly direction: 'read' | 'write'
  /** Physical address, or port number. */
  readonly address: number
  readonly byteLength: number
  readonly value: bigint
  readonly rip: Gva
}

/** Made by saveState, opaque. */
export interface CpuState {
  readonly words: Int32Array
}

export interface Cpu {
  /** 64 bits of a general register. Between instructions only: handlers and callers see true values. */
  readGpr(register: Gpr): bigint
  writeGpr(register: Gpr, value: bigint): void
  /** Sixteen bytes; live. */
  xmm(index: number): Uint8Array
  rip: Gva
  /** While RAM tells of a store: the instruction that stores. */
  readonly currentRip: Gva
  rflags: number
  readonly mxcsr: number
  /** CR3: changing it flushes translations. */
  cr3: Gpa
  /** The IRQL: guest code reads and writes it as CR8. */
  cr8: number
  gsBase: Gva
  fsBase: Gva
  /** Instructions executed since creation. */
  readonly instructionCount: number
  /**
   * Them, and what takes the host longer, as several: register accesses, traps, decoding, page tables that change. An outermost
   * call is stopped, as if its instructions were used up, when it makes too much work.
   */
  readonly workCount: number
  /**
   * A trap handler does work that an instruction is no measure of: called as the work goes, so that it ends where the work of the
   * call is used up, as code does.
   */
  charge(instructions: number): void
  /** The instruction at an address; null where none lies. */
  decodeAt(address: Gva): DecodedInstruction | null
  /** What is left of the outermost call; set before it. */
  readonly budget: CpuBudget

  /**
   * Calls guest code by the x64 convention of Windows: arguments in rcx, rdx, r8, r9 and above 32 bytes of home space, on
   * the stack that rsp points into, aligned as a call leaves it. Returns rax. Import handlers may call again (nested).
   * rsp and rip are put back afterwards; what else the caller counts on, the convention has the code preserve. Throws
   * CpuStop.
   */
  call(entry: Gva, args: readonly bigint[]): bigint

  /** Executes from rip until something stops it; its work is counted for itself. Throws CpuStop, also for a halt, and what a trap handler throws. */
  run(): never
  /** Every register: what a processor of the system keeps while the core plays another one. */
  saveState(): CpuState
  /** Translations are made again. */
  restoreState(state: CpuState): void

  /**
   * From now on executing `base + 16 * slot`, for 0 <= slot < count, calls `handler(slot)` instead, puts its answer into
   * rax and returns to the caller. The handler may read arguments with `argument`.
   */
  trap(base: Gva, count: number, handler: (slot: number) => bigint): void
  /** Inside a trap handler: the caller's argument 0, 1, ...: registers, then the stack. */
  argument(index: number): bigint
  /** Inside a trap handler: the address that it returns to. */
  readonly returnAddress: Gva

  /** Reads through the processor's page tables; the count that could be read. Device windows read as nothing. */
  read(gva: Gva, into: Uint8Array): number
  /** Writes through them; a count below the length where a page is not mapped or not writable. */
  write(gva: Gva, from: Uint8Array): number
  translate(gva: Gva): Gpa | null

  /** Sees every device register access; null ends it. */
  onDeviceAccess(observer: ((access: DeviceAccess) => void) | null): void
  /**
   * Asked about what ends a call: a CpuStop, or what a trap handler threw, with the registers as they were then. Where it answers true it
   * has set the registers, and the call goes on at rip. It may call guest code. Null ends it.
   */
  onStop(handler: ((error: unknown) => boolean) | null): void
  /**
   * Called before an instruction lets interrupts in that were kept out: it lowers cr8 to `level`, or sets the interrupt flag
   * (null). Rip is that of the instruction. Null ends it.
   */
  onUnmask(listener: ((instruction: string, level: number | null) => void) | null): void
  /** Called every few hundred instructions, between two, with the clock up to date; null ends it. */
  onInterval(listener: (() => void) | null): void
  /**
   * Page tables changed outside the processor: translations are made again. Changed code is noticed without it. With an address only that of its
   * page, which may not be executed before or after.
   */
  invalidate(dataPage?: Gva): void
  /** Ends its use: what was compiled for it serves the next processor, in whatever world. Throws CpuError CPU_USE inside a call. */
  close(): void
}

export interface CpuOptions {
  /** Virtual nanoseconds that one instruction takes; 1 where it is not given. */
  readonly nsPerInstruction?: number
  /** With its how-manieth run code is compiled for speed; never for 0; 200 where it is not given. */
  readonly hotRuns?: number
}
