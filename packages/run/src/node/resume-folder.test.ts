// A run folder as a process left it at a crash: read back whole, put back to the crash, and never believed.
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DumpstackError, gpa } from '@dumpstack/bytes'
import { createStream, runCrashdumpTest } from '@dumpstack/crashtest'
import { FakeTarget, NO_SYMBOLS } from '@dumpstack/crashtest/testing'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type MadeKind, madeLine } from '../made-list.ts'
import { openStoppedRun } from './resume-folder.ts'
import { RunFolder } from './run-folder.ts'

const root = mkdtempSync(path.join(tmpdir(), 'dumpstack-resume-'))
const stopped = path.join(root, 'stopped')
const run = path.join(root, 'run')
const at = (name: string): string => path.join(run, name)
const MADE_SINCE = [
  'kernel/truth.json',
  'kernel/MEMORY.DMP',
  'mini/truth.bin',
  'result.json.tmp',
  'state.json.tmp',
]
const made = (kind: MadeKind, name: string): void =>
  appendFileSync(at('dumpstack-run.jsonl'), madeLine(kind, name))
let evidence: Awaited<ReturnType<FakeTarget['evidence']>>

beforeAll(async () => {
  const folder = new RunFolder(stopped)
  const target = new FakeTarget({ folder: folder.path, dumpBytes: () => new Uint8Array(100) })
  const end = await runCrashdumpTest(
    target,
    {
      dumps: ['full', 'kernel'],
      stopAfter: null,
      variant: null,
      given: {},
      repro: 'dumpstack test',
      hostNow: () => 0,
      symbols: NO_SYMBOLS,
      resumeAt: null,
      poweredOff: ({ crash, target }) => {
        const stage = crash === null ? 'restart' : 'awaitRestart'
        folder.keepState({ stage, variant: null, options: { seed: 7 }, target, crash })
        return crash?.type !== 'kernel'
      },
      keep: (kept) => folder.keepTruth(null, kept),
      isStoppedBy: () => false,
    },
    createStream([folder.journal, folder.log]),
    new AbortController().signal,
  )
  expect(end).toBe('poweredOff')
  evidence = await target.evidence()
  folder.close()
})
beforeEach(() => {
  rmSync(run, { recursive: true, force: true })
  cpSync(stopped, run, { recursive: true })
})
afterAll(() => rmSync(root, { recursive: true }))

it('gives back the crash with its evidence, the options and every event', () => {
  const { crash, options, events, stage, discarded, close, folder } = openStoppedRun(run)
  expect([stage, discarded, options.number('seed')]).toEqual(['awaitRestart', 0, 7])
  const { truth, ...facts } = evidence
  expect(crash).toMatchObject({ type: 'kernel', evidence: facts })
  for (const page of [0, 1, 2, 300]) {
    const [found, expected] = [new Uint8Array(4096), new Uint8Array(4096)]
    expect(crash!.evidence.truth.read(gpa(page * 4096), found)).toBe(truth.read(gpa(page * 4096), expected))
    expect(found).toEqual(expected)
  }
  expect(events.at(-1)).toMatchObject({ kind: 'end', step: 'crash', dump: 'kernel' })
  close()
  folder.close()
  expect(existsSync(at('state.json'))).toBe(true)
})

it('takes back what came after, and nothing before', () => {
  const journal = readFileSync(at('journal.jsonl'))
  const ram = readFileSync(at('kernel/truth.bin'))
  const examined = readFileSync(at('full/truth.json'))
  appendFileSync(at('journal.jsonl'), '{"seq":77}\n{"seq"')
  appendFileSync(at('crashdumptest.log'), 'more\n')
  appendFileSync(at('kernel/truth.bin'), 'more')
  mkdirSync(at('mini'))
  made('folder', 'mini')
  for (const name of MADE_SINCE) {
    writeFileSync(at(name), 'half')
    made('file', name)
  }
  const resumed = openStoppedRun(run)
  expect(resumed.discarded).toBe(2)
  resumed.close()
  resumed.folder.close()
  expect(readFileSync(at('journal.jsonl'))).toEqual(journal)
  expect(readFileSync(at('crashdumptest.log'))).toEqual(readFileSync(path.join(stopped, 'crashdumptest.log')))
  expect(readFileSync(at('kernel/truth.bin'))).toEqual(ram)
  expect(readFileSync(at('full/truth.json'))).toEqual(examined)
  for (const name of [...MADE_SINCE, 'mini']) expect(existsSync(at(name)), name).toBe(false)
})

it('takes back nothing that the run did not make', () => {
  mkdirSync(at('mini'))
  for (const name of MADE_SINCE) writeFileSync(at(name), 'mine')
  const resumed = openStoppedRun(run)
  resumed.close()
  resumed.folder.close()
  for (const name of MADE_SINCE) expect(readFileSync(at(name), 'utf8'), name).toBe('mine')
})

it('is worked on by one process at a time; one that is gone does not count', () => {
  const other = `run.lock.${process.ppid}`
  writeFileSync(at(other), 'held')
  expect(() => openStoppedRun(run)).toThrow(`process ${process.ppid} works on the run in ${run}`)
  expect(readdirSync(run).filter((name) => name.startsWith('run.lock'))).toEqual([other])
  renameSync(at(other), at('run.lock.999999999'))
  const resumed = openStoppedRun(run)
  expect(readdirSync(run).filter((name) => name.startsWith('run.lock'))).toEqual([`run.lock.${process.pid}`])
  resumed.close()
  resumed.folder.close()
  expect(existsSync(at(`run.lock.${process.pid}`))).toBe(false)
})

it('does not follow a name out of the folder', () => {
  const state = readFileSync(at('state.json'), 'utf8')
  writeFileSync(at('state.json'), state.replace('"variant":null', '"variant":"../stopped"'))
  expect(() => openStoppedRun(run)).toThrow('variant is ../stopped, expected a plain name')
})

it('raises only our error for a state or a journal that is damaged', () => {
  const files = ['state.json', 'journal.jsonl'].map((name) => ({
    name,
    text: readFileSync(at(name), 'latin1'),
  }))
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.nat(),
      fc.constantFrom('', '0', '-', '9999999', '"', '}', 'null', '[', 'e9', '\n', '.'),
      ({ name, text }, place, by) => {
        cpSync(stopped, run, { recursive: true })
        const index = place % text.length
        writeFileSync(at(name), text.slice(0, index) + by + text.slice(index + by.length + 1), 'latin1')
        try {
          const resumed = openStoppedRun(run)
          resumed.close()
          resumed.folder.close()
        } catch (error) {
          expect(error, String(error)).toBeInstanceOf(DumpstackError)
        }
        rmSync(run, { recursive: true })
      },
    ),
    { numRuns: 150 },
  )
})
