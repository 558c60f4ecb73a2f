import { gpa, PAGE_SIZE, type PageRun, pfn } from '@dumpstack/bytes'
import { createMachine, Owner, type Ram } from '@dumpstack/machine'
import { expect, it } from 'vitest'
import { ramRuns } from './memory-layout.ts'
import { PhysicalPages } from './physical-pages.ts'

const ramOf = (runs: readonly PageRun[], seed = 5): Ram =>
  createMachine({ seed, runs, cpuCount: 1, controllers: [] }).ram
const small = [
  { basePage: pfn(1), pageCount: 0x9f },
  { basePage: pfn(0x100), pageCount: 0x40 },
  { basePage: pfn(0x100000), pageCount: 0x20 },
]

it('hands out every page above the first megabyte once, from all runs, and then none', () => {
  const ram = ramOf(small)
  const pages = new PhysicalPages(ram)
  const taken = Array.from({ length: 0x60 }, () => pages.take(Owner.kernel))
  expect(new Set(taken).size).toBe(0x60)
  expect(taken.filter((page) => page >= 0x100000)).toHaveLength(0x20)
  expect(taken.every((page) => page >= 0x100 && ram.owner(page) === Owner.kernel)).toBe(true)
  expect(ram.used.size).toBe(0) // taking is not writing
  expect(() => pages.take(Owner.user)).toThrow(/^physical memory has no free page left$/)
})

it('takes a page again after it was released, and keeps what it held', () => {
  const ram = ramOf(small)
  const pages = new PhysicalPages(ram)
  const all = Array.from({ length: 0x60 }, () => pages.takeZeroed(Owner.user))
  pages.release(all[7]!, 1)
  expect(ram.owner(all[7]!)).toBe(Owner.free)
  expect(ram.used.has(all[7]!)).toBe(true)
  expect(pages.take(Owner.kernel)).toBe(all[7])
})

it('gives the same pages for the same seed only', () => {
  const take = (seed: number) => {
    const pages = new PhysicalPages(ramOf(ramRuns(64 * 2 ** 20), seed))
    return Array.from({ length: 200 }, () => pages.take(Owner.kernel))
  }
  expect(take(1)).toEqual(take(1))
  expect(take(1)).not.toEqual(take(2))
})

it('finds rows of pages at the top of memory, zeroed, below 4 GiB on request', () => {
  const ram = ramOf(small)
  const pages = new PhysicalPages(ram)
  expect(pages.takeContiguous(4, Owner.dumpPath, false)).toBe(0x10001c * PAGE_SIZE)
  const low = pages.takeContiguous(0x40, Owner.dumpPath, true)
  expect(low).toBe(0x100 * PAGE_SIZE)
  const page = new Uint8Array(PAGE_SIZE).fill(1)
  ram.read(gpa(low + 0x3f * PAGE_SIZE), page)
  expect(page.every((byte) => byte === 0)).toBe(true)
  expect(() => pages.takeContiguous(1, Owner.kernel, true)).toThrow(/no 0x1 free pages in a row below 4 GiB$/)
  expect(() => pages.takeContiguous(0x1d, Owner.kernel, false)).toThrow(/no 0x1d free pages in a row$/)
})

it('never lets a row cross a chunk of RAM, 1 GiB from the start of its run', () => {
  const runs = [{ basePage: pfn(0x100), pageCount: 0x40010 }]
  // Only these members are used, and a real GiB costs a second.
  const ram = { seed: 1, runs, setOwner() {}, write() {} } as unknown as Ram
  const first = new PhysicalPages(ram).takeContiguous(0x11, Owner.kernel, true)
  expect(first / PAGE_SIZE).toBe(0x40100 - 0x11)
})

it('takes a page by its number, if it is free', () => {
  const pages = new PhysicalPages(ramOf(small))
  expect(pages.takeZeroedAt(pfn(0x110), Owner.kernel)).toBe(0x110)
  expect(() => pages.takeZeroedAt(pfn(0x110), Owner.kernel)).toThrow(/^physical page 0x110 is not free$/)
  expect(() => pages.takeZeroedAt(pfn(0xa0), Owner.kernel)).toThrow(/^physical page 0xa0 is not free$/)
})
