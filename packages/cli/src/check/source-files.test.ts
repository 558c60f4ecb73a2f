import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fileUri, sourceUri } from './source-files.ts'

const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'source-files-')))
const before = process.cwd()
beforeAll(() => {
  for (const file of ['src/disk.c', 'drivers/my disk/x64/disk.sys', 'drivers/my disk/src/disk.c', 'x.c']) {
    mkdirSync(path.join(folder, path.dirname(file)), { recursive: true })
    writeFileSync(path.join(folder, file), '')
  }
  process.chdir(folder)
})
afterAll(() => {
  process.chdir(before)
  rmSync(folder, { recursive: true })
})

it.each([
  ['the longest tail below the current folder', 'D:\\a\\repo\\src\\disk.c', 'src/disk.c'],
  ['a path of a Unix host', '/home/ci/repo/src/disk.c', 'src/disk.c'],
  ['a tail below a folder above the driver', 'd:\\w\\my disk\\src\\disk.c', 'drivers/my%20disk/src/disk.c'],
  ['a file alone', 'e:\\other\\x.c', 'x.c'],
  ['what is not here, by the path of its host', 'd:\\w k\\absent.c', 'file:///d:/w%20k/absent.c'],
  ['nothing above a folder', 'd:\\..\\x.c', 'file:///d:/../x.c'],
])('takes %s', (_what, source, uri) => {
  expect(sourceUri(source, 'drivers/my disk/x64/disk.sys')).toBe(uri)
})

it('names a file below the current folder by its place there, others by a whole URI', () => {
  expect(fileUri(path.join(folder, 'src', 'disk.c'))).toBe('src/disk.c')
  expect(fileUri('./drivers/my disk/x64/disk.sys')).toBe('drivers/my%20disk/x64/disk.sys')
  expect(fileUri('../elsewhere/x.sys')).toMatch(/^file:\/\/\/.*\/elsewhere\/x\.sys$/)
})
