import { linkSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { checkOutput } from './output-file.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'output-file-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (name: string): string => path.join(folder, name)
writeFileSync(at('disk.sys'), 'driver')
writeFileSync(at('old.sarif'), 'old')
linkSync(at('disk.sys'), at('hard.sarif'))
symlinkSync(at('disk.sys'), at('soft.sarif'))
const reads = [null, at('absent.pdb'), at('disk.sys')]

it.each(['disk.sys', '../here/disk.sys', 'hard.sarif', 'soft.sarif'])(
  'does not overwrite what is read: %s',
  (name) => {
    const file = at(name.replace('here', path.basename(folder)))
    expect(() => checkOutput('--sarif', file, reads)).toThrow(
      /^--sarif .* would overwrite .*disk\.sys, which is read$/,
    )
  },
)

it('takes a new file and an old one, no folder and nothing in one that is not there', () => {
  checkOutput('--sarif', at('new.sarif'), reads)
  checkOutput('--sarif', at('old.sarif'), reads)
  expect(() => checkOutput('--sarif', folder, reads)).toThrow(/is a folder, expected a file/)
  expect(() => checkOutput('--sarif', at('none/x.sarif'), reads)).toThrow(
    /cannot write .*no such file or directory/,
  )
})
