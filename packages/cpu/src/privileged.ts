// What only a kernel does besides control and model-specific registers: the ways into and out of ring 0, descriptor tables, the
// saved floating point area (Intel SDM volume 3A 2.4, 5.8.8; volume 2, SYSCALL, SYSRET, IRETQ, FXSAVE). Segments have no
// descriptors here: selectors are kept, and the lowest bits of cs are the ring. There is no x87 unit: FXSAVE shows one that was never used.
import { Flag, type Flags, KERNEL_FLAGS } from './flags.ts'
import type { Memory } from './memory.ts'
import { type State, Word } from './state.ts'
import { Interruption } from './stop.ts'

export interface Privileged {
  /** These three set rip; `next` is the address after the instruction. */
  enterSystemCall(nextLo: number, nextHi: number): void
  leaveSystemCall(): void
  returnFromInterrupt(): void
  loadTable(word: number, limitWord: number, lo: number, hi: number): void
  storeTable(word: number, limitWord: number, lo: number, hi: number): void
  saveFloatingPoint(lo: number, hi: number): void
  restoreFloatingPoint(lo: number, hi: number): void
}

const GPR = { rcx: 2, rsp: 8, r11: 22 } as const
const EFER_SCE = 1
const RPL_USER = 3
/** What SYSRET and IRETQ take from the image of the flags, of those that are modelled. */
const RETURNED_FLAGS = 0x3c7fd7
/** FXSAVE area (volume 1, 10.5.1): what is written ends with the last xmm register. */
const FX = { mxcsr: 24, mxcsrMask: 28, xmm: 0xa0, byteLength: 0x1a0 } as const
const MXCSR_MASK = 0xffff
/** In instructions: what saving or restoring takes of the host. */
const FX_COST = 80

export interface PrivilegedHooks {
  /** Ring 3 has been entered. */
  enterUserMode(): void
  charge(instructions: number): void
}

export function createPrivileged(
  { words }: State,
  flags: Flags,
  memory: Memory,
  hooks: PrivilegedHooks,
): Privileged {
  const refuse = (): never => {
    throw new Interruption('generalProtection')
  }
  const setSelectors = (cs: number, ss: number): void => {
    words[Word.cs] = cs
    words[Word.ss] = ss
    if ((cs & RPL_USER) !== 0) hooks.enterUserMode()
  }
  const setGpr = (word: number, lo: number, hi: number): void => {
    words[word] = lo
    words[word + 1] = hi
  }
  const at = (lo: number, hi: number, offset: number): [number, number] => {
    const sum = (lo + offset) | 0
    return [sum, sum >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi]
  }
  const load64 = (lo: number, hi: number, offset: number, into: number): void => {
    words[into] = memory.load64(...at(lo, hi, offset))
    words[into + 1] = words[Word.high]!
  }
  const checkAligned = (lo: number): void => {
    if ((lo & 15) !== 0) refuse()
  }

  return {
    enterSystemCall(nextLo, nextHi) {
      if ((words[Word.efer]! & EFER_SCE) === 0) throw new Interruption('invalidOpcode')
      const image = flags.read()
      setGpr(GPR.rcx, nextLo, nextHi)
      setGpr(GPR.r11, image, 0)
      flags.write((image & ~words[Word.syscallMask]!) | 2)
      words[Word.rip] = words[Word.lstar]!
      words[Word.rip + 1] = words[Word.lstar + 1]!
      const selector = words[Word.star + 1]! & 0xfffc
      setSelectors(selector, selector + 8)
    },
    leaveSystemCall() {
      if ((words[Word.efer]! & EFER_SCE) === 0) throw new Interruption('invalidOpcode')
      words[Word.rip] = words[GPR.rcx]!
      words[Word.rip + 1] = words[GPR.rcx + 1]!
      flags.write((words[GPR.r11]! & RETURNED_FLAGS) | 2)
      const selector = words[Word.star + 1]! >>> 16
      setSelectors((selector + 16) | RPL_USER, (selector + 8) | RPL_USER)
    },
    returnFromInterrupt() {
      const [lo, hi] = [words[GPR.rsp]!, words[GPR.rsp + 1]!]
      memory.probe(lo, hi, 40, 'read')
      const image = memory.load64(...at(lo, hi, 16))
      if ((image & Flag.t) !== 0) throw new Interruption('notImplemented')
      const cs = memory.load64(...at(lo, hi, 8)) & 0xffff
      const ring = words[Word.cs]! & RPL_USER
      if ((cs & RPL_USER) < ring) refuse()
      const ss = memory.load64(...at(lo, hi, 32)) & 0xffff
      load64(lo, hi, 0, Word.rip)
      load64(lo, hi, 24, GPR.rsp)
      const kept = ring === 0 ? 0 : KERNEL_FLAGS
      flags.write((image & RETURNED_FLAGS & ~kept) | (flags.read() & kept) | 2)
      setSelectors(cs, ss)
    },
    loadTable(word, limitWord, lo, hi) {
      const limit = memory.load16(lo, hi) & 0xffff
      load64(lo, hi, 2, word)
      words[limitWord] = limit
    },
    storeTable(word, limitWord, lo, hi) {
      memory.probe(lo, hi, 10, 'write')
      memory.store16(lo, hi, words[limitWord]!)
      memory.store64(...at(lo, hi, 2), words[word]!, words[word + 1]!)
    },
    saveFloatingPoint(lo, hi) {
      hooks.charge(FX_COST)
      checkAligned(lo)
      memory.probe(lo, hi, FX.byteLength, 'write')
      for (let offset = 0; offset < FX.xmm; offset += 8) memory.store64(...at(lo, hi, offset), 0, 0)
      memory.store16(lo, hi, words[Word.x87Control]!)
      memory.store32(...at(lo, hi, FX.mxcsr), words[Word.mxcsr]!)
      memory.store32(...at(lo, hi, FX.mxcsrMask), MXCSR_MASK)
      for (let i = 0; i < 16; i++) memory.store128(...at(lo, hi, FX.xmm + i * 16), Word.xmm + i * 4)
    },
    restoreFloatingPoint(lo, hi) {
      hooks.charge(FX_COST)
      checkAligned(lo)
      memory.probe(lo, hi, FX.byteLength, 'read')
      const mxcsr = memory.load32(...at(lo, hi, FX.mxcsr))
      if ((mxcsr & ~MXCSR_MASK) !== 0) refuse()
      words[Word.x87Control] = memory.load16(lo, hi) & 0xffff
      words[Word.mxcsr] = mxcsr
      for (let i = 0; i < 16; i++) memory.load128(...at(lo, hi, FX.xmm + i * 16), Word.xmm + i * 4)
    },
  }
}
