// The source text of basic blocks: instructions decoded up to the end of the block, and what the emitter made of them.
// It depends on address and bytes alone, so all processors of a process share what one of them wrote: the instances of a
// driver, and the machines of a test, run the same code again and again.
import { gpa as gpaOf } from '@dumpstack/bytes'
import type { DecodedInstruction, Decoder } from './decoder.ts'
import { type BlockMaker, makerOf, writeBlock } from './emit/compile.ts'
import type { Mmu } from './mmu.ts'
import { Exception, joined } from './stop.ts'
import { upperHalf } from './tlb.ts'
import type { CpuWorld } from './world.ts'

/** The longest instruction there is (Intel SDM vol. 2, 2.3.11). */
const MAX_BYTES = 15
/**
 * In instructions: what decoding one and compiling it takes of the host. A file of nothing but straight code, or code that
 * writes code without end, must not take hours.
 */
const DECODE_COST = 1000
const MAX_SHARED = 8192
const TWO_32 = 2 ** 32
/**
 * How a block is written. Cold code is short, because most code runs once and its text costs more than its work: it ends
 * at the first branch. Hot code goes on where branches are not taken and has the TLB's fast path in place.
 */
export type Heat = 'cold' | 'hot'
const MAX_BRANCHES: Readonly<Record<Heat, number>> = { cold: 0, hot: 3 }
const ENDS = new Set('jmp jrcxz jecxz loop loope loopne call ret int3 int ud2 hlt iretq syscall'.split(' '))

export interface BlockSource {
  readonly text: string
  /** Made from cold text, which many processors run once. Hot text is parsed for each, so that its constants are one processor's. */
  readonly make: BlockMaker | null
  readonly bytes: Uint8Array
  /** Where each instruction begins. */
  readonly offsets: readonly number[]
}

/** Canonical addresses are exact as signed numbers. */
export const keyOf = (lo: number, hi: number): number => hi * TWO_32 + (lo >>> 0)

/** By address; of several with other bytes the last one. */
const shared: Readonly<Record<Heat, Map<number, BlockSource>>> = { cold: new Map(), hot: new Map() }

export class BlockSources {
  readonly #world: CpuWorld
  readonly #mmu: Mmu
  readonly #decoder: Decoder
  readonly #charge: (instructions: number) => void
  readonly #window = new Uint8Array(MAX_BYTES)
  #found = new Uint8Array(64)

  constructor(world: CpuWorld, mmu: Mmu, decoder: Decoder, charge: (instructions: number) => void) {
    this.#charge = charge
    this.#world = world
    this.#mmu = mmu
    this.#decoder = decoder
  }

  /** The block of at most so many instructions; throws an Exception where there is none. */
  at(lo: number, hi: number, most: number, heat: Heat): BlockSource {
    const sources = shared[heat]
    const known = most === 1 ? undefined : sources.get(keyOf(lo, hi))
    if (known !== undefined && this.isInMemory(lo, hi, known.bytes)) {
      this.#charge(known.offsets.length * DECODE_COST) // although it was cheap: no verdict depends on what ran before
      return known
    }
    const source = this.#write(lo, hi, most, heat)
    if (most === 1) return source
    if (sources.size >= MAX_SHARED) sources.clear()
    sources.set(keyOf(lo, hi), source)
    return source
  }

  isInMemory(lo: number, hi: number, bytes: Uint8Array): boolean {
    const count = bytes.byteLength
    if (count > this.#found.byteLength) this.#found = new Uint8Array(count)
    const found = this.#found
    if (this.#read(lo, hi, found, count) < count) return false
    for (let i = 0; i < count; i++) if (found[i] !== bytes[i]) return false
    return true
  }

  /** Up to 15 bytes of code. */
  bytesAt(lo: number, hi: number): Uint8Array {
    return this.#window.slice(0, this.#read(lo, hi, this.#window))
  }

  #write(lo: number, hi: number, most: number, heat: Heat): BlockSource {
    const decoded: DecodedInstruction[] = []
    const offsets: number[] = []
    let length = 0
    let branches = 0
    while (decoded.length < most) {
      const at = (lo + length) | 0
      if (at >>> 12 !== lo >>> 12) break // a block begins in one page only
      const one = this.#decode(at, upperHalf(lo, hi, at), decoded.length === 0)
      // a repetition is a block of its own: it runs again until it is over
      const isRepeated = one !== null && one.repeat !== null && one.mnemonic.startsWith('string ')
      if (one === null || (isRepeated && decoded.length > 0)) break
      offsets.push(length)
      decoded.push(one)
      length += one.byteLength
      if (isRepeated || ENDS.has(one.mnemonic)) break
      if (one.mnemonic === 'jcc' && ++branches > MAX_BRANCHES[heat]) break
    }
    const written = writeBlock(decoded, lo, hi, heat === 'hot')
    if (written === null) throw new Exception('notImplemented', { form: decoded[0]!.form })
    this.#charge(written.count * DECODE_COST)
    const bytes = new Uint8Array(offsets[written.count] ?? length)
    this.#read(lo, hi, bytes)
    const make = heat === 'cold' ? makerOf(written.text) : null
    return { text: written.text, make, bytes, offsets: offsets.slice(0, written.count) }
  }

  /** Null where nothing can be decoded; throws why where it is the first of its block. */
  #decode(lo: number, hi: number, isFirst: boolean): DecodedInstruction | null {
    const fetched = this.#read(lo, hi, this.#window)
    const one =
      fetched === 0 ? 'truncated' : this.#decoder.decode(this.#window.subarray(0, fetched), joined(lo, hi))
    if (one !== 'truncated' && one !== 'invalid') return one
    if (!isFirst) return null
    if (one === 'invalid' || fetched === MAX_BYTES) throw new Exception('invalidOpcode')
    const at = (lo + fetched) | 0
    const atHi = upperHalf(lo, hi, at)
    const isAllowed = this.#mmu.translate(at, atHi, 'execute') >= 0 // translated, but no RAM
    const address = joined(at, atHi)
    if (!this.#mmu.isCanonical) throw new Exception('generalProtection', { address, access: 'execute' })
    const present = isAllowed || this.#mmu.isPresent
    const errorCode = this.#mmu.errorCode('execute') | (present ? 1 : 0)
    throw new Exception('pageFault', { address, access: 'execute', present, errorCode })
  }

  /** How many bytes could be read. */
  #read(lo: number, hi: number, into: Uint8Array, count = into.byteLength): number {
    let done = 0
    while (done < count) {
      const at = (lo + done) | 0
      const physical = this.#mmu.translate(at, upperHalf(lo, hi, at), 'execute')
      if (physical < 0) break
      const part = into.subarray(done, Math.min(count, done + 4096 - (at & 4095)))
      const got = this.#world.ram.read(gpaOf(physical), part)
      done += got
      if (got < part.byteLength) break
    }
    return done
  }
}
