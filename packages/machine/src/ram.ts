// Guest RAM: chunks of at most 1 GiB for each run, holes between runs, an owner for each page, and the published fill
// in every page that nothing wrote. What was written since the last checkpoint is known page by page.
//
// Why the truth cannot change silently: each write goes through #touch, which saves the page for the checkpoint before
// its first change; view() does the same for its whole range when it is made. Views and spans made before a checkpoint
// are ended by it: their ArrayBuffer is transferred, so a later use throws a TypeError (detached) instead of writing.
import {
  endOfRuns,
  type Gpa,
  hex,
  PAGE_SIZE,
  type PageRun,
  PageSet,
  type Pfn,
  type PhysicalSpace,
  pfn,
  pfnToGpa,
  publishedFill,
} from '@dumpstack/bytes'
import type { CpuRam } from '@dumpstack/cpu'
import { Checkpoint } from './checkpoint.ts'
import { MachineError } from './errors.ts'
import type { WriteLog } from './evidence.ts'
import { GuardedMemory } from './store-guards.ts'

const CHUNK_BYTES = 2 ** 30
/** Up to here a loop is faster than the subarray that set() needs (devices fetch structures of 20 to 32 bytes). */
const SHORT_BYTES = 64
/** Bitmaps and owner tags cost memory up to the highest page: 1 TiB of address space is the limit. */
const MAX_PAGES = 2 ** 28

/**
 * Free pages, and after a checkpoint all pages outside the dump path: the host keeps a copy of each that changes, and a
 * system that works changes next to none. 64 MiB.
 */
const MAX_STRAY_PAGES = 0x4000

/** RAM of at most this many bytes is kept when its machine is closed. */
const SPARE_BYTES = 64 * 2 ** 20
/** A driver check has RAM of one run and of two, and a second dump has its own seed. */
const MAX_SPARES = 4
interface Spare {
  readonly seed: number
  readonly runs: readonly PageRun[]
  readonly chunks: readonly Chunk[]
  readonly used: PageSet
}
/**
 * RAM closed last, but for what was written to it filled as the next one of its seed and runs is to be: a driver check makes dozens of
 * machines, and filling takes as long as what most of them do.
 */
const spares: Spare[] = []

/** Who uses a page; `free` pages hold the published fill unless something once wrote them. */
export const Owner = { free: 0, kernel: 1, user: 2, dumpPath: 3 } as const
export type Owner = (typeof Owner)[keyof typeof Owner]

/**
 * RAM as the processor sees it, and who owns a page. Accessors throw MachineError RAM_HOLE where a byte lies outside of the runs. `span` and
 * `view` never cross a chunk of 1 GiB or a run's end; the next checkpoint ends them: a later use throws a TypeError.
 */
export interface Ram extends CpuRam {
  readonly seed: number
  /** Pages that ever were written, by anyone, since reset without keepRam. */
  readonly used: PageSet
  setU32(gpa: Gpa, value: number): void
  setU64(gpa: Gpa, value: bigint): void
  /** Tells of the first store of a processor there, from its next run on, until `unguard`. */
  guard(gpa: Gpa, byteLength: number, stored: (gpa: number) => void): void
  unguard(gpa: Gpa): void
  owner(page: Pfn): Owner
  setOwner(page: Pfn, count: number, owner: Owner): void
  /** Called with each page outside the dump path before its first write after a checkpoint. */
  onStrayWrite: ((page: Pfn) => void) | null
}

/**
 * RAM as controllers reach it. What they write is there in the order of their calls, a view with what it holds at the next call that
 * writes: a controller fills a view before it reports the end of a request.
 */
export interface DmaRam
  extends Pick<
    Ram,
    'runs' | 'has' | 'read' | 'u32' | 'write' | 'setU32' | 'span' | 'view' | 'guard' | 'unguard'
  > {
  /** Bytes from `gpa` to the end of its chunk; 0 in a hole. */
  contiguous(gpa: Gpa): number
}

interface Chunk {
  readonly base: number
  readonly end: number
  bytes: Uint8Array
  view: DataView
}

