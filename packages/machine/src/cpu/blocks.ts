// Decoded code: basic blocks by virtual address, and by the physical pages whose bytes they hold, so that a write into
// them drops what was decoded. After paging or RAM changed otherwise a block is compared with memory before it runs.
import { gpa as gpaOf, pfn } from '@dumpstack/bytes'
import type { Ram } from '../machine.ts'
import type { DecodedInstruction, Decoder } from './decoder.ts'
import { type BlockCode, compile, type Environment } from './emit/compile.ts'
import type { Mmu } from './mmu.ts'
import { Interruption, joined } from './stop.ts'
import type { CodePages } from './tlb.ts'

const MAX_INSTRUCTIONS = 64
const MAX_BYTES = 15
/** Blocks kept: some 100,000 instructions, more than any driver executes; past it all are forgotten. */
const MAX_BLOCKS = 16_384
/**
 * Instructions decoded during one outermost call. Code that runs once costs a thousand times what it costs in a loop: a
 * file of nothing but straight code, or code that writes code without end, must not take hours of the host's time.
 */
const MAX_DECODED = 200_000
const TWO_32 = 2 ** 32
const ENDS = new Set(
  `jmp jcc jrcxz jecxz loop loope loopne call ret int3 int ud2 hlt iretq syscall sysretq`.split(/\s+/),
)

export class Block {
  readonly lo: number
  readonly hi: number
  readonly code: BlockCode
  /** Instructions in it, and where each begins. */
  readonly count: number
  readonly offsets: readonly number[]
  readonly bytes: Uint8Array
  /** Physical address of the first byte, and of the first byte in a second page, or -1. */
  readonly first: number
  readonly second: number
  /** Of the translations and RAM it was last compared with; -1 once dropped. */
  generation = -1

  constructor(
    lo: number,
    hi: number,
    code: BlockCode,
    offsets: readonly number[] = [0],
    bytes: Uint8Array = new Uint8Array(0),
    first = -1,
    second = -1,
  ) {
    this.lo = lo
    this.hi = hi
    this.code = code
    this.count = bytes.byteLength === 0 ? 0 : offsets.length
    this.offsets = offsets
    this.bytes = bytes
    this.first = first
    this.second = second
  }
}

interface CodePage {
  readonly blocks: Set<Block>
  /** The next write that RAM reports is one that `written` has dealt with. */
  isDealtWith: boolean
}

/** Canonical addresses are exact as signed numbers. */
const keyOf = (lo: number, hi: number): number => hi * TWO_32 + (lo >>> 0)

export class Blocks implements CodePages {
  /** Blocks of another generation are compared with memory before they run. */
  generation = 0
  /** Instructions decoded; the owner sets it back. */
  decodedCount = 0
  readonly #ram: Ram
  readonly #mmu: Mmu
  readonly #decoder: Decoder
  readonly #protect: (page: number) => void
  readonly #blocks = new Map<number, Block>()
  readonly #pages = new Map<number, CodePage>()
  readonly #window = new Uint8Array(MAX_BYTES)
  /** Set when a write dropped the block that runs. */
  readonly #onWrite: (dropped: Block) => void

  constructor(
    ram: Ram,
    mmu: Mmu,
    decoder: Decoder,
    hooks: { protect(page: number): void; onWrite(dropped: Block): void },
  ) {
    this.#ram = ram
    this.#mmu = mmu
    this.#decoder = decoder
    this.#protect = hooks.protect
    this.#onWrite = hooks.onWrite
  }

  /** The block at an address, decoded if need be; throws an Interruption where there is none. */
  at(environment: Environment, lo: number, hi: number): Block {
    const known = this.#blocks.get(keyOf(lo, hi))
    if (known !== undefined) {
      if (known.generation === this.generation) return known
      const isAsBefore = this.#isAsBefore(known)
      this.#drop(known)
      if (isAsBefore) return this.#keep(known)
    }
    if (this.#blocks.size >= MAX_BLOCKS) this.#forget()
    return this.#keep(this.decode(environment, lo, hi, MAX_INSTRUCTIONS))
  }

  #forget(): void {
    this.#blocks.clear()
    this.#pages.clear()
    this.generation++
  }

  /** A block that nobody keeps. */
  decode(environment: Environment, lo: number, hi: number, most: number): Block {
    const decoded: DecodedInstruction[] = []
    const offsets: number[] = []
    let length = 0
    let lastForm: string | null = null
    while (decoded.length < most) {
      const at = (lo + length) | 0
      if (length > 0 && at >>> 12 !== lo >>> 12) break // a block begins in one page only
      const atHi = at >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi
      const fetched = this.fetch(at, atHi)
      const one =
        fetched === 0
          ? 'truncated'
          : this.#decoder.decode(this.#window.subarray(0, fetched), joined(at, atHi))
      if (one === 'truncated' || one === 'invalid') {
        if (decoded.length > 0) break
        this.#refuse(one, lo, hi, fetched)
      }
      const isRepeated = one.repeat !== null && one.mnemonic.startsWith('string ')
      if (isRepeated && decoded.length > 0) break
      if (++this.decodedCount > MAX_DECODED) throw new Interruption('instructionBudget')
      offsets.push(length)
      decoded.push(one)
      lastForm ??= one.form
      length += one.byteLength
      if (isRepeated || ENDS.has(one.mnemonic)) break
    }
    const compiled = compile(environment, decoded, lo, hi)
    if (compiled === null)
      throw new Interruption('notImplemented', lastForm === null ? {} : { form: lastForm })
    const end = offsets[compiled.count] ?? length
    const bytes = new Uint8Array(end)
    this.read(lo, hi, bytes)
    const first = this.#mmu.translate(lo, hi, 'execute')
    const next = (lo & -4096) + 4096
    const inFirst = 4096 - (lo & 4095)
    const second =
      end > inFirst ? this.#mmu.translate(next | 0, next === 0 ? (hi + 1) | 0 : hi, 'execute') : -1
    return new Block(lo, hi, compiled.code, offsets.slice(0, compiled.count), bytes, first, second)
  }

