import { type Gva, gpa, gva, pfn } from '@dumpstack/bytes'
import { createMachine, Owner } from '@dumpstack/machine'
import { GuestMemory } from '@dumpstack/testkit'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ramRuns } from './memory-layout.ts'
import { KERNEL_READ_WRITE, PageTables, slotAddress, slotOf } from './page-tables.ts'
import { PhysicalPages } from './physical-pages.ts'

const SELF = 0x1a5
const SLOTS = [0x120, 0x1f0]
const USER = { write: true, execute: false, user: true }

const { ram } = createMachine({ seed: 2, runs: ramRuns(64 * 2 ** 20), cpuCount: 1, controllers: [] })
const pages = new PhysicalPages(ram)
const system = PageTables.ofSystem(ram, pages, pfn(0x1ad), SELF, SLOTS)
const judge = (tables: PageTables) => new GuestMemory(ram, BigInt(tables.directoryTableBase))

const kernelVa = fc
  .tuple(fc.constantFrom(...SLOTS), fc.bigInt(0n, (1n << 27n) - 1n))
  .map(([slot, page]) => gva(slotAddress(slot) + (page << 12n)))
const userVa = fc.bigInt(1n, (1n << 35n) - 1n).map((page) => gva(page << 12n))

it('maps any address to the frame that it was given, high frames too', () => {
  fc.assert(
    fc.property(
      kernelVa,
      fc.integer({ min: 0, max: 2 ** 36 - 1 }),
      fc.integer({ min: 0, max: 4095 }),
      (va, frame, offset) => {
        if (system.translate(va) !== null) return
        system.map(va, pfn(frame), KERNEL_READ_WRITE)
        expect(judge(system).frame(va)).toBe(frame)
        expect(system.translate(gva(va + BigInt(offset)))).toBe(frame * 4096 + offset)
        expect(system.unmap(va)).toBe(frame)
        expect(system.translate(va)).toBeNull()
        expect(judge(system).walk(va)).toBeNull()
      },
    ),
    { numRuns: 100 },
  )
})

it('refuses to map twice and to unmap what is not mapped', () => {
  const va = slotAddress(SLOTS[0]!)
  system.map(va, pfn(0x1000), KERNEL_READ_WRITE)
  expect(() => system.map(va, pfn(0x1001), KERNEL_READ_WRITE)).toThrow(
    /^address ffff9000`00000000 is mapped already$/,
  )
  expect(() => system.unmap(gva(va + 0x1000n))).toThrow(/^address ffff9000`00001000 is not mapped$/)
})

it('shares the kernel half with every process, also what is mapped later, and nothing of the user half', () => {
  const first = system.newProcess()
  const second = system.newProcess()
  const late = gva(slotAddress(SLOTS[1]!) + 0x40000000n)
  system.map(late, pfn(0x2222), KERNEL_READ_WRITE)
  expect(judge(first).walk(late)).toEqual(judge(system).walk(late))
  fc.assert(
    fc.property(userVa, (va) => {
      if (first.translate(va) !== null) return
      first.map(va, pfn(0x3333), USER)
      expect(judge(first).frame(va)).toBe(0x3333)
      // User access needs the user bit on every level (SDM volume 3, 4.6).
      expect(
        judge(first)
          .walk(va)!
          .every((entry) => (entry & 4n) !== 0n),
      ).toBe(true)
      expect(judge(second).walk(va)).toBeNull()
    }),
    { numRuns: 30 },
  )
})

it('shows each address space its own tables in the window, the PML4 included', () => {
  const process = system.newProcess()
  for (const tables of [system, process]) {
    const window = tables.pteBase
    expect(slotOf(window)).toBe(SELF)
    const pml4 = gva(window | (BigInt(SELF) << 30n) | (BigInt(SELF) << 21n) | (BigInt(SELF) << 12n))
    expect(judge(tables).frame(pml4)).toBe(tables.root)
  }
})

it('visits every entry with the address where the window shows it', () => {
  const process = system.newProcess()
  const mapped: readonly Gva[] = [0x10000n, 0x7ff812345000n, 0x123456789000n].map(gva)
  for (const [index, va] of mapped.entries()) process.map(va, pfn(0x4000 + index), USER)
  const found = new Map<number, number>()
  process.visit('user', (target, table, entryAt) => {
    const address = gva(0xffff000000000000n | BigInt(entryAt))
    expect(judge(process).frame(address)).toBe(table)
    expect(Number((judge(process).u64(address) >> 12n) & 0xfffffffffn)).toBe(target)
    found.set(target, entryAt)
  })
  expect(found.size).toBe(3 + 9) // each page has three tables of its own above it
  for (const [index, va] of mapped.entries()) {
    expect(BigInt(found.get(0x4000 + index)!)).toBe((process.pteBase & 0xffffffffffffn) + (va >> 12n) * 8n)
  }
  let ownsAll = true
  system.visit('kernel', (_target, table) => {
    ownsAll &&= ram.owner(table) === Owner.kernel
  })
  expect(ownsAll).toBe(true)
})

it('looks into tables once that name each other, and has an end', () => {
  const process = system.newProcess()
  const [upper, lower] = [pages.takeZeroed(Owner.kernel), pages.takeZeroed(Owner.kernel)]
  const name = (table: number, index: number, target: number): void =>
    ram.setU64(gpa(table * 4096 + index * 8), BigInt(target * 4096) | 7n)
  for (let index = 0; index < 256; index++) name(process.root, index, upper)
  for (let index = 0; index < 512; index++) {
    name(upper, index, lower)
    name(lower, index, upper)
  }
  let entries = 0
  process.visit('user', () => entries++)
  expect(entries).toBe(256 + 512 + 512)
})

it('says which entry leads to a table outside RAM, and takes a large page for what it is', () => {
  const process = system.newProcess()
  const slot = (index: number) => gpa(process.root * 4096 + index * 8)
  ram.setU64(slot(3), 0xff_ffff_f007n)
  const found = expect.objectContaining({
    code: 'PAGE_TABLES_DAMAGED',
    message: expect.stringContaining(`the entry at 0x${slot(3).toString(16)} names pfn 0xfffffff as a table`),
  })
  expect(() => process.visit('user', () => {})).toThrow(found)
  expect(() => process.map(slotAddress(3), pfn(0x4000), USER)).toThrow(found)
  expect(process.translate(slotAddress(3))).toBeNull()

  const table = pages.takeZeroed(Owner.kernel)
  ram.setU64(slot(3), BigInt(table * 4096) | 7n)
  ram.setU64(gpa(table * 4096 + 8), 0x4000_0087n) // 1 GiB from 1 GiB on
  expect(process.translate(gva(slotAddress(3) + 0x4012_3456n))).toBe(0x4012_3456)
  const targets: number[] = []
  process.visit('user', (target) => targets.push(target))
  expect(targets).toEqual([table, 0x40000])
})
