// What instructions ask of the processor outside registers and memory: control registers, stops, system flags.
// Further families (MSRs, ports, time) add to it in files of their own.
import type { CpuStopReason } from './cpu.ts'
import { cpuid } from './cpuid.ts'
import { ARITHMETIC, Flag, FlagKind, type Flags, KERNEL_FLAGS } from './flags.ts'
import { type State, Word } from './state.ts'
import { Interruption } from './stop.ts'

export interface System {
  stop(reason: CpuStopReason): never
  /** Stops unless ring 0 runs. */
  kernelOnly(): void
  /** The upper half is in `high`. */
  readControl(index: number): number
  high(): number
  writeControl(index: number, lo: number, hi: number): void
  popFlags(value: number): void
  /** sti. */
  setInterruptFlag(): void
  /** rdmsr and wrmsr of the register in ecx, into and from edx:eax; one that is not modelled stops by name. */
  readMsr(): void
  writeMsr(): void
  /** edx:eax = nanoseconds of the virtual clock: the counter runs at 1 GHz. */
  readTime(): void
  identify(): void
  invalidatePage(lo: number, hi: number): void
  /** One flag is set or cleared, the others stay. */
  setCarry(bit: number): void
  setZero(bit: number): void
  /** All of them, in their places. */
  setArithmetic(bits: number): void
  /** 32 bits that follow from the world's seed. */
  random(): number
  /** CRC-32C of so many bytes more. */
  crc32(crc: number, lo: number, hi: number, byteLength: number): number
  /** How many bits are set. */
  ones(lo: number, hi: number): number
}

export interface SystemHooks {
  /** Paging changed: translations and decoded code are looked at again. */
  flushTranslations(): void
  invalidatePage(lo: number, hi: number): void
  /** The clock, brought up to the instruction. */
  nowNs(): number
  /** Before interrupts are let in that were kept out: cr8 falls to `level`, or the interrupt flag is set (null). */
  unmasks(instruction: string, level: number | null): void
  /** Of what rdrand answers. */
  readonly seed: number
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

export function createSystem({ words }: State, flags: Flags, hooks: SystemHooks): System {
  const stop = (reason: CpuStopReason): never => {
    throw new Interruption(reason)
  }
  const unknownMsr = (instruction: string): never => {
    const number = (words[RCX]! >>> 0).toString(16)
    throw new Interruption('notImplemented', { form: `${instruction} of register 0x${number}` })
  }
  const isUserMode = (): boolean => (words[Word.cs]! & 3) !== 0
  const kernelOnly = (): void => {
    if (isUserMode()) stop('generalProtection')
  }
  let seed = hooks.seed
  const setRegister = (word: number, value: number): void => {
    words[word] = value
    words[word + 1] = 0
  }
  const setPair = (lo: number, hi: number): void => {
    setRegister(0, lo)
    setRegister(RDX, hi)
  }
  return {
    stop,
    kernelOnly,
    high: () => words[Word.high]!,
    readControl(index) {
      kernelOnly()
      if (index === 8) {
        words[Word.high] = 0
        return words[Word.cr8]!
      }
      const at = CONTROL_WORDS[index]
      if (at === undefined) return stop('invalidOpcode')
      words[Word.high] = words[at + 1]!
      return words[at]!
    },
    writeControl(index, lo, hi) {
      kernelOnly()
      if (index === 8) {
        if (hi !== 0 || lo >>> 0 > 15) stop('generalProtection')
        if (lo < words[Word.cr8]!) hooks.unmasks('mov cr8', lo)
        words[Word.cr8] = lo
        return
      }
      const at = CONTROL_WORDS[index]
      if (at === undefined) return stop('invalidOpcode')
      // paging and long mode stay on: leaving them is not modelled
      if ((index === 0 || index === 4) && (lo !== words[at] || hi !== 0)) stop('notImplemented')
      words[at] = lo
      words[at + 1] = hi
      if (index === 3) hooks.flushTranslations()
    },
    readMsr() {
      kernelOnly()
      const at = MSR_WORDS[words[RCX]! >>> 0]
      if (at === undefined) return unknownMsr('rdmsr')
      setPair(words[at]!, words[at + 1]!)
    },
    writeMsr() {
      kernelOnly()
      const number = words[RCX]! >>> 0
      const at = MSR_WORDS[number]
      if (at === undefined) return unknownMsr('wrmsr')
      const lo = words[0]!
      const hi = words[RDX]!
      if (number === IA32_EFER) {
        if (lo !== words[at] || hi !== 0) unknownMsr('wrmsr') // long mode and NX stay on
      } else if (!NO_ADDRESS.has(at) && (hi << 16) >> 16 !== hi) stop('generalProtection') // addresses are canonical
      words[at] = lo
      words[at + 1] = hi
    },
    readTime() {
      const now = Math.floor(hooks.nowNs())
      setPair(now | 0, Math.floor(now / 2 ** 32))
    },
    identify() {
      const leaf = cpuid(words[0]!, words[RCX]!)
      setRegister(0, leaf.eax)
      setRegister(RBX, leaf.ebx)
      setRegister(RCX, leaf.ecx)
      setRegister(RDX, leaf.edx)
    },
    invalidatePage: hooks.invalidatePage,
    setCarry(bit) {
      words[Word.arithmetic] = (flags.settle() & ~Flag.c) | bit
    },
    setZero(bit) {
      words[Word.arithmetic] = (flags.settle() & ~Flag.z) | (bit === 0 ? 0 : Flag.z)
    },
    setArithmetic(bits) {
      words[Word.flagKind] = FlagKind.ready
      words[Word.arithmetic] = bits
    },
    random() {
      // SplitMix32 (Steele, Lea, Flood 2014, for 32 bits)
      seed = (seed + 0x9e3779b9) | 0
      const mixed = Math.imul(seed ^ (seed >>> 16), 0x21f0aaad)
      const again = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
      return again ^ (again >>> 15)
    },
    crc32(crc, lo, hi, byteLength) {
      for (let i = 0; i < byteLength; i++) {
        crc ^= ((i < 4 ? lo : hi) >>> ((i & 3) * 8)) & 0xff
        for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : CASTAGNOLI)
      }
      return crc | 0
    },
    ones: (lo, hi) => ones(lo) + ones(hi),
    setInterruptFlag() {
      if ((words[Word.system]! & Flag.i) === 0) hooks.unmasks('sti', null)
      words[Word.system]! |= Flag.i
    },
    popFlags(value) {
      if ((value & Flag.t) !== 0) stop('notImplemented')
      const kept = isUserMode() ? KERNEL_FLAGS : 0
      if ((value & ~kept & ~words[Word.system]! & Flag.i) !== 0) hooks.unmasks('popfq', null)
      flags.write((value & POPPED_FLAGS & ~kept) | (flags.read() & kept) | 2)
    },
  }
}

function ones(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
