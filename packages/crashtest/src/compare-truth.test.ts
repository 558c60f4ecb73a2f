import { MemorySource, PAGE_SIZE, type PageSet, pfn } from '@dumpstack/bytes'
import { expect, it } from 'vitest'
import type { DumpPages } from './compare-pages.ts'
import { compareTruth, type TruthComparison } from './compare-truth.ts'
import { allPages, FakeRam, pageSetOf } from './fake-ram.test-support.ts'

const FRONT = 0x4000

/** Pages in ascending PFN after a front, as a bitmap dump holds them. */
function dumpOf(ram: FakeRam, pages: PageSet): { bytes: Uint8Array; dump: DumpPages } {
  const bytes = new Uint8Array(FRONT + pages.size * PAGE_SIZE)
  let at = FRONT
  for (const run of pages.runs(1)) {
    bytes.set(ram.page(run.basePage), at)
    at += PAGE_SIZE
  }
  const pageOffset = (page: number): number =>
    pages.has(pfn(page)) ? FRONT + pages.rank(pfn(page)) * PAGE_SIZE : -1
  return { bytes, dump: { pages, firstPageOffset: FRONT, pageOffset } }
}

function compare(
  bytes: Uint8Array,
  dump: DumpPages,
  ram: FakeRam,
  promised = allPages(),
  changed: readonly number[] = [],
): TruthComparison {
  const work = compareTruth(new MemorySource(bytes), dump, {
    truth: ram,
    promised,
    changedByDumpPath: pageSetOf(changed),
  })
  let step = work.next()
  while (!step.done) {
    expect(step.value).toBeGreaterThanOrEqual(0)
    step = work.next()
  }
  return step.value
}

const ram = new FakeRam([1, 2, 300, 1030])
const offsetOf = (page: number): number => FRONT + allPages().rank(pfn(page)) * PAGE_SIZE

it('finds every page of an honest dump equal', () => {
  const { bytes, dump } = dumpOf(ram, allPages())
  expect(compare(bytes, dump, ram)).toEqual({
    count: {
      unit: 'pages',
      compared: 640,
      equal: 640,
      changedByDumpPath: 0,
      different: 0,
      missing: 0,
      extra: 0,
    },
    different: [],
    missing: [],
    extra: [],
  })
})

it('names page, offset and byte of one flipped byte', () => {
  const { bytes, dump } = dumpOf(ram, allPages())
  const at = offsetOf(1030) + 77
  bytes[at]! ^= 1
  const { count, different } = compare(bytes, dump, ram)
  expect(count).toMatchObject({ compared: 640, equal: 639, different: 1 })
  expect(different).toEqual([
    { pfn: 1030, fileOffset: offsetOf(1030), byte: 77, found: (1030 & 255) ^ 1, expected: 1030 & 255 },
  ])
})

it('names both of two swapped pages', () => {
  const { bytes, dump } = dumpOf(ram, allPages())
  const first = bytes.slice(offsetOf(5), offsetOf(5) + PAGE_SIZE)
  bytes.copyWithin(offsetOf(5), offsetOf(500), offsetOf(500) + PAGE_SIZE)
  bytes.set(first, offsetOf(500))
  expect(compare(bytes, dump, ram).different.map((page) => [page.pfn, page.fileOffset])).toEqual([
    [5, offsetOf(5)],
    [500, offsetOf(500)],
  ])
})

it('names the dropped last page as missing, with the offset where it belongs', () => {
  const { bytes, dump } = dumpOf(ram, allPages())
  const result = compare(bytes.subarray(0, bytes.byteLength - PAGE_SIZE), dump, ram)
  expect(result.count).toMatchObject({ compared: 639, equal: 639, missing: 1, different: 0 })
  expect(result.missing).toEqual([{ pfn: 1063, fileOffset: offsetOf(1063) }])
})

it('names the first pages of 64 KiB copied over the next 64 KiB and counts the rest', () => {
  const { bytes, dump } = dumpOf(ram, allPages())
  const from = offsetOf(100) + 0x123
  bytes.copyWithin(from + 0x10000, from, from + 0x10000)
  const { count, different } = compare(bytes, dump, ram)
  expect(count.different).toBe(17)
  expect(different).toHaveLength(8)
  expect(different[0]).toMatchObject({ pfn: 116, fileOffset: offsetOf(116), byte: 0x123 })
})

it('counts pages that are missing from the dump and pages that were not promised', () => {
  const held = allPages()
  held.delete(pfn(9))
  const { bytes, dump } = dumpOf(ram, held)
  const promised = allPages()
  promised.delete(pfn(1024))
  const result = compare(bytes, dump, ram, promised)
  expect(result.count).toEqual({
    unit: 'pages',
    compared: 638,
    equal: 638,
    changedByDumpPath: 0,
    different: 0,
    missing: 1,
    extra: 1,
  })
  expect(result.missing).toEqual([{ pfn: 9, fileOffset: -1 }])
  expect(result.extra).toEqual([{ pfn: 1024, fileOffset: dump.pageOffset(pfn(1024)) }])
})

it('excuses a difference only on a page of the write log', () => {
  const { bytes, dump } = dumpOf(ram, allPages())
  bytes[offsetOf(20)]! ^= 1
  bytes[offsetOf(21)]! ^= 1
  expect(compare(bytes, dump, ram, allPages(), [20, 22]).count).toEqual({
    unit: 'pages',
    compared: 640,
    equal: 638,
    changedByDumpPath: 1,
    different: 1,
    missing: 0,
    extra: 0,
  })
})

it('compares pages that do not follow each other in the file', () => {
  const { bytes } = dumpOf(ram, allPages())
  const pages = allPages()
  const total = pages.size
  const reversed = new Uint8Array(bytes)
  const place = (page: number): number => FRONT + (total - 1 - pages.rank(pfn(page))) * PAGE_SIZE
  for (const run of pages.runs(1)) reversed.set(ram.page(run.basePage), place(run.basePage))
  expect(compare(reversed, { pages, firstPageOffset: FRONT, pageOffset: place }, ram).count.equal).toBe(640)
})
