import { spawnSync } from 'node:child_process'
import { linkSync, mkdtempSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { sarifOf } from '../check/sarif.ts'
import { checkDistinct, checkOutput, openOutput, writeOutput } from './output-file.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'output-file-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (name: string): string => path.join(folder, name)
writeFileSync(at('disk.sys'), 'driver')
writeFileSync(at('old.sarif'), JSON.stringify(sarifOf('1', null, [], false), null, 2))
writeFileSync(at('empty'), '')
linkSync(at('disk.sys'), at('hard.sarif'))
symlinkSync(at('disk.sys'), at('soft.sarif'))
const reads = [null, at('absent.pdb'), at('disk.sys')]

it.each(['disk.sys', '../here/disk.sys', 'hard.sarif', 'soft.sarif'])(
  'does not overwrite what is read: %s',
  (name) => {
    const file = at(name.replace('here', path.basename(folder)))
    expect(() => checkOutput('--sarif', 'sarif', file, reads)).toThrow(
      /^--sarif .* would overwrite .*disk\.sys, which is read$/,
    )
  },
)

it('takes a new file and an old one, no folder and nothing in one that is not there', () => {
  checkOutput('--sarif', 'sarif', at('new.sarif'), reads)
  checkOutput('--sarif', 'sarif', at('old.sarif'), reads)
  checkOutput('--sarif', 'sarif', at('empty'), reads)
  expect(() => checkOutput('--sarif', 'sarif', folder, reads)).toThrow(/is a folder, expected a file/)
  expect(() => checkOutput('--sarif', 'sarif', at('none/x.sarif'), reads)).toThrow(
    /cannot write .*no such file or directory/,
  )
})

it.each(['sarif', 'junit', 'events', 'report'] as const)(
  '%s takes the place of nothing that another program wrote',
  (kind) => {
    writeFileSync(at('notes.txt'), 'notes')
    expect(() => checkOutput('--o', kind, at('notes.txt'))).toThrow(/is no earlier output of this option/)
    linkSync(at('notes.txt'), at('second.txt'))
    expect(() => checkOutput('--o', kind, at('second.txt'))).toThrow(/has a second name, a hard link/)
    symlinkSync(at('not-there'), at('dangling'))
    expect(() => checkOutput('--o', kind, at('dangling'))).toThrow(/is a link: name the file itself/)
    expect(() => openOutput(at('dangling'))).toThrow()
    expect(() => writeOutput(at('second.txt'), 'x')).toThrow(/cannot write .* a hard link/)
    for (const name of ['notes.txt', 'second.txt', 'dangling']) unlinkSync(at(name))
  },
)

it.skipIf(spawnSync('mkfifo', ['--version']).status !== 0)('waits for no pipe', () => {
  spawnSync('mkfifo', [at('pipe')])
  expect(() => checkOutput('--events', 'events', at('pipe'))).toThrow(/is a pipe or another special file/)
  expect(() => openOutput(at('pipe'))).toThrow()
})

it('empties what it takes the place of', () => {
  writeOutput(at('out'), 'a long text')
  writeOutput(at('out'), 'short')
  expect(readFileSync(at('out'), 'utf8')).toBe('short')
})

it('lets no two outputs write one file, by whatever name', () => {
  const twice = /^--sarif and --junit both write .*: give each a file of its own$/
  const both = (junit: string) => () =>
    checkDistinct([
      ['--sarif', at('old.sarif')],
      ['--events', null],
      ['--junit', junit],
    ])
  expect(both(at('old.sarif'))).toThrow(twice)
  expect(both(path.join(folder, '..', path.basename(folder), 'old.sarif'))).toThrow(twice)
  linkSync(at('old.sarif'), at('same.xml'))
  expect(both(at('same.xml'))).toThrow(twice)
  unlinkSync(at('same.xml'))
  expect(both(at('other.xml'))).not.toThrow()
})
