// What only a kernel does besides control and model-specific registers: the ways into and out of ring 0, descriptor tables, the
// saved floating point area (Intel SDM volume 3A 2.4, 5.8.8; volume 2, SYSCALL, SYSRET, IRETQ, FXSAVE). Segments have no
// descriptors here: selectors are kept, and the lowest bits of cs are the ring. There is no x87 unit: FXSAVE shows one that was never used.
import { Flag, type Flags, KERNEL_FLAGS } from './flags.ts'
import type { Memory } from './memory.ts'
import { type State, Word } from './state.ts'
import { Exception } from './stop.ts'
import { upperHalf } from './tlb.ts'

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

export class Privileged {
  readonly #words: Int32Array
  readonly #flags: Flags
  readonly #memory: Memory
  readonly #hooks: PrivilegedHooks

  constructor({ words }: State, flags: Flags, memory: Memory, hooks: PrivilegedHooks) {
    this.#words = words
    this.#flags = flags
    this.#memory = memory
    this.#hooks = hooks
  }

  #refuse(): never {
    throw new Exception('generalProtection')
  }

  #setSelectors(cs: number, ss: number): void {
    this.#words[Word.cs] = cs
    this.#words[Word.ss] = ss
    if ((cs & RPL_USER) !== 0) this.#hooks.enterUserMode()
  }

  #setGpr(word: number, lo: number, hi: number): void {
    this.#words[word] = lo
    this.#words[word + 1] = hi
  }

  #load64(lo: number, hi: number, offset: number, into: number): void {
    this.#words[into] = this.#memory.load64(...at(lo, hi, offset))
    this.#words[into + 1] = this.#words[Word.high]!
  }

  #checkAligned(lo: number): void {
    if ((lo & 15) !== 0) this.#refuse()
  }

  /** These three set rip; `next` is the address after the instruction. */
  enterSystemCall(nextLo: number, nextHi: number): void {
    if ((this.#words[Word.efer]! & EFER_SCE) === 0) throw new Exception('invalidOpcode')
    const image = this.#flags.read()
    this.#setGpr(GPR.rcx, nextLo, nextHi)
    this.#setGpr(GPR.r11, image, 0)
    this.#flags.write((image & ~this.#words[Word.syscallMask]!) | 2)
    this.#words[Word.rip] = this.#words[Word.lstar]!
    this.#words[Word.rip + 1] = this.#words[Word.lstar + 1]!
    const selector = this.#words[Word.star + 1]! & 0xfffc
    this.#setSelectors(selector, selector + 8)
  }

  leaveSystemCall(): void {
    if ((this.#words[Word.efer]! & EFER_SCE) === 0) throw new Exception('invalidOpcode')
    this.#words[Word.rip] = this.#words[GPR.rcx]!
    this.#words[Word.rip + 1] = this.#words[GPR.rcx + 1]!
    this.#flags.write((this.#words[GPR.r11]! & RETURNED_FLAGS) | 2)
    const selector = this.#words[Word.star + 1]! >>> 16
    this.#setSelectors((selector + 16) | RPL_USER, (selector + 8) | RPL_USER)
  }

  returnFromInterrupt(): void {
    const [lo, hi] = [this.#words[GPR.rsp]!, this.#words[GPR.rsp + 1]!]
    this.#memory.probe(lo, hi, 40, 'read')
    const image = this.#memory.load64(...at(lo, hi, 16))
    if ((image & Flag.t) !== 0) throw new Exception('notImplemented')
    const cs = this.#memory.load64(...at(lo, hi, 8)) & 0xffff
    const ring = this.#words[Word.cs]! & RPL_USER
    if ((cs & RPL_USER) < ring) this.#refuse()
    const ss = this.#memory.load64(...at(lo, hi, 32)) & 0xffff
    this.#load64(lo, hi, 0, Word.rip)
    this.#load64(lo, hi, 24, GPR.rsp)
    const kept = ring === 0 ? 0 : KERNEL_FLAGS
    this.#flags.write((image & RETURNED_FLAGS & ~kept) | (this.#flags.read() & kept) | 2)
    this.#setSelectors(cs, ss)
  }

  loadTable(word: number, limitWord: number, lo: number, hi: number): void {
    const limit = this.#memory.load16(lo, hi) & 0xffff
    this.#load64(lo, hi, 2, word)
    this.#words[limitWord] = limit
  }

  storeTable(word: number, limitWord: number, lo: number, hi: number): void {
    this.#memory.probe(lo, hi, 10, 'write')
    this.#memory.store16(lo, hi, this.#words[limitWord]!)
    this.#memory.store64(...at(lo, hi, 2), this.#words[word]!, this.#words[word + 1]!)
  }

  saveFloatingPoint(lo: number, hi: number): void {
    this.#hooks.charge(FX_COST)
    this.#checkAligned(lo)
    this.#memory.probe(lo, hi, FX.byteLength, 'write')
    for (let offset = 0; offset < FX.xmm; offset += 8) this.#memory.store64(...at(lo, hi, offset), 0, 0)
    this.#memory.store16(lo, hi, this.#words[Word.x87Control]!)
    this.#memory.store32(...at(lo, hi, FX.mxcsr), this.#words[Word.mxcsr]!)
    this.#memory.store32(...at(lo, hi, FX.mxcsrMask), MXCSR_MASK)
    for (let i = 0; i < 16; i++) this.#memory.store128(...at(lo, hi, FX.xmm + i * 16), Word.xmm + i * 4)
  }

  restoreFloatingPoint(lo: number, hi: number): void {
    this.#hooks.charge(FX_COST)
    this.#checkAligned(lo)
    this.#memory.probe(lo, hi, FX.byteLength, 'read')
    const mxcsr = this.#memory.load32(...at(lo, hi, FX.mxcsr))
    if ((mxcsr & ~MXCSR_MASK) !== 0) this.#refuse()
    this.#words[Word.x87Control] = this.#memory.load16(lo, hi) & 0xffff
    this.#words[Word.mxcsr] = mxcsr
    for (let i = 0; i < 16; i++) this.#memory.load128(...at(lo, hi, FX.xmm + i * 16), Word.xmm + i * 4)
  }
}

/** An address some bytes above another. */
function at(lo: number, hi: number, offset: number): [number, number] {
  const sum = (lo + offset) | 0
  return [sum, upperHalf(lo, hi, sum)]
}
