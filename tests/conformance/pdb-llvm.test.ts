// What our PDB reader says about real files, in full, against llvm-pdbutil: guest PDBs (lld) and PDBs of Microsoft's linker.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { FileSource } from '@dumpstack/bytes/node'
import { PdbFile } from '@dumpstack/symbols'
import { afterAll, describe, expect, it } from 'vitest'
import { GUEST_BIN, hasTool, sharedData, toolOutput } from './tools.ts'

const PDBUTIL = 'llvm-pdbutil-16'
const isInstalled = hasTool(PDBUTIL)

const SHARED = [
  'bp_omap_reorder_funcs.pdb',
  'moz_dump_syms_regtest64.pdb',
  'sentry_CrashWithException.pdb',
  'syz_test_types_x64.pdb',
]
const files: [name: string, file: string | null][] = [
  ...readdirSync(GUEST_BIN)
    .filter((name) => name.endsWith('.pdb'))
    .map((name): [string, string] => [name, path.join(GUEST_BIN, name)]),
  ...SHARED.map((name): [string, string | null] => [name, sharedData(`pdb/${name}`)]),
]

/** `0001:2400`, as llvm-pdbutil writes it: the offset in decimal. */
const address = (segment: number, offset: number): string =>
  `${String(segment).padStart(4, '0')}:${String(offset).padStart(4, '0')}`

describe.each(files)('%s reads as llvm-pdbutil reads it', (name, file) => {
  const test = it.skipIf(!isInstalled || file === null)
  const needs = `(needs ${PDBUTIL}${file === null ? ` and shared/data/pdb/${name}` : ''})`
  const sources: FileSource[] = []
  const open = (): PdbFile => {
    sources.push(new FileSource(file!))
    return new PdbFile(sources.at(-1)!, name)
  }
  const dump = (...options: string[]): string => toolOutput(PDBUTIL, ['dump', ...options, file!])
  afterAll(() => {
    for (const source of sources) source.close()
  })

  test(`identity ${needs}`, () => {
    const output = dump('--summary')
    const field = (label: string): string => new RegExp(`${label}: (.*)`).exec(output)![1]!
    const pdb = open()
    expect(`{${pdb.info.guid}}`).toBe(field('GUID').replaceAll('-', ''))
    expect(String(pdb.info.age)).toBe(field('Age'))
    expect(String(pdb.info.signature)).toBe(field('Signature'))
    expect(String(pdb.msf.streamCount)).toBe(field('Number of streams'))
    expect(String(pdb.dbi!.isStripped)).toBe(field('Is stripped'))
    expect(String(pdb.dbi!.isIncrementallyLinked)).toBe(field('Is incrementally linked'))
  })

  test(`publics ${needs}`, () => {
    const output = dump('--publics')
    const expected = [
      ...output.matchAll(/\| S_PUB32 \[size = \d+\] `(.*)`\n +flags = (.*), addr = (\d+:\d+)/g),
    ].map((m) => `${m[1]} ${m[3]} ${m[2]!.includes('function')}`)
    expect(expected.length).toBeGreaterThan(0)
    const pdb = open()
    const publics = [...pdb.publics!]
    expect(
      publics
        .map(
          (symbol) => `${symbol.name} ${address(symbol.segment, symbol.offset)} ${(symbol.flags & 2) !== 0}`,
        )
        .sort(),
    ).toEqual(expected.sort())
    // Each is found by its name, and each that has an address by that.
    for (const { name, segment, offset } of publics) {
      expect([...pdb.publics!.byName(name)].map((found) => found.name)).toContain(name)
      const rva = pdb.segments.rvaOf(segment, offset)
      if (rva < 0) continue
      expect(pdb.near(rva)).toMatchObject({ rva, displacement: 0 })
      expect(pdb.byName(name)?.name).toBe(name)
    }
  })
})

const portable = sharedData('pdb/portable_dotnet_negative.pdb')
it.skipIf(portable === null)('refuses a portable PDB by name (needs shared/data/pdb)', () => {
  const source = new FileSource(portable!)
  expect(() => new PdbFile(source, 'portable.pdb')).toThrow(
    expect.objectContaining({
      code: 'SYMBOLS_NOT_A_PDB',
      message: expect.stringContaining('a portable PDB (.NET metadata)'),
    }),
  )
  source.close()
})
