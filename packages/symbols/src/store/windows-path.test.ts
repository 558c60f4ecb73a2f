import fc from 'fast-check'
import { expect, it } from 'vitest'
import { folderOfRoot, parseWindowsPath } from './windows-path.ts'

it.each([
  [String.raw`C:\Symbols\nt.pdb`, 'c:', ['Symbols', 'nt.pdb']],
  ['d:/x//y/', 'd:', ['x', 'y']],
  [String.raw`\\Server\Share\a\.\b\..\c`, String.raw`\\server\share`, ['a', 'c']],
  [String.raw`C:\..\..\etc\passwd`, 'c:', ['etc', 'passwd']],
])('reads %s', (path, root, names) => {
  expect(parseWindowsPath(path)).toEqual({ root, names })
})

it('leaves paths of the host alone', () => {
  for (const path of ['/tmp/x', 'symbols', './C', '']) expect(parseWindowsPath(path)).toBeNull()
})

it('finds the folder of a drive or share in any case', () => {
  const mapping = [
    { root: 'C:', folder: '/run/C' },
    { root: String.raw`\\SERVER\share`, folder: '/run/share' },
  ]
  expect(folderOfRoot('c:', mapping)).toBe('/run/C')
  expect(folderOfRoot(String.raw`\\server\share`, mapping)).toBe('/run/share')
  expect(folderOfRoot('d:', mapping)).toBeNull()
})

it('never leads out of its root', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('.', '..', '\\', '/', 'a', ' ') }), (rest) => {
      const names = parseWindowsPath(`C:${rest}`)?.names ?? []
      for (const name of names) {
        expect(name).not.toMatch(/[\\/]/)
        expect(['', '.', '..']).not.toContain(name)
      }
    }),
  )
})
