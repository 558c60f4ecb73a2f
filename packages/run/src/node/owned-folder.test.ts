// A run owns what it has made in its folder, and touches nothing else in it or outside of it.
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { MARKER } from '../index.ts'
import { goneLine, madeLine, markerLine } from '../made-list.ts'
import { clearRun } from './clear-run.ts'
import { GuardedFolder } from './guarded-folder.ts'
import { ListFile } from './list-file.ts'
import type { OwnedFolder } from './owned-folder.ts'
import { openRunToRead, openRunToWrite, takeFolder } from './run-owner.ts'

let root = ''
let run = ''
const at = (name: string): string => path.join(run, name)
const canary = (): string => path.join(root, 'canary')
const listed = (): string[] => readFileSync(at(MARKER), 'utf8').split('\n').slice(1, -1)

beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'dumpstack-owned-')))
  run = path.join(root, 'run')
  mkdirSync(run)
  mkdirSync(canary())
  writeFileSync(path.join(canary(), 'truth.bin'), 'canary')
})
afterEach(() => {
  expect(readdirSync(canary())).toEqual(['truth.bin'])
  expect(readFileSync(path.join(canary(), 'truth.bin'), 'utf8')).toBe('canary')
  rmSync(root, { recursive: true, force: true })
})

function taken(...files: string[]): OwnedFolder {
  const owned = takeFolder(run)
  for (const name of files) owned.writeFile(name, 'made')
  return owned
}

it('lists an entry before it is made, and no more once it is gone', () => {
  const owned = taken('full/truth.bin')
  expect(listed()).toEqual(
    [madeLine('folder', 'full'), madeLine('file', 'full/truth.bin')].map((line) => line.trim()),
  )
  owned.rename('full/truth.bin', 'full/truth.json')
  owned.remove('full/truth.json')
  expect(listed().at(-1)).toBe(goneLine('full/truth.json').trim())
  expect(owned.removeMade()).toEqual([])
  expect(readdirSync(run)).toEqual([MARKER])
  owned.removeMarker()
  owned.close()
  expect(readdirSync(run)).toEqual([])
})

it('removes what stands in its list, and names what it leaves', () => {
  const owned = taken('full/truth.bin', 'full/truth.json', 'C/Windows/a.sys', 'kernel/truth.bin')
  writeFileSync(at('C/Windows/mine.txt'), 'mine')
  rmSync(at('full/truth.json'))
  symlinkSync(path.join(canary(), 'truth.bin'), at('full/truth.json'))
  rmSync(at('kernel'), { recursive: true })
  symlinkSync(canary(), at('kernel'))
  const left = owned.removeMade()
  expect(
    left.map(({ file, why }) => `${path.relative(run, file)}: ${why.replaceAll(run, 'RUN')}`).sort(),
  ).toEqual([
    'C/Windows: it holds what the run did not make',
    'C: it holds what the run did not make',
    'full/truth.json: it is a link now',
    'full: it holds what the run did not make',
    'kernel/truth.bin: RUN/kernel is a link, expected a folder: nothing outside of a run folder is touched by way of it',
    'kernel: it is a link now',
  ])
  expect(readFileSync(at('C/Windows/mine.txt'), 'utf8')).toBe('mine')
  expect(existsSync(at('full/truth.bin'))).toBe(false)
  owned.close()
})

it('neither replaces, cuts, renames nor appends to a file that it did not make', () => {
  const owned = taken('full/truth.bin')
  writeFileSync(at('full/truth.json'), 'mine')
  const foreign = /truth\.json is there and no run has made it: it is neither written nor removed/
  expect(() => owned.create('full/truth.json')).toThrow(foreign)
  expect(() => owned.openToAppend('full/truth.json')).toThrow(foreign)
  expect(() => owned.truncate('full/truth.json', 0)).toThrow(foreign)
  expect(() => owned.rename('full/truth.json', 'full/calls.bin')).toThrow(foreign)
  expect(() => owned.rename('full/truth.bin', 'full/truth.json')).toThrow(foreign)
  owned.remove('full/truth.json')
  expect(readFileSync(at('full/truth.json'), 'utf8')).toBe('mine')
  owned.close()
})

