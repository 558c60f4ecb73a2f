// Where pages lie: lists that no 4 TiB hold, lists of debuggers, and lists that lie.
import { type ByteSource, MemorySource, type Pfn, pfn } from '@dumpstack/bytes'
import { buildDump } from '@dumpstack/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openDump } from './open-dump.ts'
import { verifyDump } from './verify-dump.ts'

const TIB_PAGES = 2 ** 28

function verdictOf(source: ByteSource): string {
  const steps = verifyDump(source, { allPages: false })
  let step = steps.next()
  while (step.done !== true) step = steps.next()
  return step.value.verdict
}

/** A file of mostly zeros, as a sparse file on a disk: only `written` costs memory. */
class SparseSource implements ByteSource {
  readonly byteLength: number
  readonly #written: readonly (readonly [offset: number, bytes: Uint8Array])[]
  bytesRead = 0

  constructor(byteLength: number, written: readonly (readonly [number, Uint8Array])[]) {
    this.byteLength = byteLength
    this.#written = written
  }

  read(offset: number, into: Uint8Array): number {
    const length = Math.max(0, Math.min(into.byteLength, this.byteLength - offset))
    this.bytesRead += length
    into.fill(0, 0, length)
    for (const [at, bytes] of this.#written) {
      const start = Math.max(offset, at)
      const end = Math.min(offset + length, at + bytes.byteLength)
      if (start < end) into.set(bytes.subarray(start - at, end - at), start - offset)
    }
    return length
  }
}

it.each([3, 4, 6, 12, 24, 240])('finds pages at %i TiB of a full dump', (tebibytes) => {
  const base = tebibytes * TIB_PAGES
  const built = buildDump({
    type: 1,
    runs: [
      [0x1, 0x5f],
      [base, 0x20],
    ],
  })
  const dump = openDump(new MemorySource(built.bytes))
  expect(dump.pageOffset(pfn(base + 0x1f))).toBe(built.bytes.length - 0x1000)
  expect(dump.pageOffset(pfn(base + 0x20))).toBe(-1)
  expect(dump.pageOffset(pfn(base - 1))).toBe(-1)
  expect(dump.pages?.size).toBe(0x7f)
  expect(dump.pages?.rank(pfn(base + 4))).toBe(0x63)
  expect([...dump.pages!.runs()]).toEqual([
    { basePage: 1, pageCount: 0x5f },
    { basePage: base, pageCount: 0x20 },
  ])
  expect(verdictOf(new MemorySource(built.bytes))).toBe('pass')
})

it('keeps of a bitmap over 24 TiB only what is not empty', () => {
  const bits = 24 * TIB_PAGES
  const bitmapAt = 0x2038
  const firstPage = Math.ceil((bitmapAt + bits / 8) / 0x1000) * 0x1000
  const small = buildDump({ type: 5, runs: [[0x1, 0x5f]] })
  const front = small.bytes.slice(0, 0x2100)
  const view = new DataView(front.buffer)
  view.setBigUint64(0x2020, BigInt(firstPage), true)
  view.setBigUint64(0x2028, BigInt(small.pfns.length + 1), true)
  view.setBigUint64(0x2030, BigInt(bits), true)
  const source = new SparseSource(firstPage + (small.pfns.length + 1) * 0x1000, [
    [0, front],
    [bitmapAt + bits / 8 - 1, Uint8Array.of(0x80)],
    [firstPage, small.bytes.subarray(small.firstPage)],
  ])
  const before = process.memoryUsage().arrayBuffers
  const dump = openDump(source)
  expect(dump.pages?.size).toBe(small.pfns.length + 1)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20)
  expect(dump.pageOffset(pfn(bits - 1))).toBe(source.byteLength - 0x1000)
  expect(dump.pageOffset(pfn(1))).toBe(firstPage)
  expect([...dump.pages!.runs()].at(-1)).toEqual({ basePage: bits - 1, pageCount: 1 })
})

