// crashdumptest as its kit runs it: clear, initialise, run to the end, or one crash a process; and what it says when something
// is wrong.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { dumpstack, type Finished, repository, schemaViolation, temporaryFolder } from './cli.ts'

const bin = path.join(repository, 'packages/cli/bin/crashdumptest.js')
const symbols = path.join(repository, 'guest/bin')
const SMALL = ['-ram', '64M', '-cpus', '2'] as const
const CRASHED = 5

const folder = temporaryFolder()
afterAll(() => folder.remove())

function crashdumptest(cwd: string, ...args: string[]): Finished {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { cwd, encoding: 'utf8' })
  return { code: status, stdout, stderr }
}
const inside = (name: string): string => {
  const place = path.join(folder.path, name)
  mkdirSync(place)
  return place
}
interface Result {
  readonly dumps: readonly Readonly<Record<string, unknown>>[]
}
/** Without what differs from host to host: how long it took, and where the files are. */
function resultWithoutHost(json: string): object {
  const result: Result = JSON.parse(json)
  const dumps = result.dumps.map((dump) => ({
    ...dump,
    file: path.basename(String(dump['file'])),
    seconds: 0,
    bytesPerSecond: 0,
  }))
  return { ...result, dumps }
}
const logOf = (cwd: string): string =>
  readFileSync(path.join(cwd, 'crashdumptest-work/crashdumptest.log'), 'utf8')

describe('the whole sequence, one crash a process', () => {
  const cwd = inside('whole')
  const steps: Finished[] = []
  const step = (...args: string[]): Finished => {
    steps.push(crashdumptest(cwd, ...args))
    return steps.at(-1)!
  }

  it('has nothing to clear, and nothing to run before it is initialised', () => {
    expect(step('-c')).toEqual({ code: 0, stdout: 'There are no past failures to clear.\n', stderr: '' })
    expect(step('-autorun', '-y', symbols, '-dtm')).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'error: work folder crashdumptest-work holds no test: initialise it first, crashdumptest -dtm -y DIR -ypass\n',
    })
    expect(readdirSync(cwd)).toEqual([])
  })

  // covers: KIT-36, KIT-54, KIT-80, KIT-81, KIT-82, KIT-91
  it('initialises: prerequisites, debuggers, crash driver, page file, restart', () => {
    const done = step('-dtm', '-y', symbols, '-ypass', ...SMALL)
    expect([done.code, done.stderr]).toEqual([0, ''])
    const said = done.stdout.split('\n').map((line) => line.replace(/^[\d-]+ [\d:.]+ /, ''))
    expect(said).toContain('(i) Verifying paging file size.')
    expect(said).toContain('(i) End: install crash driver: pass')
    expect(said).not.toContain('(i) Begin: crash control (full dump)')
    expect(said.at(-2)).toBe('The system restarts. crashdumptest -autorun runs the test.')
    expect(existsSync(path.join(cwd, 'crashdumptest-work/C/Debuggers/kd'))).toBe(true)
    expect(step('-dtm', '-y', symbols, '-ypass')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('holds a test already: crashdumptest -autorun goes on with it'),
    })
  })

  it('ends at each crash with -step, and goes on after it', () => {
    for (const dump of ['full', 'kernel', 'mini']) {
      const crashed = step('-autorun', '-y', symbols, '-dtm', '-step', '-junit', 'step.xml')
      expect([crashed.code, crashed.stderr]).toEqual([CRASHED, ''])
      expect(crashed.stdout).toContain(
        `The system crashed and restarts. Run the same command again to go on with its ${dump} dump.\n`,
      )
      expect(crashed.stdout).toContain(`(i) Begin: crash (${dump} dump)\n`)
      expect(crashed.stdout).not.toContain(`examine (${dump} dump)`)
      expect(existsSync(path.join(cwd, 'step.xml'))).toBe(false)
    }
    const end = step('-autorun', '-y', symbols, '-dtm', '-step', '-junit', 'step.xml')
    expect([end.code, end.stderr]).toEqual([0, ''])
    expect(end.stdout).toMatch(/\(i\) Connecting to DumpFile: C:\\Windows\\Minidump\\010124-\d+-01\.dmp\n/)
    expect(end.stdout).toContain('(i) The test is finished: pass. Evidence: crashdumptest-work\n')
    expect(readFileSync(path.join(cwd, 'step.xml'), 'utf8')).toContain('<testsuite name="full dump"')
  })

  it('logs what dumpstack test logs of the same machine, and shows it on the screen', () => {
    const log = logOf(cwd)
    const test = dumpstack(cwd, 'test', '--ram', '64M', '--cpus', '2', '-y', symbols, '--out', 'same')
    expect(test.code).toBe(0)
    expect(log).toBe(readFileSync(path.join(cwd, 'same/crashdumptest.log'), 'utf8'))
    expect(log).toContain('(i) Connecting to DumpFile: C:\\Windows\\MEMORY.DMP\n')
    expect(log).toMatch(
      / \(i\) kernel dump: pass, [\d,]+ of [\d,]+ pages equal, \d+ changed by the dump path\n/,
    )
    const stamped = steps.map(({ stdout }) => stdout.replace(/^(?!\d{4}-).*\n/gm, '')).join('')
    expect(stamped).toBe(log)
  })

  // covers: KIT-90
  it('is finished then, until it is cleared', () => {
    expect(step('-autorun', '-y', symbols, '-dtm')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('The test has been finished before.'),
    })
    const work = path.join(cwd, 'crashdumptest-work')
    mkdirSync(path.join(work, 'C/Symbols'), { recursive: true })
    writeFileSync(path.join(work, 'notes.txt'), 'mine')
    expect(step('-c')).toMatchObject({ code: 0, stdout: 'Cleared past failures in crashdumptest-work.\n' })
    expect(readdirSync(work).sort()).toEqual(['C', 'dumpstack-run.jsonl', 'notes.txt'])
    expect(readdirSync(path.join(work, 'C'))).toEqual(['Symbols'])
    expect(step('-autorun', '-y', symbols, '-dtm').code).toBe(2)
    expect(step('-dtm', '-y', symbols, '-ypass', ...SMALL).code).toBe(0)
  })
})