const replacements: [what: string, put: (file: string) => void, found: string][] = [
  ['a link to a file', (file) => symlinkSync(path.join(canary(), 'truth.bin'), file), 'a link'],
  ['a link to a folder', (file) => symlinkSync(canary(), file), 'a link'],
  ['a link that leads nowhere', (file) => symlinkSync(path.join(canary(), 'absent'), file), 'a link'],
  ['a link to an endless device', (file) => symlinkSync('/dev/zero', file), 'a link'],
  ['a pipe', (file) => expect(spawnSync('mkfifo', [file]).status).toBe(0), 'a pipe'],
  ['a folder', (file) => mkdirSync(file), 'a folder'],
]

it.skipIf(process.platform === 'win32').each(replacements)(
  'opens no %s in the place of a file, to read or to write',
  (_, put, found) => {
    const owned = taken('full/truth.bin')
    rmSync(at('full/truth.bin'))
    put(at('full/truth.bin'))
    for (const open of [
      () => owned.read('full/truth.bin', 100),
      () => owned.source('full/truth.bin'),
      () => [...owned.chunks('full/truth.bin', 10)],
      () => owned.hasFile('full/truth.bin'),
      () => owned.create('full/truth.bin'),
      () => owned.openToAppend('full/truth.bin'),
      () => owned.openToUpdate('full/truth.bin'),
      () => owned.truncate('full/truth.bin', 0),
      () => owned.rename('full/truth.bin', 'full/calls.bin'),
      () => owned.remove('full/truth.bin'),
    ])
      expect(open, String(open)).toThrow(`${at('full/truth.bin')} is ${found}, expected a file`)
    owned.close()
  },
)

it('goes through no link on the way', () => {
  const owned = taken('full/truth.bin')
  rmSync(at('full'), { recursive: true })
  symlinkSync(canary(), at('full'))
  for (const open of [
    () => owned.read('full/truth.bin', 100),
    () => owned.create('full/new.bin'),
    () => owned.openToUpdate('full/truth.bin'),
    () => owned.remove('full/truth.bin'),
    () => owned.makeFolder('full'),
    () => owned.names('full'),
  ])
    expect(open, String(open)).toThrow(`${at('full')} is a link, expected a folder`)
  owned.close()
})

it('writes to no file that has another name elsewhere', () => {
  const owned = taken('journal.jsonl')
  rmSync(at('journal.jsonl'))
  linkSync(path.join(canary(), 'truth.bin'), at('journal.jsonl'))
  const shared = 'journal.jsonl is one of 2 names of a file, expected a file of its own'
  expect(() => owned.openToAppend('journal.jsonl')).toThrow(shared)
  expect(() => owned.truncate('journal.jsonl', 0)).toThrow(shared)
  owned.writeFile('journal.jsonl', 'made') // takes the name, not the file
  owned.close()
})

it('reads nothing that is larger than it may be', () => {
  const owned = taken('result.json')
  truncateSync(at('result.json'), 2 ** 40)
  expect(() => owned.read('result.json', 100)).toThrow(
    'result.json has 1099511627776 bytes, expected at most 100',
  )
  owned.close()
})

it('refuses a marker and a list that come from elsewhere', () => {
  mkdirSync(at('src'))
  writeFileSync(at('src/main.c'), 'mine')
  writeFileSync(
    at(MARKER),
    markerLine('f'.repeat(32)) + madeLine('file', 'src/main.c') + madeLine('folder', 'src'),
  )
  expect(() => takeFolder(run)).toThrow('file is src/main.c, expected the name of something that a run makes')
  rmSync(at(MARKER))
  symlinkSync(path.join(canary(), 'truth.bin'), at(MARKER))
  expect(() => takeFolder(run)).toThrow(`${at(MARKER)} is a link, expected a file`)
  rmSync(at(MARKER))
  writeFileSync(at(MARKER), 'x'.repeat(9 * 2 ** 20))
  expect(() => takeFolder(run)).toThrow('expected at most 8388608')
  expect(readFileSync(at('src/main.c'), 'utf8')).toBe('mine')
})

