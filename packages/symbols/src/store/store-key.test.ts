// Examples from Microsoft's "Symbol storage format" and the published kernel table's own name.
import { expect, it } from 'vitest'
import { SymbolsError } from '../errors.ts'
import { compressedName, fileNameOf, imageKey, parsePointer, pdbKey, storeFolder } from './store-key.ts'

it('makes keys of PDBs and images', () => {
  expect(pdbKey({ guid: '5278aff86c341677d7d7835c85b7b844', age: 1 })).toBe(
    '5278AFF86C341677D7D7835C85B7B8441',
  )
  expect(pdbKey({ guid: 'AB'.repeat(16), age: 0x1a })).toBe(`${'AB'.repeat(16)}1a`)
  expect(imageKey(0x7cd2a15, 0xa8000)).toBe('07CD2A15a8000')
})

it('makes folders of both tiers', () => {
  expect(storeFolder('single-tier', 'nt.pdb', 'K')).toEqual(['nt.pdb', 'K'])
  expect(storeFolder('two-tier', 'nt.pdb', 'K')).toEqual(['nt', 'nt.pdb', 'K'])
  expect(storeFolder('flat', 'nt.pdb', 'K')).toEqual([])
  expect(compressedName('hal.dll')).toBe('hal.dl_')
})

it.each([
  ['\\\\server\\share\\nt.pdb\r\n', { kind: 'path', path: '\\\\server\\share\\nt.pdb' }],
  ['PATH:C:\\x\\nt.pdb', { kind: 'path', path: 'C:\\x\\nt.pdb' }],
  ['MSG: retired', { kind: 'message', text: 'retired' }],
  ['', { kind: 'message', text: 'the pointer is empty' }],
])('reads the pointer %j', (content, pointer) => {
  expect(parsePointer(content)).toEqual(pointer)
})

it('takes only the last part of the path in an image, and only a name', () => {
  expect(fileNameOf('d:\\build\\obj\\nt.pdb')).toBe('nt.pdb')
  expect(fileNameOf('/b/nt.pdb')).toBe('nt.pdb')
  expect(fileNameOf('..\\..\\..\\nt.pdb')).toBe('nt.pdb')
  expect(fileNameOf('C:\\console.pdb')).toBe('console.pdb')
})

it.each([
  '',
  '..',
  'a\\..',
  'a/',
  'x\0.pdb',
  'a\\b:c',
  'n'.repeat(300),
  // A folder of its own in a store of two tiers: `..`.
  '..x.pdb',
  'x.pdb.',
  'x.pdb ',
  'nul',
  'NUL.pdb',
  'com1.pdb',
  'COM\u00b9.pdb',
  'C:\\b\\aux.x.pdb',
  // What would change the layout of a store.
  'index2.txt',
  'C:\\FLAT.TXT',
  'pingme.txt',
])('refuses %j for the name of a file in a store', (path) => {
  expect(() => fileNameOf(path)).toThrow(SymbolsError)
})

it('never leaves the root by a name that it took', () => {
  for (const layout of ['single-tier', 'two-tier', 'flat'] as const) {
    for (const part of storeFolder(layout, fileNameOf('.x'), 'K')) expect(['.', '..', '']).not.toContain(part)
  }
  // Half a pair of surrogates is not left of the last letter.
  expect(compressedName('x.pd\u{1f600}')).toBe('x.pd_')
})
