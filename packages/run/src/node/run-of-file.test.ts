import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { MARKER } from '../index.ts'
import { runOfFile } from './run-of-file.ts'

const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'dumpstack-run-of-')))
const run = path.join(root, 'run')
beforeAll(() => {
  for (const name of ['next', 'run/full', 'run/before-header/full', 'run/C/Windows'])
    mkdirSync(path.join(root, name), { recursive: true })
  writeFileSync(path.join(run, MARKER), '')
  symlinkSync(path.join(run, 'full'), path.join(root, 'link'))
  symlinkSync(path.join(root, 'next'), path.join(root, 'next-link'))
  symlinkSync(path.join(run, 'result.json'), path.join(root, 'junit.xml'))
  symlinkSync('run/mini/truth.bin', path.join(root, 'dangling'))
  mkdirSync(path.join(run, 'mini'))
  symlinkSync('dangling', path.join(root, 'twice'))
  symlinkSync('loop', path.join(root, 'loop'))
  writeFileSync(path.join(run, 'result.json'), '')
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

it.each([
  'run/journal.jsonl',
  'run/report.html',
  'run/dumpstack-run.jsonl',
  'run/run.lock',
  'run/full/truth.bin',
  'run/before-header/full/MEMORY.DMP',
  'run/C/Windows/kd.log',
  'link/truth.bin',
  'junit.xml',
  'dangling',
  'twice',
])('%s is a part of the run', (name) => expect(runOfFile(path.join(root, name))).toBe(run))

it.each(['run/junit.xml', 'journal.jsonl', 'absent/journal.jsonl', 'run/notes/journal.txt', 'loop'])(
  '%s is none',
  (name) => expect(runOfFile(path.join(root, name))).toBe(null),
)

it.each([
  ['next/result.json', 'next'],
  ['next-link/journal.jsonl', 'next'],
  ['next/result.json', 'next-link'],
  ['absent', 'absent'],
])('%s is a part of the run that is to begin in %s', (file, next) => {
  const folder = path.join(root, file === 'absent' ? 'absent' : 'next')
  expect(runOfFile(path.join(root, file), path.join(root, next))).toBe(folder)
})

it.each(['next/junit.xml', 'result.json', 'junit.xml.new'])(
  '%s is none of the run that is to begin in next',
  (file) => expect(runOfFile(path.join(root, file), path.join(root, 'next'))).toBe(null),
)
