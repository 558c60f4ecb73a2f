// `dumpstack test` and `dumpstack examine` as a user runs them: a good run, its folder, damage to its dumps, Ctrl-C.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  dumpstack,
  type Finished,
  resultOf,
  schemaViolation,
  startDumpstack,
  temporaryFolder,
} from './cli.ts'

const RAM = ['--ram', '64M', '--cpus', '2']
const PAGE = 4096
const folder = temporaryFolder()
const dumpFile = path.join(folder.path, 'run', 'full', 'MEMORY.DMP')
let run: Finished
afterAll(() => folder.remove())
beforeAll(() => {
  run = dumpstack(folder.path, 'test', ...RAM, '--out', 'run', '--json', '--junit', 'junit.xml')
}, 60_000)

const minidumpName = (): string =>
  readdirSync(path.join(folder.path, 'run', 'mini')).find((name) => /^010124-\d+-01\.dmp$/.test(name)) ?? ''
const linesOf = (file: string): string[] => readFileSync(file, 'utf8').trimEnd().split('\n')

// covers: KIT-27, KIT-76, KIT-77, KIT-78, KIT-85
it('passes on a healthy system, and prints one JSON object that the published schema accepts', () => {
  expect(run.stderr).toBe('')
  expect(run.code).toBe(0)
  const result: unknown = JSON.parse(run.stdout)
  expect(result).toMatchObject({
    schema: 'docs/schema/test-result.schema.json',
    verdict: 'pass',
    executed: true,
    violations: [],
    dumps: [
      {
        type: 'full',
        verdict: 'pass',
        file: dumpFile,
        dumpType: 5,
        bugcheck: { code: '0xe2' },
        pagesInDump: 16384,
        truth: { compared: 16384, different: 0, missing: 0, extra: 0 },
        writtenBy: [{ device: 'ahci0', fileOffset: '0x0' }],
      },
      { type: 'kernel', verdict: 'pass', dumpType: 6, truth: { different: 0, missing: 0, extra: 0 } },
      {
        type: 'mini',
        verdict: 'pass',
        file: path.join(folder.path, 'run', 'mini', minidumpName()),
        dumpType: 4,
        pagesInDump: 0,
        truth: { unit: 'blocks', compared: 24, equal: 24, different: 0, missing: 0, extra: 0 },
      },
    ],
  })
  expect(schemaViolation('docs/schema/test-result.schema.json', run.stdout)).toBe('')
  expect(result).toEqual(resultOf(path.join(folder.path, 'run')))
  expect(readFileSync(path.join(folder.path, 'junit.xml'), 'utf8')).toContain(
    'failures="0" errors="0" skipped="0"',
  )
})

it('leaves journal, log, result and dumps with their truth, and nothing temporary', () => {
  const out = path.join(folder.path, 'run')
  expect(readdirSync(out).sort()).toEqual([
    'crashdumptest.log',
    'dumpstack-run.jsonl',
    'full',
    'journal.jsonl',
    'kernel',
    'mini',
    'result.json',
  ])
  for (const type of ['full', 'kernel']) {
    expect(readdirSync(path.join(out, type)).sort()).toEqual([
      'MEMORY.DMP',
      'truth.bin',
      'truth.json',
      'writes.bin',
    ])
  }
  expect(readdirSync(path.join(out, 'mini')).sort()).toEqual([
    minidumpName(),
    'truth.bin',
    'truth.json',
    'writes.bin',
  ])
  const seqs = linesOf(path.join(out, 'journal.jsonl')).map((line): number => JSON.parse(line).seq)
  expect(seqs).toEqual([...seqs].sort((a, b) => a - b))
  for (const line of linesOf(path.join(out, 'crashdumptest.log'))) {
    expect(line).toMatch(/^2024-01-01 \d\d:\d\d:\d\d\.\d{3} \([ix]\) ./)
  }
})

it('refuses a folder that holds another run and leaves it alone', () => {
  const before = readFileSync(path.join(folder.path, 'run/journal.jsonl'))
  const { code, stderr } = dumpstack(folder.path, 'test', ...RAM, '--out', 'run')
  expect(stderr).toContain('folder run already holds a run')
  expect(code).toBe(4)
  expect(readFileSync(path.join(folder.path, 'run/journal.jsonl')).equals(before)).toBe(true)
})

it('verifies each dump by its own contents', () => {
  for (const file of ['full/MEMORY.DMP', 'kernel/MEMORY.DMP', `mini/${minidumpName()}`]) {
    const { code, stdout } = dumpstack(folder.path, 'verify', `run/${file}`, '--all-pages', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'pass', build: 19041, bugcheck: { code: '0xe2' } })
    expect(code).toBe(0)
    expect(schemaViolation('docs/schema/verify-result.schema.json', stdout)).toBe('')
  }
})