describe('the whole sequence in one process', () => {
  const cwd = inside('one-process')
  const options = ['-dumps', 'kernel,mini'] as const
  const withoutTimes = (text: string): string => text.replaceAll(/time="[\d.]+"/g, '')

  // covers: KIT-60, KIT-79, KIT-84, KIT-86, KIT-92
  it('goes on by itself after each crash, to the end, and gives its result as JSON and JUnit', () => {
    expect(crashdumptest(cwd, '-c').code).toBe(0)
    expect(crashdumptest(cwd, '-dtm', '-y', symbols, '-ypass', ...SMALL, ...options).code).toBe(0)
    const begunAt = performance.now()
    const run = crashdumptest(cwd, '-autorun', '-y', symbols, '-dtm', '-json', '-junit', 'kit.xml')
    const wallSeconds = (performance.now() - begunAt) / 1000
    expect([run.code, run.stderr]).toEqual([0, ''])
    expect(schemaViolation('docs/schema/test-result.schema.json', run.stdout)).toBe('')
    const test = ['--ram', '64M', '--cpus', '2', '--dumps', 'kernel,mini', '-y', symbols, '--out', 'same']
    const same = dumpstack(cwd, 'test', ...test, '--json', '--junit', 'same.xml')
    expect(same.code).toBe(0)
    expect(resultWithoutHost(run.stdout)).toEqual(resultWithoutHost(same.stdout))
    const [own, other] = ['kit.xml', 'same.xml'].map((name) => readFileSync(path.join(cwd, name), 'utf8'))
    const seconds = Number(/<testsuites [^>]* time="([\d.]+)"/.exec(own!)![1])
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThan(wallSeconds)
    const restart = /<property name="machine seconds: restart after crash" value="([\d.]+)"\/>/.exec(own!)![1]
    expect(Number(restart)).toBeGreaterThan(60) // to the logon, on the system's own clock
    expect(withoutTimes(own!)).toBe(withoutTimes(other!))
    expect(logOf(cwd)).toBe(readFileSync(path.join(cwd, 'same/crashdumptest.log'), 'utf8'))
  })

  it('gives the same result again once it is finished', () => {
    const again = crashdumptest(cwd, '-autorun', '-dtm', '-json')
    expect(again).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(again.stdout)).toMatchObject({ verdict: 'pass', dumps: [{}, {}] })
    expect(crashdumptest(cwd, '-autorun', '-dtm', '-junit', 'late.xml')).toMatchObject({
      code: 2,
      stderr: 'error: -junit late.xml: the test in crashdumptest-work has finished already\n',
    })
  })
})

it('goes on where it was killed', async () => {
  const cwd = inside('killed')
  expect(crashdumptest(cwd, '-dtm', '-y', symbols, ...SMALL, '-dumps', 'kernel').code).toBe(0)
  const child = spawn(process.execPath, [bin, '-autorun', '-y', symbols, '-dtm'], { cwd })
  await sayingOf(child, 'Begin: crash (kernel dump)')
  child.kill('SIGKILL')
  await once(child, 'close')
  const again = crashdumptest(cwd, '-autorun', '-y', symbols, '-dtm')
  expect([again.code, again.stderr]).toEqual([0, ''])
  expect(logOf(cwd)).toContain('(i) Resumed at the last power off: ')
})

it.skipIf(process.platform === 'win32').each([
  ['pass', '', 0],
  ['fail', '-scenario low-disk-space', 1],
])('ends the lines that the page has for CI with the code of a %s', (_, scenario, code) => {
  const page = readFileSync(path.join(repository, 'docs/crashdumptest.md'), 'utf8')
  const lines = /## In CI\n\n```\n([^`]+)```/.exec(page)![1]!
  const cwd = inside(`lines-${code}`)
  symlinkSync(path.join(repository, 'guest'), path.join(cwd, 'guest'))
  const machine = `-ram 64M -cpus 1 -dumps mini ${scenario}`
  const program = `crashdumptest() {
    case $1 in -dtm) set -- "$@" ${machine};; esac
    '${process.execPath}' '${bin}' "$@"
  }`
  expect(spawnSync('sh', ['-c', `${program}\n${lines}`], { cwd, encoding: 'utf8' })).toMatchObject({
    status: code,
    stderr: '',
  })
  expect(readFileSync(path.join(cwd, 'result.xml'), 'utf8')).toContain('<testsuites ')
})

