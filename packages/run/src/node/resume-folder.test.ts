// A run folder as a process left it at a crash: read back whole, put back to the crash, and never trusted.
import {
  appendFileSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DumpstackError, gpa } from '@dumpstack/bytes'
import { createStream, runCrashdumpTest, type TestEvent } from '@dumpstack/crashtest'
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
  'report.html',
]
const made = (kind: MadeKind, name: string): void =>
  appendFileSync(at('dumpstack-run.jsonl'), madeLine(kind, name))
let evidence: Awaited<ReturnType<FakeTarget['evidence']>>

beforeAll(async () => {
  const folder = await RunFolder.create(stopped)
  const target = new FakeTarget({ folder: folder.path, dumpBytes: () => new Uint8Array(100) })
  const end = await runCrashdumpTest(
    target,
    {
      dumps: ['full', 'kernel'],
      stopAfter: null,
      variant: null,
      given: {},
      runId: folder.owned.runId,
      productVersion: '1.2.3',
      debugCommand: (dump) => `kd -z ${dump}`,
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

it('gives back the crash with its evidence, the options and every event', async () => {
  const { crash, options, events, stage, discarded, close, folder } = await openStoppedRun(run)
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

it('takes back what came after, and nothing before', async () => {
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
  const resumed = await openStoppedRun(run)
  expect(resumed.discarded).toBe(2)
  resumed.close()
  resumed.folder.close()
  expect(readFileSync(at('journal.jsonl'))).toEqual(journal)
  expect(readFileSync(at('crashdumptest.log'))).toEqual(readFileSync(path.join(stopped, 'crashdumptest.log')))
  expect(readFileSync(at('kernel/truth.bin'))).toEqual(ram)
  expect(readFileSync(at('full/truth.json'))).toEqual(examined)
  for (const name of [...MADE_SINCE, 'mini']) expect(existsSync(at(name)), name).toBe(false)
})

it('takes back nothing that the run did not make', async () => {
  mkdirSync(at('mini'))
  for (const name of MADE_SINCE) writeFileSync(at(name), 'mine')
  const resumed = await openStoppedRun(run)
  resumed.close()
  resumed.folder.close()
  for (const name of MADE_SINCE) expect(readFileSync(at(name), 'utf8'), name).toBe('mine')
})

it('is worked on by one process at a time, and left as it is by any other', async () => {
  const resumed = await openStoppedRun(run)
  const names = readdirSync(run)
  await expect(openStoppedRun(run)).rejects.toThrow(`works on the run in ${run}`)
  expect(readdirSync(run)).toEqual(names)
  resumed.close()
  resumed.folder.close()
  expect(readdirSync(run).filter((name) => name.startsWith('run.lock'))).toEqual([])
})

it('writes nothing more once another process has taken the run over', async () => {
  const timing = { beatMs: 20, expiryMs: 20_000 }
  const first = await openStoppedRun(run, { timing })
  rmSync(at('run.lock')) // what this process finds that stood still while the other took over and ended
  const second = await openStoppedRun(run, { timing })
  const journal = readFileSync(at('journal.jsonl'))
  const lost = expect.objectContaining({ code: 'RUN_FOLDER_LOST' })
  const message: TestEvent = { seq: first.nextSeq, at: first.at, kind: 'message', level: 'i', text: 'mine' }
  expect(() => first.folder.journal(message)).toThrow(lost)
  expect(() => first.folder.log(message)).toThrow(lost)
  expect(() => first.folder.owned.create('disk.json')).toThrow(lost)
  expect(() => first.folder.owned.remove('state.json')).toThrow(lost)
  expect(() => first.folder.owned.removeMade()).toThrow(lost)
  first.close()
  first.folder.close()
  expect(readFileSync(at('journal.jsonl'))).toEqual(journal)
  second.folder.journal(message)
  expect(readFileSync(at('journal.jsonl'), 'utf8')).toContain('mine')
  second.close()
  second.folder.close()
})

it('writes to no file of the process that goes on, were it stopped between a look at the lock and a write', async () => {
  const before = openSync(at('journal.jsonl'), 'a')
  const resumed = await openStoppedRun(run)
  writeSync(before, 'too late')
  closeSync(before)
  expect(readFileSync(at('journal.jsonl'), 'utf8')).not.toContain('too late')
  resumed.close()
  resumed.folder.close()
})

it('does not follow a name out of the folder', async () => {
  const state = readFileSync(at('state.json'), 'utf8')
  writeFileSync(at('state.json'), state.replace('"variant":null', '"variant":"../stopped"'))
  await expect(openStoppedRun(run)).rejects.toThrow('variant is ../stopped, expected a plain name')
})

it('refuses a journal of another run, or of another power off', async () => {
  const journal = readFileSync(at('journal.jsonl'), 'utf8')
  const marker = readFileSync(at('dumpstack-run.jsonl'), 'utf8')
  const runId = /"run":"([0-9a-f]{32})"/.exec(marker)![1]!
  writeFileSync(at('journal.jsonl'), journal.replace(runId, '0'.repeat(32)))
  await expect(openStoppedRun(run)).rejects.toMatchObject({
    code: 'RUN_FOLDER_CORRUPT',
    message:
      `journal.jsonl line 1: runId is ${'0'.repeat(32)}, expected ${runId}, as the marker of the run has it`.replace(
        'journal',
        at('journal'),
      ),
  })
  writeFileSync(at('journal.jsonl'), journal.replace('"seq":3,', '"seq":2,'))
  await expect(openStoppedRun(run)).rejects.toThrow(
    /line 4: seq is 2, expected a number above 2 and below \d+$/,
  )
  writeFileSync(at('journal.jsonl'), journal)
  const state = readFileSync(at('state.json'), 'utf8')
  writeFileSync(at('state.json'), state.replace(/"nextSeq":\d+/, '"nextSeq":9'))
  await expect(openStoppedRun(run)).rejects.toThrow(
    /line \d+: seq is 9, expected a number above 8 and below 9$/,
  )
})

it('raises only our error for a state or a journal that is damaged', async () => {
  const files = ['state.json', 'journal.jsonl'].map((name) => ({
    name,
    text: readFileSync(at(name), 'latin1'),
  }))
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...files),
      fc.nat(),
      fc.constantFrom('', '0', '-', '9999999', '"', '}', 'null', '[', 'e9', '\n', '.'),
      async ({ name, text }, place, by) => {
        cpSync(stopped, run, { recursive: true })
        const index = place % text.length
        writeFileSync(at(name), text.slice(0, index) + by + text.slice(index + by.length + 1), 'latin1')
        try {
          const resumed = await openStoppedRun(run)
          resumed.close()
          resumed.folder.close()
        } catch (error) {
          expect(error, String(error)).toBeInstanceOf(DumpstackError)
        }
        rmSync(run, { recursive: true })
      },
    ),
    { numRuns: 100 },
  )
})