export class GuestRam implements Ram, DmaRam {
  readonly seed: number
  readonly runs: readonly PageRun[]
  readonly used: PageSet
  readonly writes: WriteLog
  readonly #chunks: Chunk[]
  readonly #owners: Uint8Array
  readonly #dumpPath: PageSet
  /** Pages that were written, logged and saved since the last checkpoint or reset: nothing is left to do for them. */
  readonly #touched: PageSet
  readonly #watched = new Map<number, () => void>()
  readonly #scratch = new DataView(new ArrayBuffer(8))
  readonly guards = new GuardedMemory()
  generation = 0
  onStrayWrite: ((page: Pfn) => void) | null = null
  #checkpoint: Checkpoint | null = null
  #isFrozen = false
  #strayLeft = MAX_STRAY_PAGES
  #last: Chunk

  constructor(seed: number, runs: readonly PageRun[]) {
    checkRuns(runs)
    this.seed = seed
    this.runs = runs.map((run) => ({ basePage: run.basePage, pageCount: run.pageCount }))
    const end = endOfRuns(runs)
    this.used = new PageSet(end)
    this.writes = { pages: new PageSet(end) }
    this.#touched = new PageSet(end)
    this.#dumpPath = new PageSet(end)
    this.#owners = new Uint8Array(end)
    const kept = takeSpare(seed, runs)
    this.#chunks = kept === null ? runs.flatMap(chunksOf) : [...kept.chunks]
    this.#last = this.#chunks[0]!
    if (kept !== null) this.#fillAgain(kept.used, null)
    else {
      for (const chunk of this.#chunks)
        this.#fill(chunk, chunk.base / PAGE_SIZE, (chunk.end - chunk.base) / PAGE_SIZE)
    }
  }

  /** Whether all bytes lie in RAM; `length` 0 is in RAM everywhere. */
  has(gpa: Gpa, length: number): boolean {
    if (!Number.isSafeInteger(gpa)) return false
    let at: number = gpa
    const end = gpa + length
    while (at < end) {
      const chunk = this.#chunkAt(at)
      if (chunk === null) return false
      at = chunk.end
    }
    return true
  }

  contiguous(gpa: Gpa): number {
    const chunk = this.#chunkAt(gpa)
    return chunk === null ? 0 : chunk.end - gpa
  }

  read(gpa: Gpa, into: Uint8Array): number {
    const length = into.byteLength
    const first = this.#chunkAt(gpa)
    if (first === null) return 0
    const offset = gpa - first.base
    if (length <= SHORT_BYTES && gpa + length <= first.end) {
      const { bytes } = first
      for (let i = 0; i < length; i++) into[i] = bytes[offset + i]!
      return length
    }
    let done = 0
    let chunk: Chunk | null = first
    while (chunk !== null && done < length) {
      const start = gpa + done - chunk.base
      const part = chunk.bytes.subarray(start, start + length - done)
      into.set(part, done)
      done += part.byteLength
      chunk = this.#chunkAt(gpa + done)
    }
    return done
  }

  write(gpa: Gpa, from: Uint8Array): void {
    const length = from.byteLength
    this.#check(gpa, length)
    this.#touch(gpa, length)
    for (let done = 0; done < length; ) {
      const chunk = this.#chunkAt(gpa + done)!
      const start = gpa + done - chunk.base
      const count = Math.min(length - done, chunk.end - chunk.base - start)
      chunk.bytes.set(count === length ? from : from.subarray(done, done + count), start)
      done += count
    }
  }

  u32(gpa: Gpa): number {
    const chunk = this.#chunkOf(gpa, 4)
    if (chunk !== null) return chunk.view.getUint32(gpa - chunk.base, true)
    return this.#across(gpa, 4).getUint32(0, true)
  }

  setU32(gpa: Gpa, value: number): void {
    const chunk = this.#chunkOf(gpa, 4)
    if (chunk === null) {
      this.#scratch.setUint32(0, value, true)
      this.write(gpa, new Uint8Array(this.#scratch.buffer, 0, 4))
      return
    }
    this.#touch(gpa, 4)
    chunk.view.setUint32(gpa - chunk.base, value, true)
  }

  u64(gpa: Gpa): bigint {
    const chunk = this.#chunkOf(gpa, 8)
    if (chunk !== null) return chunk.view.getBigUint64(gpa - chunk.base, true)
    return this.#across(gpa, 8).getBigUint64(0, true)
  }

  setU64(gpa: Gpa, value: bigint): void {
    this.#scratch.setBigUint64(0, value, true)
    this.write(gpa, new Uint8Array(this.#scratch.buffer))
  }

  span(gpa: Gpa, length: number): Uint8Array {
    const chunk = this.#chunkOf(gpa, length) ?? this.#refuse(gpa, length)
    return new Uint8Array(chunk.bytes.buffer, gpa - chunk.base, length)
  }

  view(gpa: Gpa, length: number): DataView {
    const chunk = this.#chunkOf(gpa, length) ?? this.#refuse(gpa, length)
    this.#touch(gpa, length)
    return new DataView(chunk.bytes.buffer, gpa - chunk.base, length)
  }

  watch(page: Pfn, changed: () => void): void {
    this.#check(pfnToGpa(page), PAGE_SIZE)
    this.#watched.set(page, changed)
    this.#touched.delete(page) // so that the next write comes by #firstTouch, and all others cost nothing
  }

  guard(gpa: Gpa, byteLength: number, stored: (gpa: number) => void): void {
    this.guards.add(gpa, byteLength, stored)
    this.generation++
  }

  unguard(gpa: Gpa): void {
    this.guards.remove(gpa)
  }

  owner(page: Pfn): Owner {
    return (this.#owners[page] ?? Owner.free) as Owner // only setOwner writes the array
  }

  setOwner(page: Pfn, count: number, owner: Owner): void {
    this.#check(pfnToGpa(page), count * PAGE_SIZE)
    this.#owners.fill(owner, page, page + count)
    if (owner === Owner.dumpPath) this.#dumpPath.addRun(page, count)
    else for (let i = 0; i < count; i++) this.#dumpPath.delete(pfn(page + i))
  }

  /** Ends the checkpoint before it, and every view and span. */
  checkpoint(): PhysicalSpace {
    this.#checkpoint?.end()
    this.generation++
    for (const chunk of this.#chunks) {
      const buffer = chunk.bytes.buffer as ArrayBuffer // chunksOf allocates it
      chunk.bytes = new Uint8Array(structuredClone(buffer, { transfer: [buffer] }))
      chunk.view = new DataView(chunk.bytes.buffer)
    }
    clear(this.writes.pages)
    clear(this.#touched)
    const checkpoint = new Checkpoint(this)
    for (const run of this.#dumpPath.runs()) {
      for (let i = 0; i < run.pageCount; i++) checkpoint.save(pfn(run.basePage + i))
    }
    this.#checkpoint = checkpoint
    this.#isFrozen = true
    this.#strayLeft = MAX_STRAY_PAGES
    return checkpoint
  }

  /** Power was off: every used page holds the fill again, no page has an owner. A checkpoint keeps what it saw. */
  refill(): void {
    this.#fillAgain(this.used, this.#checkpoint)
    this.generation++
    this.#watched.clear()
    clear(this.used)
    clear(this.#touched)
    clear(this.#dumpPath)
    this.#owners.fill(Owner.free)
    this.#isFrozen = false
    this.#strayLeft = MAX_STRAY_PAGES
  }

  close(): void {
    this.generation++
    this.#watched.clear()
    this.#checkpoint?.end()
    this.#checkpoint = null
    const { seed, runs, used } = this
    const byteLength = this.#chunks.reduce((sum, { base, end }) => sum + end - base, 0)
    if (byteLength > 0 && byteLength <= SPARE_BYTES)
      spares.push({ seed, runs, chunks: [...this.#chunks], used })
    if (spares.length > MAX_SPARES) spares.shift()
    this.#chunks.length = 0
    this.#last = { base: 0, end: 0, bytes: new Uint8Array(0), view: new DataView(new ArrayBuffer(0)) }
  }

  #fillAgain(pages: PageSet, checkpoint: Checkpoint | null): void {
    for (const run of pages.runs()) {
      for (let page = run.basePage as number; page < run.basePage + run.pageCount; page++) {
        checkpoint?.save(pfn(page))
        this.#fill(this.#chunkAt(page * PAGE_SIZE)!, page, 1)
      }
    }
  }

  #fill(chunk: Chunk, page: number, pageCount: number): void {
    const words = new Uint32Array(
      chunk.bytes.buffer,
      page * PAGE_SIZE - chunk.base,
      pageCount * (PAGE_SIZE / 4),
    )
    publishedFill(this.seed, pfn(page), pageCount, words)
  }

  #chunkAt(gpa: number): Chunk | null {
    const last = this.#last
    if (gpa >= last.base && gpa < last.end) return last
    for (const chunk of this.#chunks) {
      if (gpa >= chunk.base && gpa < chunk.end) {
        this.#last = chunk
        return chunk
      }
    }
    return null
  }

  /** The chunk that holds all bytes, or null. */
  #chunkOf(gpa: number, length: number): Chunk | null {
    const chunk = this.#chunkAt(gpa)
    return chunk !== null && gpa + length <= chunk.end ? chunk : null
  }

  #touch(gpa: number, length: number): void {
    if (length === 0) return
    const last = Math.floor((gpa + length - 1) / PAGE_SIZE)
    for (let page = Math.floor(gpa / PAGE_SIZE); page <= last; page++) {
      if (!this.#touched.has(pfn(page))) this.#firstTouch(pfn(page))
    }
  }

  #firstTouch(page: Pfn): void {
    const owner = this.#owners[page]
    const isStray = owner === Owner.free || (this.#isFrozen && owner !== Owner.dumpPath)
    // A watched page comes here once for each watch.
    if (isStray && !this.writes.pages.has(page) && --this.#strayLeft < 0) {
      const what = this.#isFrozen
        ? 'after the checkpoint, pages outside the dump path'
        : 'pages that are not allocated'
      throw new MachineError(
        'STRAY_WRITES',
        `${what} were written, more than ${MAX_STRAY_PAGES} of them, the last at ${hex(pfnToGpa(page))}`,
        { page },
      )
    }
    if (isStray && this.#isFrozen && !this.writes.pages.has(page)) this.onStrayWrite?.(page)
    this.#checkpoint?.save(page)
    this.#touched.add(page)
    this.used.add(page)
    this.writes.pages.add(page)
    const changed = this.#watched.get(page)
    if (changed === undefined) return
    this.#watched.delete(page)
    changed()
  }

  #across(gpa: Gpa, length: number): DataView {
    this.#check(gpa, length)
    this.read(gpa, new Uint8Array(this.#scratch.buffer, 0, length))
    return this.#scratch
  }

  #check(gpa: Gpa, length: number): void {
    if (!this.has(gpa, length)) this.#refuse(gpa, length)
  }

  #refuse(gpa: Gpa, length: number): never {
    const fields = { gpa, length }
    if (this.has(gpa, length)) {
      throw new MachineError('RAM_CHUNK', `${length} bytes of RAM at ${hex(gpa)} lie in two chunks`, fields)
    }
    throw new MachineError('RAM_HOLE', `${length} bytes at ${hex(gpa)} are not all in RAM`, fields)
  }
}

function clear(set: PageSet): void {
  set.bytes.fill(0)
  if (set.bitCount > 0) set.delete(pfn(0)) // forgets the totals that the set keeps
}

function takeSpare(seed: number, runs: readonly PageRun[]): Spare | null {
  const index = spares.findLastIndex((kept) => kept.seed === seed && isSame(kept.runs, runs))
  return index < 0 ? null : spares.splice(index, 1)[0]!
}

const isSame = (some: readonly PageRun[], others: readonly PageRun[]): boolean =>
  some.length === others.length &&
  some.every(
    ({ basePage, pageCount }, index) =>
      others[index]!.basePage === basePage && others[index]!.pageCount === pageCount,
  )

function chunksOf(run: PageRun): Chunk[] {
  const chunks: Chunk[] = []
  const end = (run.basePage + run.pageCount) * PAGE_SIZE
  for (let base = run.basePage * PAGE_SIZE; base < end; base += CHUNK_BYTES) {
    const bytes = new Uint8Array(Math.min(CHUNK_BYTES, end - base))
    chunks.push({ base, end: base + bytes.byteLength, bytes, view: new DataView(bytes.buffer) })
  }
  return chunks
}

function checkRuns(runs: readonly PageRun[]): void {
  let end = 0
  for (const { basePage, pageCount } of runs) {
    const isWhole = Number.isSafeInteger(basePage) && Number.isSafeInteger(pageCount)
    if (!isWhole || basePage < end || pageCount < 1 || basePage + pageCount > MAX_PAGES) {
      throw new MachineError(
        'MACHINE_OPTIONS',
        `RAM run of ${pageCount} pages at PFN ${basePage} is not above PFN ${end}, not empty and below PFN ${hex(MAX_PAGES)}`,
      )
    }
    end = basePage + pageCount
  }
  if (runs.length === 0) throw new MachineError('MACHINE_OPTIONS', 'RAM has no runs, expected at least one')
}