// covers: KIT-47, KIT-53
it('says what the kit says of a page file that is too small, and fails', () => {
  const cwd = inside('small')
  const done = crashdumptest(cwd, '-dtm', '-y', symbols, '-ypass', ...SMALL, '-pagefile', '64')
  expect(done.code).toBe(1)
  for (const line of [
    '(i) Verifying paging file size.',
    '(x) Paging file size is too small for full dump purposes.',
    '(i) Paging file size: 67108864',
    '(i) Physical memory size: 67108864',
    '(i) Please configure minimum paging file size to physical RAM size + 1MB.',
  ]) {
    expect(logOf(cwd)).toContain(` ${line}\n`)
  }
  const next = crashdumptest(cwd, '-autorun', '-y', symbols, '-dtm')
  expect(next).toMatchObject({ code: 1, stdout: expect.stringContaining('(x) The test is finished: fail.') })
})

it('says what to do with a test that was killed before it began', () => {
  const cwd = inside('unborn')
  mkdirSync(path.join(cwd, 'crashdumptest-work'))
  writeFileSync(path.join(cwd, 'crashdumptest-work/journal.jsonl'), '')
  writeFileSync(
    path.join(cwd, 'crashdumptest-work/dumpstack-run.jsonl'),
    `{"format":2,"run":"${'0'.repeat(32)}"}\n{"file":"journal.jsonl"}\n`,
  )
  expect(crashdumptest(cwd, '-autorun')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('holds no test: initialise it first, crashdumptest -dtm'),
  })
  expect(crashdumptest(cwd, '-c').code).toBe(0)
  expect(readdirSync(path.join(cwd, 'crashdumptest-work'))).toEqual([])
})

// covers: KIT-21, KIT-87
it('takes the symbols that are installed in C:\\Symbols', () => {
  const cwd = inside('installed')
  const installed = path.join(cwd, 'crashdumptest-work/C/Symbols')
  mkdirSync(installed, { recursive: true })
  for (const name of ['ntkrnlmp.pdb', 'ntdll.pdb'])
    copyFileSync(path.join(symbols, name), path.join(installed, name))
  const step = ['-y', 'C:\\Symbols', '-dtm'] as const
  expect(crashdumptest(cwd, ...step, ...SMALL, '-dumps', 'kernel')).toMatchObject({ code: 0, stderr: '' })
  expect(crashdumptest(cwd, '-autorun', ...step)).toMatchObject({ code: 0, stderr: '' })
  expect(logOf(cwd)).not.toContain('Failed to load the correct symbols.')
})

// covers: KIT-87
it('does not take a symbol folder that is not there, without being told to', () => {
  expect(crashdumptest(inside('no-folder'), '-dtm', '-y', 'none', ...SMALL)).toEqual({
    code: 2,
    stdout: '',
    stderr: 'error: symbol folder none is not there: install the symbols, or take it as it is with -ypass\n',
  })
})

// covers: KIT-22, KIT-28, KIT-29, KIT-30, KIT-31, KIT-33, KIT-34
it.each([
  ['an empty symbol folder', ['-y', 'none', '-ypass']],
  ['the scenario no-symbols', ['-scenario', 'no-symbols']],
])('fails with %s, which dumpstack test calls inconclusive', (name, options) => {
  const cwd = inside(name.replaceAll(' ', '-'))
  expect(crashdumptest(cwd, '-dtm', ...options, ...SMALL, '-dumps', 'kernel').code).toBe(0)
  expect(crashdumptest(cwd, '-autorun', '-dtm').code).toBe(1)
  for (const line of [
    '(x) Failed to load the correct symbols.',
    '(i) Please refer to WDK documentation on how to install operating system symbols.',
    '(i) Your symbols might also be out of date, please update symbols by using the Microsoft Symbol Server.',
  ]) {
    expect(logOf(cwd)).toContain(` ${line}\n`)
  }
  expect(logOf(cwd)).toMatch(/ \(x\) Error retrieving addresses of nt!\w+/)
  expect(logOf(cwd)).toMatch(/ \(x\) Unable to get /)
  // the symbols have come: another look is another test
  expect(crashdumptest(cwd, '-c').code).toBe(0)
  expect(readdirSync(path.join(cwd, 'crashdumptest-work'))).toEqual([])
})

async function sayingOf(child: ChildProcess, text: string): Promise<void> {
  let said = ''
  for await (const part of child.stdout!) {
    said += part
    if (said.includes(text)) return
  }
  throw new Error(`it never said '${text}': ${said}`)
}
