// Whatever is wrong with a PDB, every question ends soon, and with an error of ours.
import { readFileSync } from 'node:fs'
import { MemorySource } from '@dumpstack/bytes'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SymbolsError } from '../errors.ts'
import { PdbFile } from './pdb-file.ts'

const intact = readFileSync(new URL('../../../../guest/bin/hal.pdb', import.meta.url))
const MAX_TYPES = 400

/** Asks everything; returns how many questions were refused, all of them where the file itself is. */
function askAll(bytes: Uint8Array): number {
  let refused = 0
  const ask = <T>(question: () => T): T | undefined => {
    try {
      return question()
    } catch (error) {
      if (!(error instanceof SymbolsError)) throw error
      refused++
      return undefined
    }
  }
  const pdb = ask(() => new PdbFile(new MemorySource(bytes), 'damaged.pdb'))
  if (pdb === undefined) return Number.POSITIVE_INFINITY
  ask(() => [...(pdb.publics ?? [])])
  ask(() => [...(pdb.globals ?? [])])
  ask(() => [...pdb.symbols()])
  ask(() => pdb.byName('HalReturnToFirmware'))
  ask(() => pdb.byName('none of these'))
  for (let rva = 0; rva < 0x3000; rva += 0x41) {
    ask(() => pdb.near(rva))
    ask(() => pdb.procedureAt(rva)?.locals)
    ask(() => pdb.lineAt(rva))
  }
  const types = ask(() => pdb.types)
  if (types !== undefined) {
    ask(() => [...pdb.typeNames()])
    for (let i = 0; i < Math.min(types.records.length, MAX_TYPES); i++) {
      ask(() => pdb.resolve(0x1000 + i))
      ask(() => types.nameOf(0x1000 + i))
    }
  }
  ask(() => pdb.ids?.at(0x1000))
  return refused
}

it('has nothing against an intact PDB but records that are no types of their own', () => {
  const pdb = new PdbFile(new MemorySource(intact), 'hal.pdb')
  const lists = [...pdb.types.records].filter(({ leaf }) => [0x1203, 0x1201].includes(leaf))
  expect(askAll(intact)).toBe(lists.filter(({ index }) => index < 0x1000 + MAX_TYPES).length)
})

it('refuses any damage with an error of its own, soon', () => {
  const byte = fc.tuple(fc.nat(intact.length - 1), fc.integer({ min: 0, max: 255 }))
  // Numbers of headers and directories are where damage leads far: block 0, and the first bytes of every block.
  const number = fc.tuple(
    fc.oneof(
      { arbitrary: fc.nat(16).map((i) => 0x20 + i * 4), weight: 1 },
      {
        arbitrary: fc
          .tuple(fc.nat(intact.length / 4096 - 1), fc.nat(63))
          .map(([block, i]) => block * 4096 + i * 4),
        weight: 6,
      },
      { arbitrary: fc.nat(intact.length / 4 - 1).map((i) => i * 4), weight: 20 },
    ),
    fc.constantFrom(
      0,
      1,
      2,
      0x7f,
      0xffff,
      0x1000,
      0x1001,
      0x10000,
      0x7fffffff,
      0x80000000,
      0xfffffffe,
      0xffffffff,
    ),
  )
  let opened = 0
  fc.assert(
    fc.property(
      fc.array(byte, { maxLength: 10 }),
      fc.array(number, { maxLength: 6 }),
      fc.oneof({ arbitrary: fc.constant(null), weight: 12 }, { arbitrary: fc.nat(intact.length), weight: 1 }),
      (someBytes, numbers, end) => {
        const damaged = Uint8Array.from(intact)
        const view = new DataView(damaged.buffer)
        for (const [at, value] of someBytes) damaged[at] = value
        for (const [at, value] of numbers) view.setUint32(at, value, true)
        const start = performance.now()
        if (askAll(end === null ? damaged : damaged.subarray(0, end)) < Number.POSITIVE_INFINITY) opened++
        expect(performance.now() - start).toBeLessThan(2000)
      },
    ),
    { numRuns: 300, seed: 1 },
  )
  // If most of the damage were refused at the start, the rest would not be tried.
  expect(opened).toBeGreaterThan(150)
})

it('refuses random bytes after the right start', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 0x34, maxLength: 8192 }),
      fc.constantFrom(512, 1024, 4096),
      (bytes, size) => {
        const file = Uint8Array.from(bytes)
        file.set(intact.subarray(0, 0x20))
        new DataView(file.buffer).setUint32(0x20, size, true)
        new DataView(file.buffer).setUint32(0x28, Math.floor(file.length / size), true)
        expect(askAll(file)).toBeGreaterThan(0)
      },
    ),
    { numRuns: 200, seed: 1 },
  )
})
