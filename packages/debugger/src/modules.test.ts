// Symbols of a module whose PDB does not say where the sections of the image are.
import { gva, MemorySource } from '@dumpstack/bytes'
import type { VirtualSpace } from '@dumpstack/dumpfile'
import { mapPe, parsePe } from '@dumpstack/image'
import type { SymbolFile } from '@dumpstack/symbols'
import { buildPe, buildTriageDump } from '@dumpstack/testkit'
import { expect, it } from 'vitest'
import { DebugModule } from './modules.ts'
import { fewSymbols, NO_SYMBOLS, say, sessionOn } from './session.test-support.ts'
import type { SymbolRequest } from './symbol-source.ts'

// Where the image is made to lie, since it has no relocations.
const base = gva(0x140000000n)
const bytes = buildPe({
  sections: [
    { name: '.text', bytes: new Uint8Array(0x1800) },
    { name: '.data', bytes: new Uint8Array(8) },
  ],
})
const pe = parsePe(bytes)
const memory = mapPe(pe, base)

/** Holds the first bytes of the image. */
const spaceOf = (held: number): VirtualSpace => ({
  read(address, into) {
    const at = Number(address - base)
    const part = memory.subarray(at, Math.min(at + into.byteLength, held))
    into.set(part)
    return part.byteLength
  },
  absence: () => 'notInDump',
  translate: () => {
    throw new Error('no address is translated here')
  },
})
const moduleIn = (space: VirtualSpace): DebugModule =>
  new DebugModule(
    {
      base,
      size: pe.sizeOfImage,
      timeDateStamp: pe.timeDateStamp,
      baseName: 'x.sys',
      fullName: '',
    } as DebugModule['loaded'], // what symbols are looked for by
    'x',
    space,
  )
function fileWithoutSections(): { file: SymbolFile; given: number[][] } {
  const given: number[][] = []
  const useSections: SymbolFile['useSections'] = (sections) => void given.push(sections.map(({ rva }) => rva))
  return { file: { ...fewSymbols({ f: 0x1000 }), hasSections: false, useSections }, given }
}
const signal = new AbortController().signal

it.each([
  ['the dump', memory.byteLength, null],
  ['the image file', 0x10, bytes],
])('gets the section headers from %s', async (_, held, image) => {
  const { file, given } = fileWithoutSections()
  const module = moduleIn(spaceOf(held))
  const source = { ...NO_SYMBOLS, symbols: async () => ({ file }), image: async () => image }
  await module.loadSymbols(source, signal)
  expect([module.status, given]).toEqual(['pdb', [[0x1000, 0x3000]]])
})

it('has no symbols, and says why, where nothing has the section headers', async () => {
  const { file, given } = fileWithoutSections()
  const module = moduleIn(spaceOf(0x10))
  await module.loadSymbols({ ...NO_SYMBOLS, symbols: async () => ({ file }) }, signal)
  expect([module.status, module.symbols, given]).toEqual(['none', null, []])
  expect(module.why).toEqual(['few.pdb has no section headers, and those of x.sys are not at hand'])
})

it("finds the PDB by the CodeView record of the image's file, of which the dump holds nothing", async () => {
  const image = buildPe({
    sections: [{ name: '.text', bytes: new Uint8Array(0x1800) }],
    rsds: { guid: Uint8Array.from({ length: 16 }, (_, index) => index), age: 3, path: 'x.pdb' },
  })
  const { sizeOfImage, timeDateStamp } = parsePe(image)
  const loaded = {
    base,
    size: sizeOfImage,
    timeDateStamp,
    baseName: 'x.sys',
    fullName: '',
  } as DebugModule['loaded'] // what symbols are looked for by
  const module = new DebugModule(loaded, 'x', spaceOf(0))
  const asked: (string | null)[] = []
  const source = {
    ...NO_SYMBOLS,
    symbols: async ({ pdb }: SymbolRequest) => {
      asked.push(pdb && `${pdb.path} ${pdb.age}`)
      return { file: fewSymbols({ f: 0x1000 }) }
    },
    image: async () => image,
  }
  await module.loadSymbols(source, signal)
  expect([module.status, asked]).toEqual(['pdb', ['x.pdb 3']])
})

it('goes on without an image on the symbol path that is none, and says so', async () => {
  const module = moduleIn(spaceOf(0))
  await module.loadSymbols({ ...NO_SYMBOLS, image: async () => new Uint8Array(64) }, signal)
  expect(module.status).toBe('none')
  expect(module.why.at(-1)).toMatch(/^its image on the symbol path: /)
})

it('looks for the image again after a look-up that was interrupted', async () => {
  const module = moduleIn(spaceOf(0))
  const interrupted = { ...NO_SYMBOLS, image: () => Promise.reject(new Error('interrupted')) }
  await expect(module.loadSymbols(interrupted, signal)).rejects.toThrow('interrupted')
  expect(await module.fetchImageFile({ ...NO_SYMBOLS, image: async () => bytes }, signal)).toBe(true)
})

it('says with a type that is missing which records are not read', async () => {
  const missing = 'records that are not read: 2 types of kind 0x160f'
  const file = { ...fewSymbols({ f: 0x1000 }), missingTypes: () => missing }
  const source = { ...NO_SYMBOLS, symbols: async () => ({ file }) }
  const session = sessionOn(new MemorySource(buildTriageDump()), source)
  expect(await say(session, 'dt nt!_NEW')).toBe(`type nt!_NEW is not in few.pdb; it has ${missing}\n`)
  await expect(session.kernelType('_NEW')).rejects.toThrow(`few.pdb does not hold it; it has ${missing}`)
})
