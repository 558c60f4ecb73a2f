// Sweeps of page tables that are laid out by hand.
import { type Gpa, gpa, PAGE_SIZE, type PhysicalSpace, pfn } from '@dumpstack/bytes'
import { expect, it } from 'vitest'
import { sweepKernelPages } from './page-sweep.ts'

const PAGES = 32
class Tables implements PhysicalSpace {
  readonly runs = [{ basePage: pfn(0), pageCount: PAGES }]
  readonly #bytes = new Uint8Array(PAGES * PAGE_SIZE)
  read(gpa: Gpa, into: Uint8Array): number {
    const part = this.#bytes.subarray(gpa, gpa + into.byteLength)
    into.set(part)
    return part.byteLength
  }
  set(table: number, entry: number, value: number): void {
    new DataView(this.#bytes.buffer).setBigUint64(table * PAGE_SIZE + entry * 8, BigInt(value), true)
  }
}
const ROOT = 1
const [VALID, WRITE, LARGE] = [1, 2, 0x80]
const to = (page: number, flags: number): number => page * PAGE_SIZE + flags + VALID

interface Swept {
  readonly mapped: string[]
  readonly tables: number[]
  readonly isWhole: boolean
}
function sweep(tables: Tables): Swept {
  const mapped: string[] = []
  const found: number[] = []
  const work = sweepKernelPages(tables, gpa(ROOT * PAGE_SIZE), {
    mapped(frame, pageCount, page, isWritable) {
      const address = 0xffff_0000_0000_0000n | (BigInt(page) << 12n)
      mapped.push(`${pageCount} from ${frame} at ${address.toString(16)}${isWritable ? ' writable' : ''}`)
    },
    table: (frame) => found.push(frame),
  })
  for (;;) {
    const step = work.next()
    if (step.done) return { mapped, tables: found, isWhole: step.value }
    expect(step.value).toBeGreaterThanOrEqual(0)
    expect(step.value).toBeLessThanOrEqual(100)
  }
}

it('names each page of the kernel with its address, and whether every level lets it be written', () => {
  const tables = new Tables()
  tables.set(ROOT, 0x1f0, to(2, WRITE))
  tables.set(2, 3, to(3, WRITE))
  tables.set(2, 4, to(0x80000, WRITE | LARGE))
  tables.set(3, 0, to(4, WRITE))
  tables.set(3, 1, to(5, 0))
  tables.set(3, 2, to(0x400, WRITE | LARGE) + PAGE_SIZE) // with the PAT bit
  tables.set(4, 1, to(0x123, WRITE))
  tables.set(4, 511, to(0x124, 0))
  tables.set(4, 7, 0x125000 + WRITE) // not valid
  tables.set(5, 0, to(0x126, WRITE)) // below a table that cannot be written
  expect(sweep(tables)).toEqual({
    mapped: [
      '1 from 291 at fffff800c0001000 writable',
      '1 from 292 at fffff800c01ff000',
      '1 from 294 at fffff800c0200000',
      '512 from 1024 at fffff800c0400000 writable',
      '262144 from 524288 at fffff80100000000 writable',
    ],
    tables: [1, 2, 3, 4, 5],
    isWhole: true,
  })
})

it('follows tables of programs without their pages, and not the entry that maps the tables themselves', () => {
  const tables = new Tables()
  tables.set(ROOT, 0x1ed, to(ROOT, WRITE))
  tables.set(ROOT, 0, to(2, WRITE))
  tables.set(2, 0, to(3, WRITE))
  tables.set(3, 0, to(4, WRITE))
  tables.set(4, 0, to(0x123, WRITE))
  expect(sweep(tables)).toEqual({ mapped: [], tables: [1, 2, 3, 4], isWhole: true })
})

it('ends where tables lead in circles, after as many as RAM has pages', () => {
  const tables = new Tables()
  for (const table of [ROOT, 2, 3, 4])
    for (let entry = 256; entry < 512; entry++) tables.set(table, entry, to((table % 4) + 1, WRITE))
  const swept = sweep(tables)
  expect(swept.isWhole).toBe(false)
  expect(swept.tables).toHaveLength(PAGES)
})
