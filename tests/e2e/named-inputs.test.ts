// What a command line names and is not there, or is of another kind: one line that names it, exit code 2 and never that of a verdict.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { dumpstack, listedCommands, repository, temporaryFolder } from './cli.ts'

const bins = path.join(repository, 'packages/cli/bin')
const driver = fileURLToPath(new URL('../../guest/bin/storahci.sys', import.meta.url))
const folder = temporaryFolder()
afterAll(() => folder.remove())
writeFileSync(path.join(folder.path, 'file'), 'no dump, no driver, no symbols')
mkdirSync(path.join(folder.path, 'empty'))

/** Each command that reads what it is given, with `X` where it is named. */
const READERS: readonly (readonly string[])[] = [
  ['verify', 'X'],
  ['verify', '--json', 'X'],
  ['examine', 'X'],
  ['examine', '--as', 'mini', 'X'],
  ['examine', '--ram', 'X', driver],
  ['pdb', 'X'],
  ['check', 'X'],
  ['check', '--pdb', 'X', driver],
  ['calls', 'X'],
  ['report', 'X'],
  ['test', '--driver', 'X', '--out', 'run'],
  ['test', '--resume', 'X'],
  ['cmd', 'X', 'kd'],
  ['kd', '-z', 'X'],
]
const NONE = ['stack', 'help']

it('knows all commands', () => {
  expect([...new Set([...READERS.map(([name]) => name), ...NONE])].sort()).toEqual(listedCommands().sort())
})

describe.each(READERS)('%s %s %s %s', (...words) => {
  const args = words.filter((word) => word !== undefined)
  it.each(['absent', 'absent/below', 'file/below', 'empty'])('of %s', (place) => {
    const finished = dumpstack(folder.path, ...args.map((word) => (word === 'X' ? place : word)))
    expect(finished.stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(finished.stderr).toContain(place)
    expect(finished).toMatchObject({ code: 2, stdout: '' })
    expect(readdirSync(folder.path).sort()).toEqual(['empty', 'file'])
  })
})

const shell = '/bin/sh'
it.skipIf(!existsSync(shell)).each([
  ['dumpstack', 'verify', 'file'],
  ['dumpstack', 'test', '--out', 'run'],
  ['kd', '-z', 'file'],
  ['crashdumptest', '-?'],
])(
  'says in one line that %s %s cannot be loaded for want of file handles (needs /bin/sh)',
  (name, ...args) => {
    const { status, stderr } = spawnSync(
      shell,
      ['-c', 'ulimit -n 30; exec "$0" "$@"', process.execPath, path.join(bins, `${name}.js`), ...args],
      { encoding: 'utf8' },
    )
    expect(stderr).toMatch(/^error: the program cannot be loaded: .+\n$/)
    expect(status).toBe(4)
  },
)
