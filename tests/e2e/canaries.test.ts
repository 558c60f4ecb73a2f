// A run folder that comes from anywhere: whatever stands in the place of an entry, no command touches what lies outside, hangs, reads without
// end or ends without saying why.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { planTest, resumeRun, startRun } from 'dumpstack/session'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repository, temporaryFolder } from './cli.ts'
import { copyRun } from './copy-run.ts'
import { MIB } from './killed-run.ts'

const MAX_SECONDS = 60
const MAX_RSS_KB = 1024 * 1024
const script = fileURLToPath(new URL('canaries.mjs', import.meta.url))
const folder = temporaryFolder()
afterAll(() => folder.remove())
const at = (name: string): string => path.join(folder.path, name)
const signal = new AbortController().signal
const given = {
  dumps: ['mini'],
  ram: 64 * MIB,
  cpus: 1,
  seed: 1,
  controller: 'ahci',
  driver: path.join(repository, 'guest/miniports/bin/dsahci.sys'),
} as const

beforeAll(async () => {
  const plan = planTest(given, () => 256 * MIB)
  expect(await startRun(plan, { folder: at('stopped'), stopAt: 'crash', sinks: [], signal })).toEqual({
    ended: 'crashed',
    dump: 'mini',
  })
  copyRun(at('stopped'), at('finished'))
  const end = await resumeRun({ folder: at('finished'), stopAt: 'end', sinks: [], signal })
  expect(end.ended).toBe('finished')
})

interface Ended {
  readonly entry: string
  readonly what: string
  readonly name: string
  readonly code: number
  readonly stderr: string
  readonly seconds: number
  readonly isAlive: boolean
  readonly rssKb: number
}

/** Throws with the name of the command that does not end. */
async function endsOf(run: string, entries: readonly string[]): Promise<Ended[]> {
  const work = at(`${run}-work`)
  const child = spawn(process.execPath, [script, at(run), work, JSON.stringify(entries)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  let watch: NodeJS.Timeout | undefined
  const watchAgain = (): void => {
    clearTimeout(watch)
    watch = setTimeout(() => child.kill('SIGKILL'), MAX_SECONDS * 1000)
  }
  watchAgain()
  child.stdout.on('data', (chunk) => {
    text += chunk
    watchAgain()
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  clearTimeout(watch)
  const lines = text.split('\n').slice(0, -1)
  expect(code, `did not end: ${lines.at(-1)}`).toBe(0)
  return lines.map((line) => JSON.parse(line)).filter((line) => 'code' in line)
}

const NESTED = ['mini/truth.bin', 'mini/truth.json', 'mini/calls.bin', 'C/Windows']
const CODES: ReadonlySet<number> = new Set([0, 1, 2, 3, 4])

describe.skipIf(process.platform === 'win32').each(['finished', 'stopped'])('a run that is %s', (run) => {
  it('neither loses what lies outside of its folder nor hangs, whatever stands in it', async () => {
    const names = readdirSync(at(run))
    const entries = [...names, ...NESTED.filter((name) => existsSync(path.join(at(run), name)))]
    const ends = await endsOf(run, entries)
    expect(ends.length).toBe(entries.length * 8 * 7)
    expect(ends.filter(({ isAlive }) => !isAlive)).toEqual([])
    expect(ends.filter(({ code }) => !CODES.has(code))).toEqual([])
    const isSaid = ({ stderr }: Ended): boolean => /^error: [^\n]+\n(to go on [^\n]+\n)?$/.test(stderr)
    expect(ends.filter((end) => end.code === 4 && !isSaid(end))).toEqual([])
    expect(ends.filter(({ stderr }) => /\b(Type|Range|Syntax|Reference)Error\b/.test(stderr))).toEqual([])
    expect(Math.max(...ends.map(({ rssKb }) => rssKb))).toBeLessThan(MAX_RSS_KB)
    const links = ends.filter(({ what, entry }) => what.startsWith('a link') && entry === 'journal.jsonl')
    for (const { name, code, stderr } of links.filter(({ name }) =>
      ['examine', 'calls', 'cmd'].includes(name),
    ))
      expect([code, stderr], name).toEqual([
        4,
        expect.stringContaining('journal.jsonl is a link, expected a file'),
      ])
  }, 900_000)
})
