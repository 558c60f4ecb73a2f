// What instructions ask of the processor outside registers and memory: control registers, stops, system flags.
// Further families (MSRs, ports, time) add to it in files of their own.
import type { CpuStopReason } from './cpu.ts'
import { cpuid } from './cpuid.ts'
import { ARITHMETIC, Flag, FlagKind, type Flags, KERNEL_FLAGS } from './flags.ts'
import { type State, Word } from './state.ts'
import { Exception } from './stop.ts'

export interface SystemHooks {
  /** Paging changed: translations and decoded code are looked at again. */
  flushTranslations(): void
  invalidatePage(lo: number, hi: number): void
  /** The clock, brought up to the instruction. */
  nowNs(): number
  /** Before interrupts are let in that were kept out: cr8 falls to `level`, or the interrupt flag is set (null). */
  unmasks(instruction: string, level: number | null): void
}

// words of registers
const RCX = 2
const RDX = 4
const RBX = 6
const IA32_EFER = 0xc0000080
/** IA32_EFER, STAR, LSTAR, CSTAR, FMASK, FS_BASE, GS_BASE, KERNEL_GS_BASE (vol. 4, 2.1): where they are in the state. */
const MSR_WORDS: Readonly<Record<number, number>> = {
  [IA32_EFER]: Word.efer,
  3221225601: Word.star,
  3221225602: Word.lstar,
  3221225603: Word.cstar,
  3221225604: Word.syscallMask,
  3221225728: Word.fsBase,
  3221225729: Word.gsBase,
  3221225730: Word.kernelGsBase,
}
/** Selectors and flags. */
const NO_ADDRESS: ReadonlySet<number> = new Set([Word.star, Word.syscallMask])

const CONTROL_WORDS: Readonly<Record<number, number>> = { 0: Word.cr0, 2: Word.cr2, 3: Word.cr3, 4: Word.cr4 }
/** The polynomial of CRC-32C, lowest bit first. */
const CASTAGNOLI = 0x82f63b78
/** What popfq takes in 64-bit code of those that are modelled; the others stay 0 (vol. 2, POPF). */
const POPPED_FLAGS = ARITHMETIC | Flag.i | Flag.d | 0x200000 | 0x40000 | 0x7000 // ID, AC, NT, IOPL

export class System {
  readonly #words: Int32Array
  readonly #flags: Flags
  readonly #hooks: SystemHooks
  /** The state of the generator that rdrand reads. */
  seed = 0

  constructor({ words }: State, flags: Flags, hooks: SystemHooks) {
    this.#words = words
    this.#flags = flags
    this.#hooks = hooks
  }

  stop(reason: CpuStopReason): never {
    throw new Exception(reason)
  }

  #unknownMsr(instruction: string): never {
    const number = (this.#words[RCX]! >>> 0).toString(16)
    throw new Exception('notImplemented', { form: `${instruction} of register 0x${number}` })
  }

  #isUserMode(): boolean {
    return (this.#words[Word.cs]! & 3) !== 0
  }

  /** Stops unless ring 0 runs. */
  kernelOnly(): void {
    if (this.#isUserMode()) this.stop('generalProtection')
  }

  #setRegister(word: number, value: number): void {
    this.#words[word] = value
    this.#words[word + 1] = 0
  }