  /** Up to 15 bytes of code into the window; how many there are. */
  fetch(lo: number, hi: number): number {
    return this.read(lo, hi, this.#window)
  }

  /** The bytes that `fetch` found. */
  fetched(count: number): Uint8Array {
    return this.#window.slice(0, count)
  }

  read(lo: number, hi: number, into: Uint8Array): number {
    let done = 0
    while (done < into.byteLength) {
      const at = (lo + done) | 0
      const physical = this.#mmu.translate(at, at >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi, 'execute')
      if (physical < 0) break
      const part = into.subarray(done, done + 4096 - (at & 4095))
      const got = this.#ram.read(gpaOf(physical), part)
      done += got
      if (got < part.byteLength) break
    }
    return done
  }

  has(page: number): boolean {
    return this.#pages.has(page)
  }

  written(gpa: number, byteLength: number): void {
    const page = Math.floor(gpa / 4096)
    const held = this.#pages.get(page)
    if (held === undefined) return
    held.isDealtWith = true
    for (const block of held.blocks) {
      const inFirst = 4096 - (block.first % 4096)
      const isInFirst = Math.floor(block.first / 4096) === page
      const start = isInFirst ? block.first : block.second
      const count = isInFirst ? Math.min(inFirst, block.bytes.byteLength) : block.bytes.byteLength - inFirst
      if (gpa < start + count && start < gpa + byteLength) {
        this.#drop(block)
        this.#onWrite(block)
      }
    }
  }

  #refuse(what: 'truncated' | 'invalid', lo: number, hi: number, fetched: number): never {
    if (what === 'invalid' || fetched === MAX_BYTES) throw new Interruption('invalidOpcode')
    const at = (lo + fetched) | 0
    const atHi = at >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi
    const isAllowed = this.#mmu.translate(at, atHi, 'execute') >= 0 // translated, but no RAM
    const address = joined(at, atHi)
    if (!this.#mmu.isCanonical) throw new Interruption('generalProtection', { address, access: 'execute' })
    throw new Interruption('pageFault', {
      address,
      access: 'execute',
      present: isAllowed || this.#mmu.isPresent,
    })
  }

  #isAsBefore(block: Block): boolean {
    if (this.#mmu.translate(block.lo, block.hi, 'execute') !== block.first) return false
    const bytes = new Uint8Array(block.bytes.byteLength)
    if (this.read(block.lo, block.hi, bytes) !== bytes.byteLength) return false
    for (let i = 0; i < bytes.byteLength; i++) if (bytes[i] !== block.bytes[i]) return false
    if (block.second < 0) return true
    const next = (block.lo & -4096) + 4096
    return (
      this.#mmu.translate(next | 0, next === 0 ? (block.hi + 1) | 0 : block.hi, 'execute') === block.second
    )
  }

  #keep(block: Block): Block {
    block.generation = this.generation
    this.#blocks.set(keyOf(block.lo, block.hi), block)
    this.#hold(block, block.first)
    if (block.second >= 0) this.#hold(block, block.second)
    return block
  }

  #hold(block: Block, gpa: number): void {
    const page = Math.floor(gpa / 4096)
    const held = this.#pages.get(page)
    if (held !== undefined) held.blocks.add(block)
    else {
      this.#pages.set(page, { blocks: new Set([block]), isDealtWith: false })
      this.#protect(page)
    }
    this.#watch(page) // again where it was: RAM forgets watches when it is filled anew
  }

  /** A write by the host or a device drops nothing, but what runs next is compared with memory first. */
  #watch(page: number): void {
    this.#ram.watch(pfn(page), () => {
      const held = this.#pages.get(page)
      if (held === undefined) return
      if (!held.isDealtWith) this.generation++
      held.isDealtWith = false
      this.#watch(page)
    })
  }

  #drop(block: Block): void {
    block.generation = -1
    this.#blocks.delete(keyOf(block.lo, block.hi))
    for (const gpa of [block.first, block.second]) {
      if (gpa < 0) continue
      const page = Math.floor(gpa / 4096)
      const held = this.#pages.get(page)
      held?.blocks.delete(block)
      if (held?.blocks.size === 0) this.#pages.delete(page)
    }
  }
}