it('begins where symbols have been installed and nothing else', () => {
  mkdirSync(at('C/Symbols'), { recursive: true })
  takeFolder(run).close()
  rmSync(at(MARKER))
  writeFileSync(at('C/mine.txt'), 'mine')
  expect(() => takeFolder(run)).toThrow('holds what no run made: C;')
})

it('begins anew where a run was killed before it began, and where one was cleared but for fetched symbols', async () => {
  writeFileSync(at(MARKER), markerLine('f'.repeat(32)).slice(0, 20))
  taken('C/Windows/a.sys').close()
  mkdirSync(at('C/Symbols/x'), { recursive: true })
  writeFileSync(at('C/Symbols/x/a.pdb'), 'fetched')
  writeFileSync(at('journal.jsonl'), '')
  appendFileSync(at(MARKER), madeLine('file', 'journal.jsonl'))
  expect(await clearRun(run)).toEqual([])
  const owned = taken('C/Windows/b.sys')
  expect(owned.removeMade()).toEqual([])
  owned.close()
  expect(readdirSync(at('C'))).toEqual(['Symbols'])
  expect(readFileSync(at('C/Symbols/x/a.pdb'), 'utf8')).toBe('fetched')
  writeFileSync(at('notes.txt'), 'mine')
  takeFolder(run).close()
  writeFileSync(at('C/mine.txt'), 'mine')
  expect(() => takeFolder(run)).toThrow('holds what no run made: C; ')
})

it('goes on with a list whose last line a kill cut off', () => {
  taken('journal.jsonl', 'full/truth.bin').close()
  appendFileSync(at(MARKER), '{"file":"full/tru')
  const owned = openRunToWrite(run)
  owned.writeFile('full/truth.json', 'made')
  owned.close()
  expect(listed()).toContain(madeLine('file', 'full/truth.json').trim())
  expect(openRunToWrite(run).isMade('full/truth.json')).toBe(true)
})

it('says that a run without a marker is of another version, and leaves it alone', async () => {
  for (const name of ['journal.jsonl', 'state.json']) writeFileSync(at(name), '{}')
  const other = `folder ${run} holds a run of another version: ${MARKER} is not there, expected one of format 2`
  expect(() => openRunToRead(run)).toThrow(other)
  expect(() => openRunToWrite(run)).toThrow(other)
  await expect(clearRun(run)).rejects.toThrow(other)
  expect(() => takeFolder(run)).toThrow('already holds a run (journal.jsonl)')
  expect(readdirSync(run)).toEqual(['journal.jsonl', 'state.json'])
})

it('resolves the path of the folder itself once, and takes a copy for its own run', () => {
  const link = path.join(root, 'link')
  symlinkSync(run, link)
  taken('journal.jsonl').close()
  expect(openRunToRead(link).path).toBe(run)
  const copy = path.join(root, 'copy')
  cpSync(run, copy, { recursive: true })
  const owned = openRunToWrite(copy)
  expect(owned.removeMade()).toEqual([])
  owned.close()
  expect(readdirSync(run).sort()).toEqual([MARKER, 'journal.jsonl'])
})

it.each(['../canary/truth.bin', '/etc/passwd', 'a/../../canary', 'a\\b', 'nul\0', '.', '', 'a//b', 'c:d'])(
  'names %j as leading out',
  (name) => {
    expect(() => new GuardedFolder(run).read(name, 10)).toThrow('leads out of the run folder')
    expect(() => new GuardedFolder(run).pathOf(name)).toThrow('leads out of the run folder')
  },
)

it.skipIf(!existsSync('/dev/full'))(
  'makes nothing that its list cannot name, and makes room all the same',
  () => {
    const list = new ListFile(openSync('/dev/full', 'a'), 'list', new Map([['full', 'folder']]), 0)
    expect(() => list.add('file', 'full/truth.bin')).toThrow('ENOSPC')
    expect(list.kindOf('full/truth.bin')).toBe(null)
    list.drop('full')
    expect(list.size).toBe(0)
    list.close()
  },
)