  #setPair(lo: number, hi: number): void {
    this.#setRegister(0, lo)
    this.#setRegister(RDX, hi)
  }

  high(): number {
    return this.#words[Word.high]!
  }

  /** The upper half is in `high`. */
  readControl(index: number): number {
    this.kernelOnly()
    if (index === 8) {
      this.#words[Word.high] = 0
      return this.#words[Word.cr8]!
    }
    const at = CONTROL_WORDS[index]
    if (at === undefined) return this.stop('invalidOpcode')
    this.#words[Word.high] = this.#words[at + 1]!
    return this.#words[at]!
  }

  writeControl(index: number, lo: number, hi: number): void {
    this.kernelOnly()
    if (index === 8) {
      if (hi !== 0 || lo >>> 0 > 15) this.stop('generalProtection')
      if (lo < this.#words[Word.cr8]!) this.#hooks.unmasks('mov cr8', lo)
      this.#words[Word.cr8] = lo
      return
    }
    const at = CONTROL_WORDS[index]
    if (at === undefined) this.stop('invalidOpcode')
    // paging and long mode stay on: leaving them is not modelled
    if ((index === 0 || index === 4) && (lo !== this.#words[at] || hi !== 0)) this.stop('notImplemented')
    this.#words[at] = lo
    this.#words[at + 1] = hi
    if (index === 3) this.#hooks.flushTranslations()
  }

  /** rdmsr and wrmsr of the register in ecx, into and from edx:eax; one that is not modelled stops by name. */
  readMsr(): void {
    this.kernelOnly()
    const at = MSR_WORDS[this.#words[RCX]! >>> 0]
    if (at === undefined) this.#unknownMsr('rdmsr')
    this.#setPair(this.#words[at]!, this.#words[at + 1]!)
  }

  writeMsr(): void {
    this.kernelOnly()
    const number = this.#words[RCX]! >>> 0
    const at = MSR_WORDS[number]
    if (at === undefined) this.#unknownMsr('wrmsr')
    const lo = this.#words[0]!
    const hi = this.#words[RDX]!
    if (number === IA32_EFER) {
      if (lo !== this.#words[at] || hi !== 0) this.#unknownMsr('wrmsr') // long mode and NX stay on
    } else if (!NO_ADDRESS.has(at) && (hi << 16) >> 16 !== hi) this.stop('generalProtection') // addresses are canonical
    this.#words[at] = lo
    this.#words[at + 1] = hi
  }

  /** edx:eax = nanoseconds of the virtual clock: the counter runs at 1 GHz. */
  readTime(): void {
    const now = Math.floor(this.#hooks.nowNs())
    this.#setPair(now | 0, Math.floor(now / 2 ** 32))
  }

  identify(): void {
    const leaf = cpuid(this.#words[0]!, this.#words[RCX]!)
    this.#setRegister(0, leaf.eax)
    this.#setRegister(RBX, leaf.ebx)
    this.#setRegister(RCX, leaf.ecx)
    this.#setRegister(RDX, leaf.edx)
  }

  invalidatePage(lo: number, hi: number): void {
    this.#hooks.invalidatePage(lo, hi)
  }

  /** One flag is set or cleared, the others stay. */
  setCarry(bit: number): void {
    this.#words[Word.arithmetic] = (this.#flags.settle() & ~Flag.c) | bit
  }

  setZero(bit: number): void {
    this.#words[Word.arithmetic] = (this.#flags.settle() & ~Flag.z) | (bit === 0 ? 0 : Flag.z)
  }

  /** All of them, in their places. */
  setArithmetic(bits: number): void {
    this.#words[Word.flagKind] = FlagKind.ready
    this.#words[Word.arithmetic] = bits
  }

  /** 32 bits that follow from the world's seed. */
  random(): number {
    // SplitMix32 (Steele, Lea, Flood 2014, for 32 bits)
    this.seed = (this.seed + 0x9e3779b9) | 0
    const mixed = Math.imul(this.seed ^ (this.seed >>> 16), 0x21f0aaad)
    const again = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return again ^ (again >>> 15)
  }

  /** CRC-32C of so many bytes more. */
  crc32(crc: number, lo: number, hi: number, byteLength: number): number {
    for (let i = 0; i < byteLength; i++) {
      crc ^= ((i < 4 ? lo : hi) >>> ((i & 3) * 8)) & 0xff
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : CASTAGNOLI)
    }
    return crc | 0
  }

  /** How many bits are set. */
  ones(lo: number, hi: number): number {
    return ones(lo) + ones(hi)
  }

  /** sti. */
  setInterruptFlag(): void {
    if ((this.#words[Word.system]! & Flag.i) === 0) this.#hooks.unmasks('sti', null)
    this.#words[Word.system]! |= Flag.i
  }

  popFlags(value: number): void {
    if ((value & Flag.t) !== 0) this.stop('notImplemented')
    const kept = this.#isUserMode() ? KERNEL_FLAGS : 0
    if ((value & ~kept & ~this.#words[Word.system]! & Flag.i) !== 0) this.#hooks.unmasks('popfq', null)
    this.#flags.write((value & POPPED_FLAGS & ~kept) | (this.#flags.read() & kept) | 2)
  }
}

function ones(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
