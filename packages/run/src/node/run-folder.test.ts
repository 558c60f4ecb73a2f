import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createStream, ResultFold, runCrashdumpTest, type Sink, type TestEvent } from '@dumpstack/crashtest'
import { FakeTarget, NO_SYMBOLS } from '@dumpstack/crashtest/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openFinishedRun } from './finished-run.ts'
import { onHost } from './host-error.ts'
import { RunFolder, runStateOf } from './run-folder.ts'
import { readResult } from './run-result.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'dumpstack-folder-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

async function runInto(
  folder: RunFolder,
  variant: string | null = null,
  watch: Sink = () => {},
): Promise<void> {
  const target = new FakeTarget({ folder: folder.path, dumpBytes: () => new Uint8Array(100) })
  await runCrashdumpTest(
    target,
    {
      dumps: ['full'],
      stopAfter: null,
      variant,
      given: {},
      runId: '0'.repeat(32),
      productVersion: '1.2.3',
      debugCommand: (dump) => `kd -z ${dump}`,
      repro: 'dumpstack test',
      hostNow: () => 0,
      symbols: NO_SYMBOLS,
      resumeAt: null,
      poweredOff: ({ crash, target }) => {
        folder.keepState({
          stage: crash === null ? 'restart' : 'awaitRestart',
          variant,
          options: {},
          target,
          crash,
        })
        return true
      },
      keep: (kept) => folder.keepTruth(variant, kept),
      isStoppedBy: () => false,
    },
    createStream([folder.journal, folder.log, watch]),
    new AbortController().signal,
  )
}

async function createAndClose(at: string): Promise<void> {
  const folder = await RunFolder.create(at)
  folder.close()
}

it('journals every event before any listener sees it, and keeps the truth for later', async () => {
  const folder = await RunFolder.create(path.join(root, 'run'))
  const journal = path.join(folder.path, 'journal.jsonl')
  let seen = 0
  await runInto(folder, null, (event: TestEvent) => {
    if (event.kind === 'progress') return
    const last = readFileSync(journal, 'utf8').trimEnd().split('\n').at(-1)
    expect(JSON.parse(last ?? '')).toMatchObject({ seq: event.seq, kind: event.kind })
    seen++
  })
  folder.writeResult(new ResultFold().result('fail'))
  folder.close()
  expect(seen).toBeGreaterThan(20)
  expect(readdirSync(folder.path).sort()).toEqual([
    'crashdumptest.log',
    'dumpstack-run.jsonl',
    'full',
    'journal.jsonl',
    'result.json',
  ])
  expect(readFileSync(path.join(folder.path, 'crashdumptest.log'), 'utf8')).toContain(
    '(i) Verifying paging file size.\n',
  )

  const [finished, ...more] = [...openFinishedRun(folder.path).dumps()]
  expect(more).toEqual([])
  expect(finished).toMatchObject({
    variant: null,
    dump: null,
    kept: { type: 'full', evidence: { controller: 'ahci0' } },
  })
  finished?.close()
})

it('names dumps by their place in the folder, and where they are once it was moved', async () => {
  const folder = await RunFolder.create(path.join(root, 'run'))
  const resultFold = new ResultFold()
  await runInto(folder, 'mid-body', (event) => {
    if (event.kind !== 'examined') return resultFold.sink(event)
    const file = path.join(folder.path, 'mid-body', 'full', 'MEMORY.DMP')
    const at = { ...event, examination: { ...event.examination, file } }
    folder.journal(at)
    resultFold.sink(at)
  })
  folder.writeResult(resultFold.result('pass'))
  folder.close()
  const stored = JSON.parse(readFileSync(path.join(folder.path, 'result.json'), 'utf8'))
  expect(stored.dumps[0].file).toBe('mid-body/full/MEMORY.DMP')
  expect(readFileSync(path.join(folder.path, 'journal.jsonl'), 'utf8')).toContain(
    '"file":"mid-body/full/MEMORY.DMP"',
  )
  const moved = path.join(root, 'moved')
  renameSync(folder.path, moved)
  const file = path.join(moved, 'mid-body/full/MEMORY.DMP')
  expect(readResult(moved)).toEqual({ ...stored, dumps: [{ ...stored.dumps[0], file }] })
})

it('reads no more dumps from a journal than a run can make', async () => {
  const folder = await RunFolder.create(path.join(root, 'run'))
  await runInto(folder)
  folder.close()
  const file = path.join(folder.path, 'journal.jsonl')
  const [first = ''] = readFileSync(file, 'utf8').split('\n')
  const many = Array.from({ length: 301 }, (_, index) =>
    first.replace('"variant":null', `"variant":"v${index}"`),
  )
  writeFileSync(file, `${many.join('\n')}\n`)
  expect(() => openFinishedRun(folder.path)).toThrow('dumps is full, expected at most 300 in a run')
})