it('joins runs of a bitmap over the edges of its pieces, as one dense bitmap does', () => {
  const header = buildDump({ type: 5, runs: [[0x1, 0x5f]] }).bytes.slice(0, 0x2038)
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(3), fc.integer({ min: -40, max: 40 }), fc.integer({ min: 1, max: 60 })), {
        maxLength: 12,
      }),
      (spans) => {
        const bits = 4 * 2 ** 19
        const bitmap = new Uint8Array(bits / 8)
        const members = new Set<number>()
        for (const [piece, shift, count] of spans) {
          for (
            let page = Math.max(0, piece * 2 ** 19 + shift), i = 0;
            i < count && page < bits;
            i++, page++
          ) {
            bitmap[page >> 3]! |= 1 << (page & 7)
            members.add(page)
          }
        }
        const firstPage = Math.ceil((0x2038 + bits / 8) / 0x1000) * 0x1000
        const front = header.slice()
        const view = new DataView(front.buffer)
        view.setBigUint64(0x2020, BigInt(firstPage), true)
        view.setBigUint64(0x2028, BigInt(members.size), true)
        view.setBigUint64(0x2030, BigInt(bits), true)
        const { pages } = openDump(
          new SparseSource(firstPage + members.size * 0x1000, [
            [0, front],
            [0x2038, bitmap],
          ]),
        )
        const sorted = [...members].sort((a, b) => a - b)
        expect([...pages!.runs(1)].map(({ basePage }) => basePage)).toEqual(sorted)
        for (const [index, page] of sorted.entries()) {
          expect([pages!.has(page as Pfn), pages!.rank(page as Pfn)]).toEqual([true, index])
        }
        const runs = [...pages!.runs()]
        for (let i = 1; i < runs.length; i++) {
          expect(runs[i]!.basePage).toBeGreaterThan(runs[i - 1]!.basePage + runs[i - 1]!.pageCount)
        }
      },
    ),
    { numRuns: 20 },
  )
})

describe('the list of a debugger', () => {
  const build = () => buildDump({ type: 10, runs: [[0x1, 0x3f], [0x200, 0x200]] }) // biome-ignore format: one row

  it('ends with the total number of pages, whatever follows in its room', () => {
    const { bytes, firstPage } = build()
    const view = new DataView(bytes.buffer)
    for (let at = 0x2050; at < firstPage; at += 8) view.setBigUint64(at, 0x77n, true)
    expect(openDump(new MemorySource(bytes)).pages?.size).toBe(0x23f)
  })

  it('may hold page 0 in a complete dump, and ends with it in a kernel dump', () => {
    for (const [type, size] of [
      [10, 0x200],
      [8, 0x3f],
    ] as const) {
      const { bytes } = buildDump({ type, runs: [[0x1, 0x3f], [0x200, 0x200]] }) // biome-ignore format: one row
      new DataView(bytes.buffer).setBigUint64(0x2040, 0n, true)
      expect(openDump(new MemorySource(bytes)).pages?.size).toBe(size)
    }
  })

  it('need not ascend', () => {
    const { bytes, firstPage } = build()
    const view = new DataView(bytes.buffer)
    const rows = [0x2030, 0x2038, 0x2040, 0x2048].map((at) => view.getBigUint64(at, true))
    for (const [i, at] of [0x2040, 0x2048, 0x2030, 0x2038].entries()) view.setBigUint64(at, rows[i]!, true)
    const dump = openDump(new MemorySource(bytes))
    expect(dump.pageOffset(pfn(0x200))).toBe(firstPage)
    expect(dump.pageOffset(pfn(1))).toBe(firstPage + 0x200 * 0x1000)
    expect([...dump.pages!.runs()].map(({ basePage }) => basePage)).toEqual([1, 0x200])
  })

  it.each([
    ['no marker', 0x2000, 0n],
    ['another metadata size', 0x2010, 0x1234n],
    ['a first page past the end of the file', 0x2018, 1n << 40n],
    ['a range past all physical addresses', 0x2038, 1n << 60n],
    ['more pages than its ranges have', 0x2028, 0x9999n],
  ])('is not read with %s, and not called damaged', (_, at, value) => {
    const { bytes } = build()
    new DataView(bytes.buffer).setBigUint64(at, value, true)
    expect(() => openDump(new MemorySource(bytes))).toThrow(
      expect.objectContaining({ code: 'DUMP_UNSUPPORTED_TYPE' }),
    )
  })
})

it('is not read as a summary dump where the bitmap has not as many bits as it says', () => {
  const { bytes } = buildDump({ type: 2 })
  const view = new DataView(bytes.buffer)
  view.setUint32(0x2014, view.getUint32(0x2014, true) + 1, true)
  expect(() => openDump(new MemorySource(bytes))).toThrow(
    expect.objectContaining({ code: 'DUMP_UNSUPPORTED_TYPE' }),
  )
})
