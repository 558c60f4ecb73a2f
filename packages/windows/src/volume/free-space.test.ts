import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FreeSpace, type SpaceRun } from './free-space.ts'

it('never gives out a byte twice and loses none', () => {
  const step = fc.record({ length: fc.integer({ min: 1, max: 300 }), from: fc.nat(1000), release: fc.nat(5) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const free = new FreeSpace({ partitionOffset: 10, byteLength: 1000 })
      const owners = new Uint8Array(1010)
      const held: SpaceRun[][] = []
      for (const { length, from, release } of steps) {
        const before = free.byteLength
        const runs = free.gather(length, from)
        if (runs === null) {
          expect(before).toBeLessThan(length)
          expect(free.byteLength).toBe(before)
        } else {
          for (const run of runs) {
            const part = owners.subarray(run.partitionOffset, run.partitionOffset + run.byteLength)
            expect(part.byteLength).toBe(run.byteLength)
            expect(part.some((byte) => byte !== 0)).toBe(false)
            part.fill(1)
          }
          held.push(runs)
        }
        if (release === 0) {
          for (const run of held.shift() ?? []) {
            free.give(run)
            owners.fill(0, run.partitionOffset, run.partitionOffset + run.byteLength)
          }
        }
        expect(free.byteLength).toBe(1000 - owners.reduce((sum, byte) => sum + byte, 0))
      }
      for (const run of held.flat()) free.give(run)
      expect(free.find(1000, 0)).toBe(10)
    }),
  )
})

it('prefers one run after the wanted place to pieces', () => {
  const free = new FreeSpace({ partitionOffset: 0, byteLength: 100 })
  free.take({ partitionOffset: 20, byteLength: 10 })
  expect(free.gather(30, 10)).toEqual([{ partitionOffset: 30, byteLength: 30 }])
  expect(free.gather(50, 0)).toEqual([
    { partitionOffset: 0, byteLength: 20 },
    { partitionOffset: 60, byteLength: 30 },
  ])
})

it('refuses to take what is not free', () => {
  const free = new FreeSpace({ partitionOffset: 0, byteLength: 100 })
  free.take({ partitionOffset: 0, byteLength: 10 })
  expect(() => free.take({ partitionOffset: 5, byteLength: 10 })).toThrow('bytes 5..15 of the partition')
})
