import { gva, PAGE_SIZE } from '@dumpstack/bytes'
import { createMachine } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { GuestMemory } from '@dumpstack/testkit'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ramRuns } from './memory-layout.ts'
import { KernelMemoryManager } from './memory-manager.ts'

function pool() {
  const { ram } = createMachine({ seed: 4, runs: ramRuns(64 * 2 ** 20), cpuCount: 1, controllers: [] })
  const memory = new KernelMemoryManager(ram, win10_19041)
  return { ram, memory, judge: new GuestMemory(ram, BigInt(memory.tables.directoryTableBase)) }
}

it('chains the blocks of a page by their headers, as !pool walks them', () => {
  const { memory, judge } = pool()
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 0xfe0 }), { minLength: 1, maxLength: 40 }), (lengths) => {
      for (const byteLength of lengths) {
        const block = memory.pool.allocate(byteLength, 'Test')
        const page = block & ~0xfffn
        expect(block % 16n).toBe(0n)
        expect((block + BigInt(byteLength) - 1n) & ~0xfffn).toBe(page)
        expect(judge.read(block, byteLength).every((byte) => byte === 0)).toBe(true)
        let previous = 0
        for (let at = page; at < block; ) {
          const units = judge.u8(at + 2n)
          expect(judge.u8(at)).toBe(previous)
          expect(new TextDecoder().decode(judge.read(at + 4n, 4))).toBe('Test')
          previous = units
          if (at + 16n === block) expect(units * 16).toBe(16 + Math.ceil(byteLength / 16) * 16)
          at += BigInt(units * 16)
        }
        memory.space.write(block, new Uint8Array(byteLength))
      }
    }),
    { numRuns: 20 },
  )
})

it.each([0xfe1, 0xff0, PAGE_SIZE, PAGE_SIZE + 1])(
  'gives a block of %d bytes pages of its own, without a header',
  (length) => {
    const { memory, judge } = pool()
    const block = memory.pool.allocate(length, 'Big ')
    expect(block % BigInt(PAGE_SIZE)).toBe(0n)
    expect(judge.read(block, Math.ceil(length / PAGE_SIZE) * PAGE_SIZE).every((byte) => byte === 0)).toBe(
      true,
    )
  },
)

it('reserves pages that stay unwritten', () => {
  const { ram, memory } = pool()
  memory.pool.reserve(1) // tables that a first reservation needs
  const before = ram.used.size
  const start = memory.pool.reserve(3)
  expect(ram.used.size).toBe(before)
  for (let page = 0; page < 3; page++) {
    expect(memory.tables.translate(gva(start + BigInt(page * PAGE_SIZE)))).not.toBeNull()
  }
})
