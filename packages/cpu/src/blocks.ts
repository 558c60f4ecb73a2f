// Decoded code: basic blocks by virtual address, and by the physical pages whose bytes they hold, so that a write into
// them drops what was decoded. After paging or RAM changed otherwise a block is compared with memory before it runs.
import { pfn } from '@dumpstack/bytes'
import { type BlockSource, type BlockSources, type Heat, keyOf } from './block-sources.ts'
import { type Bindings, type BlockCode, makerOf } from './emit/compile.ts'
import type { Mmu } from './mmu.ts'
import { type CodePages, upperHalf } from './tlb.ts'
import type { CpuWorld } from './world.ts'

const MAX_INSTRUCTIONS = 64
/** Blocks kept: some 100,000 instructions, more than any driver executes; past it all are forgotten. */
const MAX_BLOCKS = 16_384
/** In instructions: what comparing a block with memory takes of the host, and a write into a page that holds code. */
const COMPARE_COST = 100
const WRITE_COST = 10

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
  /** Runs until it is hot; below 0 where it is hot already, and where there is no code. */
  runsLeft = -1
  /** The generation of translations and RAM that it was last compared with; -1 once dropped. */
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

export class Blocks implements CodePages {
  /** Blocks of another generation are compared with memory before they run. */
  generation = 0
  readonly #world: CpuWorld
  readonly #mmu: Mmu
  readonly #sources: BlockSources
  readonly #hotRuns: number
  readonly #charge: (instructions: number) => void
  readonly #protect: (page: number) => void
  readonly #blocks = new Map<number, Block>()
  readonly #pages = new Map<number, CodePage>()
  /** What was made of a source for this processor, in whatever world. */
  readonly #made = new WeakMap<BlockSource, BlockCode>()
  /** Set when a write dropped the block that runs. */
  readonly #onWrite: (dropped: Block) => void

  constructor(
    world: CpuWorld,
    mmu: Mmu,
    sources: BlockSources,
    hotRuns: number,
    hooks: {
      charge(instructions: number): void
      protect(page: number): void
      onWrite(dropped: Block): void
    },
  ) {
    this.#world = world
    this.#mmu = mmu
    this.#sources = sources
    this.#hotRuns = hotRuns
    this.#charge = hooks.charge
    this.#protect = hooks.protect
    this.#onWrite = hooks.onWrite
  }

  /** The block at an address, decoded if need be; throws an Exception where there is none. */
  at(bindings: Bindings, lo: number, hi: number): Block {
    const known = this.#blocks.get(keyOf(lo, hi))
    if (known !== undefined) {
      if (known.generation === this.generation) return known
      this.#charge(COMPARE_COST)
      const isAsBefore = this.#isAsBefore(known)
      this.#drop(known)
      if (isAsBefore) return this.#keep(known)
    }
    if (this.#blocks.size >= MAX_BLOCKS) this.forget()
    return this.#keep(this.decode(bindings, lo, hi))
  }

  /** The same code, for running it often. */
  heat(bindings: Bindings, { lo, hi }: Block): Block {
    const known = this.#blocks.get(keyOf(lo, hi))
    if (known !== undefined) this.#drop(known)
    return this.#keep(this.decode(bindings, lo, hi, MAX_INSTRUCTIONS, 'hot'))
  }

  forget(): void {
    this.#blocks.clear()
    this.#pages.clear()
    this.generation++
  }

  /** A block that is not kept; it has one instruction where that must run alone. */
  decode(bindings: Bindings, lo: number, hi: number, most = MAX_INSTRUCTIONS, heat: Heat = 'cold'): Block {
    const source = this.#sources.at(lo, hi, most, heat)
    const first = this.#mmu.translate(lo, hi, 'execute')
    const next = ((lo & -4096) + 4096) | 0
    const isInTwo = source.bytes.byteLength > 4096 - (lo & 4095)
    const second = isInTwo ? this.#mmu.translate(next, upperHalf(lo, hi, next), 'execute') : -1
    const code = this.#codeOf(source, bindings)
    const block = new Block(lo, hi, code, source.offsets, source.bytes, first, second)
    if (heat === 'cold') block.runsLeft = this.#hotRuns
    return block
  }

  #codeOf(source: BlockSource, bindings: Bindings): BlockCode {
    const made = this.#made.get(source)
    if (made !== undefined) return made
    const make = source.make ?? makerOf(source.text)
    const code = make(bindings)
    this.#made.set(source, code)
    return code
  }

  has(page: number): boolean {
    return this.#pages.has(page)
  }

  written(gpa: number, byteLength: number): void {
    const page = Math.floor(gpa / 4096)
    const held = this.#pages.get(page)
    if (held === undefined) return
    held.isDealtWith = true
    this.#charge(WRITE_COST + held.blocks.size)
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

  #isAsBefore(block: Block): boolean {
    if (this.#mmu.translate(block.lo, block.hi, 'execute') !== block.first) return false
    if (!this.#sources.isInMemory(block.lo, block.hi, block.bytes)) return false
    if (block.second < 0) return true
    const next = ((block.lo & -4096) + 4096) | 0
    return this.#mmu.translate(next, upperHalf(block.lo, block.hi, next), 'execute') === block.second
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
    this.#world.ram.watch(pfn(page), () => {
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
