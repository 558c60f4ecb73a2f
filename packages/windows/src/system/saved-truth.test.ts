import { gpa, PageSet, type PhysicalSpace, pfn, publishedFill } from '@dumpstack/bytes'
import { expect, it } from 'vitest'
import { SavedTruth } from './saved-truth.ts'

const SEED = 99
const runs = [
  { basePage: pfn(1), pageCount: 3 },
  { basePage: pfn(8), pageCount: 2 },
]
/** RAM of ten pages: the fill, but page 2 holds 0x5a and page 9 holds 0x77. */
const bytes = new Uint8Array(10 * 4096)
publishedFill(SEED, pfn(0), 10, new Uint32Array(bytes.buffer))
bytes.fill(0x5a, 2 * 4096, 3 * 4096)
bytes.fill(0x77, 9 * 4096)
const ram: PhysicalSpace = {
  runs,
  read: (at, into) => {
    into.set(bytes.subarray(at, at + into.byteLength))
    return into.byteLength
  },
}
const used = new PageSet(64)
used.add(pfn(2))
used.add(pfn(9))
const truth = new SavedTruth(ram, used, SEED)

it.each([
  [4096, 3 * 4096],
  [8 * 4096, 2 * 4096],
  [4096 + 4090, 20],
  [2 * 4096 + 1, 4095],
])('reads %i bytes of RAM alike at %i', (at, length) => {
  const found = new Uint8Array(length)
  expect(truth.read(gpa(at), found)).toBe(length)
  expect(Buffer.compare(found, bytes.subarray(at, at + length))).toBe(0)
})

it('stops at a hole and says how far it came', () => {
  expect(truth.read(gpa(3 * 4096), new Uint8Array(3 * 4096))).toBe(4096)
  expect(truth.read(gpa(0), new Uint8Array(8))).toBe(0)
})