interface Examined {
  readonly code: number | null
  readonly failed: Readonly<Record<string, string>>
}

function examine(): Examined {
  const { code, stdout } = dumpstack(folder.path, 'examine', 'run', '--json')
  const result: { dumps: { checks: { id: string; verdict: string; message: string }[] }[] } =
    JSON.parse(stdout)
  const checks = result.dumps.flatMap((dump) => dump.checks).filter((check) => check.verdict !== 'pass')
  return { code, failed: Object.fromEntries(checks.map((check) => [check.id, check.message])) }
}

/** Damages the full dump, examines, and puts it back. */
function examineDamaged(damage: (fd: number, byteLength: number) => void): Examined {
  const original = readFileSync(dumpFile)
  const fd = openSync(dumpFile, 'r+')
  try {
    damage(fd, fstatSync(fd).size)
    return examine()
  } finally {
    closeSync(fd)
    writeFileSync(dumpFile, original)
  }
}

const readAt = (fd: number, offset: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  readSync(fd, bytes, 0, length, offset)
  return bytes
}
const named = (offset: number): string => `at file offset 0x${(offset - (offset % PAGE)).toString(16)}`

it('examines an untouched run again and passes', () => {
  expect(examine()).toEqual({ code: 0, failed: {} })
})

// Offsets all over the file: header, bitmap, first pages, middle, end.
it.each([0x1001, 0x2100, 0x8000, 0x30010, 0x123456, 0x2000123, 0x3ffff00])(
  'sees one flipped byte at file offset %d and names the place',
  (offset) => {
    const { code, failed } = examineDamaged((fd) => {
      const byte = readAt(fd, offset, 1)
      byte[0]! ^= 0x10
      writeSync(fd, byte, 0, 1, offset)
    })
    expect(code).toBe(1)
    const messages = Object.values(failed).join(' ')
    expect(messages).toMatch(new RegExp(`offset 0x${offset.toString(16)}|pfn 0x[0-9a-f]+ ${named(offset)}`))
  },
)

it('sees two swapped pages and names both', () => {
  const [first, second] = [0x200000, 0x2500000]
  const { code, failed } = examineDamaged((fd) => {
    const [a, b] = [readAt(fd, first, PAGE), readAt(fd, second, PAGE)]
    writeSync(fd, b, 0, PAGE, first)
    writeSync(fd, a, 0, PAGE, second)
  })
  expect(code).toBe(1)
  expect(failed['truth']).toMatch(
    new RegExp(`^2 pages .*pfn 0x\\w+ ${named(first)} .*pfn 0x\\w+ ${named(second)} `),
  )
})

it('sees that the last page is gone and names where it belongs', () => {
  let lastPage = 0
  const { code, failed } = examineDamaged((fd, byteLength) => {
    lastPage = byteLength - PAGE
    ftruncateSync(fd, lastPage)
  })
  expect(code).toBe(1)
  expect(failed['promisedPages']).toMatch(
    new RegExp(`^1 of 16384 promised pages missing: pfn 0x\\w+ belongs ${named(lastPage)}$`),
  )
})

it.each([0x300000, 0x2800800, 0])('sees 64 KiB at file offset %d copied over the next 64 KiB', (offset) => {
  const { code, failed } = examineDamaged((fd) => {
    writeSync(fd, readAt(fd, offset, 0x10000), 0, 0x10000, offset + 0x10000)
  })
  expect(code).toBe(1)
  const target = offset + 0x10000
  expect(Object.values(failed).join(' ')).toMatch(
    new RegExp(`offset 0x${target.toString(16)}|pfn 0x[0-9a-f]+ ${named(target)}`),
  )
})

it('says that a dump is gone', () => {
  const original = readFileSync(dumpFile)
  writeFileSync(dumpFile, '')
  try {
    const { code, failed } = examine()
    expect(code).toBe(1)
    expect(failed['format']).toContain('empty')
  } finally {
    writeFileSync(dumpFile, original)
  }
})

const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

it('makes the same bytes from the same seed, and others from another', () => {
  for (const [out, seed] of [
    ['same', '1'],
    ['other', '2'],
  ] as const) {
    expect(dumpstack(folder.path, 'test', ...RAM, '--dumps', 'full', '--seed', seed, '--out', out).code).toBe(
      0,
    )
  }
  const [first, same, other] = ['run', 'same', 'other'].map((out) =>
    digest(path.join(folder.path, out, 'full/MEMORY.DMP')),
  )
  expect(same).toBe(first)
  expect(other).not.toBe(first)
})

