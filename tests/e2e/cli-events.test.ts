// `--events`: each event of a test as a line of JSON, in a file or on stdout, and the result in the last line.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { dumpstack, repository, resultOf, schemaViolation, startDumpstack, temporaryFolder } from './cli.ts'

const SCHEMA = 'docs/schema/test-event.schema.json'
const SMALL = ['--dumps', 'mini', '--ram', '64M', '--cpus', '1'] as const
const folder = temporaryFolder()
afterAll(() => folder.remove())
const at = (name: string): string => path.join(folder.path, name)

interface Line {
  readonly kind: string
  readonly seq: number
  readonly [field: string]: unknown
}

/** Each line fits the schema, they count up from 0, and the last tells the result. */
function linesOf(text: string): Line[] {
  const lines = text.split('\n')
  expect(lines.pop()).toBe('')
  const events = lines.map((line): Line => JSON.parse(line))
  for (const line of lines) expect(schemaViolation(SCHEMA, line)).toBe('')
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index))
  expect(events.map(({ kind }) => kind).indexOf('result')).toBe(events.length - 1)
  return events
}

it('gives the events on stdout and nothing else, and says what the run is', () => {
  const { code, stdout, stderr } = dumpstack(folder.path, 'test', ...SMALL, '--out', 'a', '--events', '-')
  expect([code, stderr]).toEqual([0, ''])
  const lines = linesOf(stdout)
  const { version }: { version: string } = JSON.parse(
    readFileSync(path.join(repository, 'packages/cli/package.json'), 'utf8'),
  )
  const marker: { run: string } = JSON.parse(
    readFileSync(at('a/dumpstack-run.jsonl'), 'utf8').split('\n', 1)[0]!,
  )
  expect(lines[0]).toMatchObject({ kind: 'run', format: 1, runId: marker.run, productVersion: version })
  expect(lines.filter(({ kind }) => kind === 'progress').length).toBeGreaterThan(0)
  expect(lines.at(-1)).toMatchObject({ ended: 'finished', error: null, result: resultOf(at('a')) })
  const journal = readFileSync(at('a/journal.jsonl'), 'utf8').trimEnd().split('\n')
  expect(lines.filter(({ kind }) => !['progress', 'result'].includes(kind)).map(({ seq }) => seq)).toEqual(
    journal.map((line) => (JSON.parse(line) as Line).seq),
  )
})

it('gives those of an examination too, which has no run', () => {
  const { code, stdout, stderr } = dumpstack(folder.path, 'examine', 'a', '--events', '-')
  expect([code, stderr]).toEqual([0, ''])
  const lines = linesOf(stdout)
  expect(lines[0]).toMatchObject({ kind: 'begin', step: 'examine', dump: 'mini' })
  expect(lines.filter(({ kind }) => kind === 'run')).toEqual([])
  const dumps = [expect.objectContaining({ type: 'mini', verdict: 'pass' })]
  expect(lines.at(-1)).toMatchObject({ ended: 'finished', error: null, result: { verdict: 'pass', dumps } })
})

it('writes them to a file beside the result on stdout', () => {
  writeFileSync(at('events.jsonl'), '{"seq":0,"at":1,"kind":"run"}\n')
  const { code, stdout } = dumpstack(
    folder.path,
    ...['test', ...SMALL, '--out', 'b', '--events', 'events.jsonl', '--json'],
  )
  expect(code).toBe(0)
  expect(linesOf(readFileSync(at('events.jsonl'), 'utf8')).at(-1)?.['result']).toEqual(JSON.parse(stdout))
})

it('keeps a record of each write of a dump, the same in two runs', () => {
  const writes = readFileSync(at('a/mini/writes.bin'))
  expect(writes.equals(readFileSync(at('b/mini/writes.bin')))).toBe(true)
  expect(writes.toString('latin1', 0, 8)).toBe('DSWRITES')
  let [lastNs, byteLength] = [0n, 0]
  for (let offset = 16; offset < writes.byteLength; offset += 32) {
    const atNs = writes.readBigUInt64LE(offset)
    expect(atNs).toBeGreaterThan(lastNs)
    lastNs = atNs
    byteLength += writes.readUInt32LE(offset + 24) * writes.readUInt16LE(offset + 28)
    expect(writes.readUInt16LE(offset + 30)).toBe(1) // SRB_STATUS_SUCCESS
    expect(writes.readBigUInt64LE(offset + 16)).toBeLessThan(0x200000n) // RAM of 64 MiB and the hole below 4 GiB
  }
  const { dumps }: { dumps?: { file: string }[] } = resultOf(at('a'))
  expect(byteLength).toBeGreaterThanOrEqual(readFileSync(dumps![0]!.file).byteLength)
})

