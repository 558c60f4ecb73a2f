// The walk on 32-bit halves against one written down from the Intel manual on BigInt, over tables of random entries.
import { type Gpa, gpa, gva, type PhysicalSpace, pfn } from '@dumpstack/bytes'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { highHalf, lowHalf, PageWalker, pageTableEntries, translate } from './page-walk.ts'

const PAGES = 8

/** Guest memory of PAGES pages, whatever is in them. */
function memory(bytes: Uint8Array): PhysicalSpace {
  return {
    runs: [{ basePage: pfn(0), pageCount: PAGES }],
    read(address, into) {
      const part = bytes.subarray(address, address + into.byteLength)
      into.set(part)
      return part.byteLength
    },
  }
}

function naive(dtb: bigint, va: bigint, bytes: Uint8Array): bigint | null {
  if (BigInt.asUintN(64, BigInt.asIntN(48, va)) !== va) return null
  const view = new DataView(bytes.buffer)
  let table = dtb
  for (const level of [39n, 30n, 21n, 12n]) {
    const at = table + ((va >> level) & 511n) * 8n
    if (at + 8n > BigInt(bytes.length)) return null
    const entry = view.getBigUint64(Number(at), true)
    const address = entry & 0x0000_ffff_ffff_f000n
    const isTransition = (entry & 1n) === 0n && (entry & 0x800n) !== 0n && (entry & 0x400n) === 0n
    if ((entry & 1n) === 0n && !isTransition) return null
    const isLarge = (entry & 1n) !== 0n && (entry & 0x80n) !== 0n && (level === 30n || level === 21n)
    const mask = (1n << level) - 1n
    if (isLarge) return (address & ~mask) | (va & mask)
    if (level === 12n) return address | (va & 0xfffn)
    table = address
  }
  return null
}

const word = (high: number, low: number): bigint => (BigInt(high) << 32n) | BigInt(low)

/** What the processor reads: down to the first entry that is not valid or maps a page; zero past the end of memory. */
function read(dtb: Gpa, va: bigint, bytes: Uint8Array): [number, bigint][] {
  const view = new DataView(bytes.buffer)
  const entries: [number, bigint][] = []
  let table = BigInt(dtb)
  for (const level of [39, 30, 21, 12]) {
    const at = table + ((va >> BigInt(level)) & 511n) * 8n
    const entry = at + 8n > BigInt(bytes.length) ? 0n : view.getBigUint64(Number(at), true)
    entries.push([level, entry])
    const isLarge = (entry & 0x80n) !== 0n && (level === 30 || level === 21)
    if ((entry & 1n) === 0n || isLarge) break
    table = entry & 0x0000_ffff_ffff_f000n
  }
  return entries
}

/** Mostly entries that lead on into the eight pages, so that walks get deep. */
const entry = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: PAGES }), fc.constantFrom(0x63n, 0x863n, 0x800n, 0x8e0n))
      .map(([page, flags]) => (BigInt(page) << 12n) | flags),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.bigInt({ min: 0n, max: (1n << 52n) - 1n }), fc.constantFrom(0xe3n, 0x1e3n))
      .map(([page, flags]) => BigInt.asUintN(64, (page << 12n) | flags)),
  },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }) },
  { weight: 1, arbitrary: fc.constantFrom(0n, 0xc00n, 0x77_0000_00c0n) },
)

it('agrees with a walk on BigInt', () => {
  let mapped = 0
  fc.assert(
    fc.property(
      fc.array(entry, { minLength: 16, maxLength: 16 }),
      fc.integer({ min: 0, max: PAGES - 1 }),
      fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { minLength: 1, maxLength: 20 }),
      fc.boolean(),
      (entries, root, addresses, canonical) => {
        const bytes = new Uint8Array(PAGES * 4096)
        const view = new DataView(bytes.buffer)
        for (let i = 0; i < bytes.length / 8; i++) {
          view.setBigUint64(i * 8, entries[(i * 7 + (i >> 9)) % entries.length] ?? 0n, true)
        }
        const dtb: Gpa = gpa(root * 4096)
        const kept = new PageWalker(memory(bytes), dtb)
        for (const any of addresses) {
          const first = canonical ? BigInt.asUintN(64, BigInt.asIntN(48, any)) : any
          // A walker that is kept goes on to neighbours in the same page table, the next one, and another half.
          for (const va of [first, first ^ 0x1000n, first ^ 0x20_1000n, first ^ 0x1_0000_0000n, first]) {
            const expected = naive(BigInt(dtb), va, bytes)
            const found = translate(dtb, gva(va), memory(bytes))
            expect(found === null ? null : BigInt(found)).toBe(expected)
            const again = kept.walk(highHalf(gva(va)), lowHalf(gva(va)))
            expect(again < 0 ? null : BigInt(again)).toBe(expected)
            if (found !== null) mapped++
            const entries = pageTableEntries(dtb, gva(va), memory(bytes))
            expect(entries.map(({ shift, high, low }) => [shift, word(high, low)])).toEqual(
              read(dtb, va, bytes),
            )
          }
        }
      },
    ),
    { numRuns: 300 },
  )
  expect(mapped).toBeGreaterThan(100) // the entries above do lead somewhere
})

it('says of which table it holds nothing, and what an entry names', () => {
  const bytes = new Uint8Array(PAGES * 4096)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0x1000, 0x2063n, true)
  view.setBigUint64(0x2000, 0x8000_1234_5678_9063n, true)
  const entries = pageTableEntries(gpa(0x1000), gva(0n), memory(bytes))
  expect(entries).toEqual([
    { shift: 39, isHeld: true, high: 0, low: 0x2063, frame: 2 },
    { shift: 30, isHeld: true, high: 0x8000_1234, low: 0x5678_9063, frame: 0x12_3456_789 },
    { shift: 21, isHeld: false, high: 0, low: 0, frame: 0 },
  ])
})
