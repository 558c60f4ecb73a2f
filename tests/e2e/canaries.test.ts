// A run folder that comes from anywhere: whatever stands in the place of an entry, no command touches what lies outside, hangs, reads without
// end or ends without saying why.
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { planTest, resumeRun, startRun } from '#session'
import { dumpstack, repository, temporaryFolder } from './cli.ts'
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

it('begins in no folder that holds anything, and names what is there', () => {
  const project = at('project')
  for (const name of ['C/Windows', 'mini']) mkdirSync(path.join(project, name), { recursive: true })
  for (const name of ['C/Windows/a.sys', 'mini/mine.dmp', 'result.json.tmp', 'notes.txt'])
    writeFileSync(path.join(project, name), 'mine')
  const { code, stderr } = dumpstack(project, 'test', '--out', '.', '--ram', '64M', '--dumps', 'mini')
  expect(stderr).toBe(
    'error: folder . holds what no run made: C, mini, notes.txt, result.json.tmp; a run begins in a folder that is empty or absent: choose another folder [RUN_FOLDER_NOT_EMPTY]\n',
  )
  expect(code).toBe(4)
  for (const name of ['C/Windows/a.sys', 'mini/mine.dmp', 'result.json.tmp', 'notes.txt'])
    expect(readFileSync(path.join(project, name), 'utf8')).toBe('mine')
  expect(readdirSync(project).sort()).toEqual(['C', 'mini', 'notes.txt', 'result.json.tmp'])
})

it('lets its JUnit file take the place of no file that the run is about to make', () => {
  mkdirSync(at('to-begin'))
  for (const name of ['result.json', 'journal.jsonl', 'dumpstack-run.jsonl', 'C']) {
    const file = `to-begin/${name}`
    for (const [program, ...args] of [
      ['dumpstack', 'test', '--ram', '64M', '--dumps', 'mini', '--out', 'to-begin', '--junit', file],
      [
        'crashdumptest',
        '-dtm',
        '-ypass',
        '-ram',
        '64M',
        '-dumps',
        'mini',
        '-work',
        'to-begin',
        '-junit',
        file,
      ],
    ] as const) {
      const bin = path.join(repository, `packages/cli/bin/${program}.js`)
      const { status, stderr } = spawnSync(process.execPath, [bin, ...args], {
        cwd: folder.path,
        encoding: 'utf8',
      })
      expect(stderr).toMatch(/junit to-begin\/\S+ is a file of the run in \S+to-begin: choose another\n$/)
      expect(status).toBe(2)
    }
  }
  expect(readdirSync(at('to-begin'))).toEqual([])
})

describe('a run folder that a stranger has written in', () => {
  const changed = (base: string, name: string, change: (text: string) => string): string => {
    rmSync(at('strange'), { recursive: true, force: true })
    copyRun(at(base), at('strange'))
    const file = path.join(at('strange'), name)
    writeFileSync(file, change(readFileSync(file, 'utf8')))
    return 'strange'
  }

  it('asks no symbol server that it names, and writes to no store, until -y names them again', async () => {
    let requests = 0
    const server = createServer((_, response) => {
      requests++
      response.writeHead(404).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/symbols`
    try {
      const named = `SRV*${at('store')}*${url}`
      const run = changed('stopped', 'state.json', (text) =>
        text.replace('"symbolPath":null', `"symbolPath":${JSON.stringify(named)}`),
      )
      for (const answer of [
        await ended('dumpstack', 'test', '--resume', run),
        await ended('crashdumptest', '-autorun', '-work', run),
      ]) {
        const { code, stderr } = answer
        expect(stderr).toContain(`the run's symbol path has ${named}: `)
        expect(stderr).toContain(`-y "${named}"`)
        expect(code).toBe(2)
      }
      expect([requests, existsSync(at('store'))]).toEqual([0, false])
      expect((await ended('dumpstack', 'test', '--resume', run, '-y', named)).code).not.toBe(2)
      expect(requests).toBeGreaterThan(0)
    } finally {
      server.close()
    }
  })

  it.each(['../stopped', '/etc', 'a\\\\b', 'a\\u0000b'])(
    'is refused where a variant is called %s',
    (variant) => {
      const run = changed('finished', 'journal.jsonl', (text) =>
        text.replaceAll('"variant":null', `"variant":"${variant}"`),
      )
      for (const command of ['examine', 'calls']) {
        const { code, stderr } = dumpstack(folder.path, command, run)
        expect(stderr).toContain('expected a plain name')
        expect(code).toBe(4)
      }
    },
  )

  it.each(['../../outside.dmp', '/etc/passwd'])('is refused where the dump of its result is %s', (file) => {
    const run = changed('finished', 'result.json', (text) =>
      text.replace(/"file": "[^"]*"/, `"file": "${file}"`),
    )
    const { code, stderr } = dumpstack(folder.path, 'test', '--resume', run, '--json')
    expect(stderr).toContain(`"${file}" leads out of the run folder`)
    expect(code).toBe(4)
  })

  it('is refused where its result is nested without end', () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
    const run = changed('finished', 'result.json', (text) => text.replace('{', `{"x":${deep},`))
    for (const [program, ...args] of [
      ['dumpstack', 'test', '--resume', run, '--json'],
      ['crashdumptest', '-autorun', '-work', run, '-json'],
    ] as const) {
      const bin = path.join(repository, `packages/cli/bin/${program}.js`)
      const { status, stderr } = spawnSync(process.execPath, [bin, ...args], {
        cwd: folder.path,
        encoding: 'utf8',
      })
      expect(stderr).toMatch(/^error: \S+result\.json is nested deeper than 64 levels, [^\n]+\n$/)
      expect(status).toBe(4)
    }
  })

  it('is refused where its driver is on a share', () => {
    const run = changed('stopped', 'state.json', (text) =>
      text.replace(/"driverFile":"[^"]*"/, '"driverFile":"\\\\\\\\server\\\\share\\\\a.sys"'),
    )
    const { code, stderr } = dumpstack(folder.path, 'test', '--resume', run)
    expect(stderr).toContain('expected a file of this host')
    expect(code).toBe(4)
  })

  it.skipIf(process.getuid?.() !== 0)('can be examined by a user who may not write there', () => {
    rmSync(at('strange'), { recursive: true, force: true })
    copyRun(at('finished'), at('strange'))
    chmodSync(folder.path, 0o755)
    const asNobody = (...args: string[]) =>
      spawnSync(process.execPath, [path.join(repository, 'packages/cli/bin/dumpstack.js'), ...args], {
        cwd: folder.path,
        encoding: 'utf8',
        uid: 65534,
        gid: 65534,
      })
    expect(asNobody('examine', 'strange')).toMatchObject({ status: 0, stderr: '' })
    expect(asNobody('calls', 'strange', '--summary')).toMatchObject({ status: 0, stderr: '' })
    const stopped = asNobody('test', '--resume', 'stopped')
    expect([stopped.status, stopped.stderr]).toEqual([
      4,
      expect.stringMatching(/^error: cannot .*\(EACCES\)/),
    ])
  })
})

/** While a server of this process answers. */
async function ended(
  program: 'dumpstack' | 'crashdumptest',
  ...args: string[]
): Promise<{ code: number | null; stderr: string }> {
  const bin = path.join(repository, `packages/cli/bin/${program}.js`)
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: folder.path,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { code, stderr }
}