it('does not read a journal of another format', async () => {
  const folder = await RunFolder.create(path.join(root, 'run'))
  await runInto(folder)
  folder.close()
  const file = path.join(folder.path, 'journal.jsonl')
  writeFileSync(file, readFileSync(file, 'utf8').replace('"format":1', '"format":7'))
  expect(() => openFinishedRun(folder.path)).toThrow('journal.jsonl line 1: format is 7, expected 1')
})

it('keeps the variants of a scenario apart and finds each', async () => {
  const folder = await RunFolder.create(path.join(root, 'run'))
  await runInto(folder, 'before-header')
  await runInto(folder, 'mid-body')
  folder.close()
  const variants: (string | null)[] = []
  for (const finished of openFinishedRun(folder.path).dumps()) {
    variants.push(finished.variant)
    finished.close()
  }
  expect(variants).toEqual(['before-header', 'mid-body'])
})

it.each(['journal.jsonl', 'result.json', 'state.json'])(
  'refuses a folder that holds another run: %s',
  async (name) => {
    writeFileSync(path.join(root, name), 'mine')
    await expect(RunFolder.create(root)).rejects.toThrow(
      `already holds a run (${name}): choose another folder`,
    )
    expect(readdirSync(root)).toEqual([name])
    expect(readFileSync(path.join(root, name), 'utf8')).toBe('mine')
  },
)

it('refuses a folder with anything in it, naming it, and leaves a folder in which no run began as it was', async () => {
  for (const name of ['C', 'mini']) {
    mkdirSync(path.join(root, name))
    writeFileSync(path.join(root, name, 'mine.txt'), 'mine')
  }
  await expect(RunFolder.create(root)).rejects.toThrow(`folder ${root} holds what no run made: C, mini; `)
  expect(readdirSync(root)).toEqual(['C', 'mini'])
  expect(readFileSync(path.join(root, 'mini', 'mine.txt'), 'utf8')).toBe('mine')
  for (const name of ['C', 'mini']) rmSync(path.join(root, name), { recursive: true })
  await createAndClose(root)
  expect(readdirSync(root)).toEqual([])
  await createAndClose(path.join(root, 'new'))
  expect(existsSync(path.join(root, 'new'))).toBe(false)
})

it('begins in a folder in which a run was killed before it had begun', async () => {
  const run = path.join(root, 'run')
  const killed = await RunFolder.create(run)
  const made = readdirSync(run).filter((name) => name !== 'run.lock')
  expect(made).toEqual(['crashdumptest.log', 'dumpstack-run.jsonl', 'journal.jsonl'])
  cpSync(run, path.join(root, 'copy'), { recursive: true })
  killed.close()
  rmSync(path.join(root, 'copy', 'run.lock'))
  expect(runStateOf(path.join(root, 'copy'))).toBe('notStarted')
  const folder = await RunFolder.create(path.join(root, 'copy'))
  folder.close()
  expect(readdirSync(path.join(root, 'copy'))).toEqual([])
})

it('names file and reason when the folder cannot be made', async () => {
  writeFileSync(path.join(root, 'file'), '')
  await expect(RunFolder.create(path.join(root, 'file', 'run'))).rejects.toThrow(
    /cannot make the run folder .*: not a directory \(ENOTDIR\)$/,
  )
})

it('says what is wrong with a folder that holds no truth, or a damaged one', async () => {
  const folder = await RunFolder.create(path.join(root, 'run'))
  await runInto(folder)
  folder.close()
  const truth = path.join(folder.path, 'full', 'truth.json')
  writeFileSync(truth, readFileSync(truth, 'utf8').replace('"seed": 7', '"seed": "x"'))
  expect(() => [...openFinishedRun(folder.path).dumps()]).toThrow(
    `${truth}: seed is x, expected a number of at least 0`,
  )
  rmSync(truth)
  expect(() => [...openFinishedRun(folder.path).dumps()]).toThrow(
    `cannot read ${truth}: no such file or directory`,
  )
  expect(() => openFinishedRun(root)).toThrow('holds no run: journal.jsonl is not there')
  expect(() => openFinishedRun(path.join(root, 'absent'))).toThrow('no such file or directory (ENOENT)')
})

it('names file and reason of what the system refuses', () => {
  // /dev/full refuses every write as a full disk does.
  const full = openSync('/dev/full', 'w')
  try {
    expect(() => onHost('write the journal', () => writeSync(full, 'x'))).toThrow(
      'cannot write the journal: no space left on device (ENOSPC)',
    )
  } finally {
    closeSync(full)
  }
  expect(() => onHost('open it', () => openSync(path.join(root, 'absent'), 'r'))).toThrow(
    'cannot open it: no such file or directory (ENOENT)',
  )
  const ours = new Error('not of the system')
  expect(() =>
    onHost('do it', () => {
      throw ours
    }),
  ).toThrow(ours)
})
