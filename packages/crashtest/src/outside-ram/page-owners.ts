// Whose a page is that differs: by the kernel's page tables and list of modules in RAM, and by the pool header in the page.
import { countBefore, gva, hex, PAGE_SIZE, type Pfn, type PhysicalSpace, pfnToGpa } from '@dumpstack/bytes'
import {
  type DumpHeader,
  moduleFileName,
  type PageVisitor,
  sweepKernelPages,
  walkLoadedModules,
} from '@dumpstack/dumpfile'
import { POOL_BLOCK_UNIT, PoolHeader } from '@dumpstack/nt'
import type { DifferentPage } from '../compare-pages.ts'
import type { OwnerKind, PageOwner } from '../page-owner.ts'
import { type KernelInRam, type OutsideRam, type Place, processorPlaces } from './kernel-in-ram.ts'

const UNKNOWN: PageOwner = {
  kind: 'unknown',
  what: 'not known: the page tables lead in circles',
  isWritable: true,
}
const PAGE_TABLE: PageOwner = { kind: 'pageTable', what: 'a page table', isWritable: true }
const UNMAPPED: PageOwner = { kind: 'unmapped', what: 'the kernel has no address for it', isWritable: false }
const DUMP_DRIVER = /^(?:dump_.*|crashdmp\.sys)$/i
const KERNEL_IMAGES = new Set(['ntoskrnl.exe', 'hal.dll'])

/** Owners of pages that differ, in their order. Yields percentages from `from` up to `to`. */
export function* pageOwners(
  pages: readonly DifferentPage[],
  { ram, kernel }: OutsideRam,
  header: DumpHeader,
  from: number,
  to: number,
): Generator<number, PageOwner[]> {
  if (pages.length === 0) return []
  const search = new MappingSearch(pages)
  const sweep = sweepKernelPages(ram, header.directoryTableBase, search)
  let step = sweep.next()
  for (; !step.done; step = sweep.next()) yield from + Math.floor((step.value * (to - from)) / 100)
  const isWhole = step.value
  const places = placesOf(kernel, header)
  return pages.map((page) => {
    const mapping = search.found.get(page.pfn)
    if (mapping?.isWritable) return ownerAt(mapping, page, places, ram)
    if (!isWhole) return UNKNOWN
    if (search.tables.has(page.pfn)) return PAGE_TABLE
    return mapping === undefined ? UNMAPPED : ownerAt(mapping, page, places, ram)
  })
}

interface Mapping {
  readonly address: bigint
  readonly isWritable: boolean
}

class MappingSearch implements PageVisitor {
  /** The first address of a page that can write it, or else the first. */
  readonly found = new Map<number, Mapping>()
  readonly tables = new Set<number>()
  /** Ascending. */
  readonly #wanted: readonly number[]
  readonly #isWanted: ReadonlySet<number>

  constructor(pages: readonly DifferentPage[]) {
    this.#wanted = pages.map(({ pfn }) => pfn)
    this.#isWanted = new Set(this.#wanted)
  }

  mapped(frame: number, pageCount: number, page: number, isWritable: boolean): void {
    if (pageCount === 1) {
      if (this.#isWanted.has(frame)) this.#add(frame, page, isWritable)
      return
    }
    for (
      let index = countBefore(this.#wanted.length, (at) => this.#wanted[at]! < frame);
      index < this.#wanted.length;
      index++
    ) {
      const one = this.#wanted[index]!
      if (one >= frame + pageCount) break
      this.#add(one, page + one - frame, isWritable)
    }
  }

  table(frame: number): void {
    if (this.#isWanted.has(frame)) this.tables.add(frame)
  }

  #add(frame: number, page: number, isWritable: boolean): void {
    const known = this.found.get(frame)
    if (known === undefined || (isWritable && !known.isWritable))
      this.found.set(frame, { address: addressOf(page), isWritable })
  }
}

/** Of a virtual page number of the upper half. */
const addressOf = (page: number): bigint => gva(0xffff_0000_0000_0000n | (BigInt(page) << 12n))

interface OwnedPlace extends Place {
  readonly kind: OwnerKind
}

function placesOf(kernel: KernelInRam, header: DumpHeader): OwnedPlace[] {
  const processors = processorPlaces(kernel, header.processorCount)
  const { loaded } = walkLoadedModules({ header }, kernel.space)
  return [
    ...processors.map((place): OwnedPlace => ({ ...place, kind: 'processor' })),
    ...loaded.map((module): OwnedPlace => {
      const what = moduleFileName(module)
      const isKernel = KERNEL_IMAGES.has(what.toLowerCase())
      const kind = DUMP_DRIVER.test(what) ? 'dumpPath' : isKernel ? 'kernel' : 'image'
      return { start: module.base, end: module.base + BigInt(module.size), what, kind }
    }),
  ]
}

/** A page that the kernel can only read may still be written by the hypervisor, such as its page of time; that of an image is not. */
function ownerAt(
  { address, isWritable }: Mapping,
  { pfn, byte }: DifferentPage,
  places: readonly OwnedPlace[],
  ram: PhysicalSpace,
): PageOwner {
  const end = address + BigInt(PAGE_SIZE)
  const place = places.find((one) => one.start < end && address < one.end)
  if (place !== undefined) {
    return { kind: place.kind, what: isWritable ? place.what : `read-only in ${place.what}`, isWritable }
  }
  const tag = poolTag(pfn, byte, ram)
  if (tag !== null) return { kind: 'pool', what: `pool tag ${tag}`, isWritable: true }
  const how = isWritable ? '' : 'read-only '
  return { kind: 'mapped', what: `${how}kernel memory at ${hex(address)}`, isWritable: true }
}

const PRINTABLE_TAG = /^[\x21-\x7e][\x20-\x7e]{3}$/

/** The tag of the pool block that holds a byte of a page; null where the page is not a whole chain of pool blocks. */
export function poolTag(page: Pfn, byte: number, ram: PhysicalSpace): string | null {
  const bytes = new Uint8Array(PAGE_SIZE)
  if (ram.read(pfnToGpa(page), bytes) < PAGE_SIZE) return null
  let previous = 0
  let found: string | null = null
  for (let at = 0; at < PAGE_SIZE; at += previous * POOL_BLOCK_UNIT) {
    const header = PoolHeader.of(bytes, at)
    if (header.previousSize !== previous || header.blockSize === 0) return null
    const tag = String.fromCharCode(...header.poolTag)
    if (!PRINTABLE_TAG.test(tag)) return null
    if (at <= byte) found = tag
    previous = header.blockSize
    if (at + previous * POOL_BLOCK_UNIT > PAGE_SIZE) return null
  }
  return found
}