it('tells the whole run in each process that takes part in it', () => {
  const bin = path.join(repository, 'packages/cli/bin/crashdumptest.js')
  const crashdumptest = (...args: string[]): number | null =>
    spawnSync(process.execPath, [bin, ...args], { cwd: folder.path }).status
  const symbols = path.join(repository, 'guest/bin')
  const plan = ['-dumps', 'mini', '-ram', '64M', '-cpus', '1']
  expect(crashdumptest('-dtm', '-y', symbols, ...plan, '-events', 'first.jsonl')).toBe(0)
  const first = linesOf(readFileSync(at('first.jsonl'), 'utf8'))
  expect(first.at(-1)).toMatchObject({ ended: 'restarting', result: null })
  expect(crashdumptest('-autorun', '-y', symbols, '-events', 'second.jsonl')).toBe(0)
  const second = linesOf(readFileSync(at('second.jsonl'), 'utf8'))
  expect(second.slice(0, first.length - 1)).toEqual(first.slice(0, -1))
  expect(second.at(-1)).toMatchObject({ ended: 'finished', result: { verdict: 'pass' } })
})

it('goes on without a reader', async () => {
  const child = startDumpstack(folder.path, 'test', ...SMALL, '--out', 'unread', '--events', '-')
  child.stdout?.once('data', () => child.stdout?.destroy())
  expect(await once(child, 'exit')).toEqual([0, null])
  expect(existsSync(at('unread/result.json'))).toBe(true)
}, 60_000)

it.each([
  [['--events', '-', '--json'], '--json and --events - both write to stdout: give one of them a file'],
  [['--events', 'x', '--junit', './x'], '--junit and --events both write x: give each a file of its own'],
  [['--events', '.'], '--events . is a folder, expected a file'],
  [['--events', 'pipe'], '--events pipe is a pipe or another special file, expected a file'],
  [['--events', '/dev/stdout', '--json'], '--events /dev/stdout is a link'],
  [['--events', 'link'], '--events link is a file of the run in'],
  [['--events', 'notes'], 'is there already, and is no earlier output of this option'],
  [['--events', 'a/result.json'], 'is a file of the run in'],
  [['--out', 'next', '--events', 'next/journal.jsonl'], 'is a file of the run in'],
  [['--controller', 'ahci', '--driver', 'v.sys', '--events', 'v.sys'], '--events v.sys would overwrite'],
  [['--resume', 'a', '--events', 'x'], '--events x: the run in a has finished already'],
])('refuses %j before it begins', (options, why) => {
  mkdirSync(at('next'), { recursive: true })
  const driver = readFileSync(path.join(repository, 'guest/bin/viostor.sys'))
  writeFileSync(at('v.sys'), driver)
  writeFileSync(at('notes'), 'not ours')
  spawnSync('mkfifo', [at('pipe')])
  rmSync(at('link'), { force: true })
  symlinkSync('a/state.json', at('link'))
  const { code, stdout, stderr } = dumpstack(folder.path, 'test', ...options)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(why)
  expect(readFileSync(at('v.sys')).equals(driver)).toBe(true)
  expect(readFileSync(at('notes'), 'utf8')).toBe('not ours')
  expect(existsSync(at('x'))).toBe(false)
})

it('is described by lines that fit the schema', () => {
  const page = readFileSync(path.join(repository, 'docs/events.md'), 'utf8')
  const lines = page.split('\n').filter((line) => line.startsWith('{"seq":'))
  expect(lines.length).toBeGreaterThan(8)
  for (const line of lines) expect(schemaViolation(SCHEMA, line)).toBe('')
})
