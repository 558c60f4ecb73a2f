// What instructions ask of the processor outside registers and memory: control registers, stops, system flags.
// Further families (MSRs, ports, time) add to it in files of their own.
import type { CpuStopReason } from './cpu.ts'
import { Flag, FlagKind, type Flags } from './flags.ts'
import { type State, Word } from './state.ts'
import { Interruption } from './stop.ts'

export interface System {
  stop(reason: CpuStopReason): never
  /** The upper half is in `high`. */
  readControl(index: number): number
  high(): number
  writeControl(index: number, lo: number, hi: number): void
  popFlags(value: number): void
  /** One flag is set or cleared, the others stay. */
  setCarry(bit: number): void
  setZero(bit: number): void
  /** All other arithmetic flags are cleared. */
  onlyZero(bit: number): void
  /** How many bits are set. */
  ones(lo: number, hi: number): number
}

export interface SystemHooks {
  /** Paging changed: translations and decoded code are looked at again. */
  flushTranslations(): void
}

const CONTROL_WORDS: Readonly<Record<number, number>> = { 0: Word.cr0, 2: Word.cr2, 3: Word.cr3, 4: Word.cr4 }
/** What popfq takes in 64-bit code at ring 0 of those that are modelled; the others stay 0 (vol. 2, POPF). */
const POPPED_SYSTEM_FLAGS = Flag.i | Flag.d | 0x200000 | 0x40000 | 0x4000

export function createSystem({ words }: State, flags: Flags, hooks: SystemHooks): System {
  const stop = (reason: CpuStopReason): never => {
    throw new Interruption(reason)
  }
  return {
    stop,
    high: () => words[Word.high]!,
    readControl(index) {
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
      if (index === 8) {
        if (hi !== 0 || lo >>> 0 > 15) stop('generalProtection')
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
    setCarry(bit) {
      words[Word.arithmetic] = (flags.settle() & ~Flag.c) | bit
    },
    setZero(bit) {
      words[Word.arithmetic] = (flags.settle() & ~Flag.z) | (bit === 0 ? 0 : Flag.z)
    },
    onlyZero(bit) {
      words[Word.flagKind] = FlagKind.ready
      words[Word.arithmetic] = bit === 0 ? 0 : Flag.z
    },
    ones: (lo, hi) => ones(lo) + ones(hi),
    popFlags(value) {
      if ((value & Flag.t) !== 0) stop('notImplemented')
      flags.write((value & (POPPED_SYSTEM_FLAGS | 0xcd5)) | 2)
    },
  }
}

function ones(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
