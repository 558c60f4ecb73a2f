import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { clearRun } from './clear-run.ts'
import { OwnedFolder } from './owned-folder.ts'
import { RunLock } from './run-lock.ts'
import { keepReport } from './run-report.ts'

let run: string
const at = (name: string): string => path.join(run, name)
const report = (): string => readFileSync(at('report.html'), 'utf8')
beforeEach(() => {
  run = mkdtempSync(path.join(tmpdir(), 'run-report-'))
  const owned = OwnedFolder.mark(run)
  owned.writeFile('journal.jsonl', 'a run')
  owned.close()
})
afterEach(() => rmSync(run, { recursive: true }))

it('is a file of the run: made again in its place, and gone with the rest', async () => {
  expect(await keepReport(run, 'first', {})).toBe(at('report.html'))
  await keepReport(run, 'second', {})
  expect(report()).toBe('second')
  expect(readdirSync(run).sort()).toEqual(['dumpstack-run.jsonl', 'journal.jsonl', 'report.html'])
  expect(await clearRun(run)).toEqual([])
  expect(existsSync(at('report.html'))).toBe(false)
})

it('takes the place of nothing that the run did not make, and follows no link', async () => {
  writeFileSync(at('report.html'), 'mine')
  await expect(keepReport(run, 'report', {})).rejects.toThrow('report.html is there and no run has made it')
  expect(report()).toBe('mine')
  rmSync(at('report.html'))
  symlinkSync(at('elsewhere'), at('report.html'))
  await expect(keepReport(run, 'report', {})).rejects.toThrow('report.html is a link, expected a file')
  expect(existsSync(at('elsewhere'))).toBe(false)
})

it('is not made while a process works on the run', async () => {
  const lock = await RunLock.take(run)
  await expect(keepReport(run, 'report', {})).rejects.toThrow(`works on the run in ${run}`)
  lock.release()
  expect(existsSync(at('report.html'))).toBe(false)
})