it('leaves the disk as the dump driver left it, with the extents that lead to the same dump', () => {
  const { code, stdout } = dumpstack(folder.path, 'test', ...RAM, '--out', 'disk', '--stop-after', 'crash')
  expect(stdout).toContain('Stopped after the crash of the full dump')
  expect(code).toBe(3)
  const facts: {
    image: string
    seed: number
    extents: { fileOffset: number; diskOffset: number; length: number }[]
  } = JSON.parse(readFileSync(path.join(folder.path, 'disk/extents.json'), 'utf8'))
  expect(facts.seed).toBe(1)
  expect(facts.extents.length).toBeGreaterThanOrEqual(3)
  const image = openSync(path.join(folder.path, 'disk', facts.image), 'r')
  const hash = createHash('sha256')
  for (const { diskOffset, length } of facts.extents.sort((a, b) => a.fileOffset - b.fileOffset)) {
    hash.update(readAt(image, diskOffset, length))
  }
  closeSync(image)
  expect(hash.digest('hex')).toBe(digest(dumpFile))
})

it('stops cleanly at Ctrl-C, says how far it got and leaves what the run needs to go on', async () => {
  const child = startDumpstack(folder.path, 'test', '--ram', '1G', '--out', 'stopped')
  let output = ''
  const exit = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)))
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    if (/crash \(full dump\) \d/.test(output) && !child.killed) child.kill('SIGINT')
  })
  expect(await exit).toBe(130)
  expect(output).toMatch(/\(x\) Stopped by the user during '.+ \(full dump\)'(, at \d+ %)?\.\n/)
  expect(output).toContain('Verdict: inconclusive')
  const out = path.join(folder.path, 'stopped')
  for (const line of linesOf(path.join(out, 'journal.jsonl'))) JSON.parse(line)
  expect(readdirSync(out).filter((name) => /\.tmp$|^run\.lock|^result/.test(name))).toEqual([])
  for (const name of ['disk.img', 'state.json']) expect(existsSync(path.join(out, name))).toBe(true)
})

it('runs on to its verdict when its output has no reader', async () => {
  const child = startDumpstack(folder.path, 'test', ...RAM, '--dumps', 'kernel', '--out', 'unread')
  child.stdout?.destroy()
  let errors = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(0)
  expect(errors).toBe('')
  expect(existsSync(path.join(folder.path, 'unread/result.json'))).toBe(true)
})

// covers: STACK-5, STACK-6, STACK-7, STACK-12, STACK-19
it('lists the dump stack with the rows that the dump itself holds', () => {
  const { code, stdout } = dumpstack(folder.path, 'stack', '--json')
  expect(code).toBe(0)
  expect(schemaViolation('docs/schema/stack-result.schema.json', stdout)).toBe('')
  const { stack }: { stack: { baseName: string; fullName: string; base: string; state: string }[] } =
    JSON.parse(stdout)
  const report: {
    modules: { loaded: { name: string; base: string }[]; unloaded: { name: string; start: string }[] }
  } = JSON.parse(dumpstack(folder.path, 'verify', 'run/full/MEMORY.DMP', '--json').stdout)
  const inDump = report.modules.loaded.map((module) => module.name.toLowerCase())
  for (const row of stack.filter((row) => row.state === 'loaded'))
    expect(inDump).toContain(row.fullName.split('\\').at(-1)?.toLowerCase())
  const gone = report.modules.unloaded.map((module) => module.name.toLowerCase())
  for (const row of stack.filter((row) => row.state === 'unloaded')) {
    expect(gone).toContain(row.baseName.toLowerCase().slice(0, 12))
  }
  expect(stack.map((row) => row.state)).toContain('unloaded')
})

/** A file system too small for the disk image, where this user may mount one. */
const small = path.join(folder.path, 'small')
mkdirSync(small)
const haveSmall = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', small]).status === 0
if (haveSmall) {
  afterAll(() => {
    spawnSync('umount', [small])
  })
  it('names the file and the reason when the disk of the host is full, and how to go on', () => {
    const { code, stdout, stderr } = dumpstack(folder.path, 'test', '--ram', '64M', '--out', 'small/run')
    expect(stderr).toMatch(
      /^error: [^\n]*(?:disk\.img|writes\.bin)[^\n]*ENOSPC[^\n]*\nto go on with the run: dumpstack test --resume "small\/run"\n$/,
    )
    expect(stdout).toContain('Verdict: inconclusive')
    expect(code).toBe(4)
    const left = readdirSync(path.join(small, 'run')).sort()
    expect(left).toEqual(expect.arrayContaining(['dumpstack-run.jsonl', 'journal.jsonl', 'state.json']))
    expect(left).not.toContain('result.json')
  })
}
