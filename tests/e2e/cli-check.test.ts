// `dumpstack check FILE.sys` as a user runs it; what it finds in each of the repository's miniports is windows' own test.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { dumpstack, repository, schemaViolation, startDumpstack, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const SCHEMA = 'docs/schema/check-result.schema.json'
const miniport = (name: string): string => path.join(repository, 'guest/miniports/bin', name)

function check(name: string, ...args: string[]): { code: number | null; result: Checked } {
  const { code, stdout } = dumpstack(folder.path, 'check', miniport(name), '--json', ...args)
  expect(schemaViolation(SCHEMA, stdout)).toBe('')
  return { code, result: JSON.parse(stdout) }
}

interface Checked {
  readonly verdict: string
  readonly controller: string
  readonly driver: { readonly fileName: string }
  readonly runs: readonly {
    readonly setting: string
    readonly finished: boolean
    readonly bytesWritten: number
  }[]
  readonly findings: readonly {
    readonly rule: string
    readonly call: string
    readonly message: string
    readonly setting: string
    readonly verdict: string
    readonly stack: readonly string[]
    readonly source?: { readonly file: string; readonly line: number }
    readonly repro: string
  }[]
}

/** One life, on plain hardware, where the plan is not what is looked at. */
const PLAIN = ['--plan', 'one']

it.each([
  ['dsahci.sys', 'ahci', ['plain', 'sector 4Kn']],
  ['dsvioblk.sys', 'virtio-blk', ['plain', 'queueSize 8', 'cpus 64']],
])(
  'passes %s in a plan of lives',
  (name, controller, settings) => {
    const { code, result } = check(name)
    expect(result).toMatchObject({
      verdict: 'pass',
      controller: `${controller}0`,
      driver: { fileName: name },
    })
    expect(result.findings.filter(({ verdict }) => verdict !== 'note')).toEqual([])
    expect(result.runs[0]).toMatchObject({ setting: 'plain', finished: true, bytesWritten: 0x202000 })
    for (const setting of settings)
      expect(result.runs.some((run) => run.setting.includes(setting))).toBe(true)
    expect(code).toBe(0)
  },
  240_000,
)

it('runs the one life whose settings are given', () => {
  const given = ['--sector', '4Kn', '--cpus', '2', '--device', 'queueSize=64', '--device', 'msix=off']
  const { code, result } = check('dsvioblk-b26.sys', ...given)
  expect(code).toBe(1)
  expect(result.runs.map(({ setting }) => setting)).toEqual(['sector 4Kn, cpus 2, queueSize 64, msix off'])
  expect(result.findings[0]!.repro).toContain(
    '--controller virtio-blk --sector 4Kn --cpus 2 --device queueSize=64 --device msix=off --seed 1',
  )
}, 60_000)

it.each([
  ['--device', 'queueSize'],
  ['--device', 'slots=1'], // of the other controller
  ['--device', 'sector=4Kn'],
  ['--device', 'queueSize=7'],
  ['--cpus', '65'],
  ['--sector', '520'],
])(
  'refuses %s %s',
  (...args) => {
    const { code } = dumpstack(folder.path, 'check', miniport('dsvioblk.sys'), ...args)
    expect(code).toBe(2)
  },
  60_000,
)

it('writes text with code, stack and a command that shows it again, and SARIF', () => {
  const sarif = path.join(folder.path, 'findings.sarif')
  const { code, stdout } = dumpstack(
    folder.path,
    'check',
    miniport('dsahci-b23.sys'),
    ...PLAIN,
    '--sarif',
    sarif,
  )
  expect(stdout).toContain('fail  DM-08  ZwOpenKey')
  expect(stdout).toMatch(/at dump_dsahci-b23\.sys\+0x[0-9a-f]+, IRQL HIGH_LEVEL, [0-9.]+ ms, dump/)
  const line = 1 + lineOf('guest/miniports/dsahci/dsahci.c', 'if (ZwOpenKey(')
  expect(stdout).toMatch(
    new RegExp(
      String.raw`!ReadSettings\+0x[0-9a-f]+ \[.*dsahci\.c @ ${line}\]\n +dump_dsahci-b23!AhciHwFindAdapter\+0x`,
    ),
  )
  expect(stdout).toContain('      again: dumpstack check')
  expect(stdout).toContain('Verdict: fail, 1 finding')
  const log = JSON.parse(readFileSync(sarif, 'utf8'))
  expect(log).toMatchObject({ version: '2.1.0', runs: [{ results: [{ ruleId: 'DM-08', level: 'error' }] }] })
  const { physicalLocation } = log.runs[0].results[0].locations[0]
  expect(physicalLocation).toMatchObject({
    artifactLocation: { uri: expect.stringMatching(/dsahci\.c$/) },
    region: { startLine: line },
  })
  expect(code).toBe(1)
}, 60_000)

it('checks the drivers of a folder, and counts no finding that is known', () => {
  const drivers = path.join(folder.path, 'drivers')
  mkdirSync(drivers)
  for (const name of ['dsahci-b23.sys', 'dsvioblk.sys'])
    copyFileSync(miniport(name), path.join(drivers, name))
  const known = path.join(folder.path, 'known.json')
  const junit = path.join(folder.path, 'check.xml')
  const issue = { rule: 'DM-08', driver: 'dsahci-b23.sys', reason: 'reads its settings' }
  writeFileSync(known, JSON.stringify({ knownIssues: [issue] }))
  const run = (...args: string[]) => dumpstack(folder.path, 'check', drivers, ...PLAIN, ...args)

  const plain = run('--json')
  expect(schemaViolation('docs/schema/check-results.schema.json', plain.stdout)).toBe('')
  expect(JSON.parse(plain.stdout)).toMatchObject({
    verdict: 'fail',
    brokenOff: null,
    results: [
      { file: path.join(drivers, 'dsahci-b23.sys'), verdict: 'fail', errata: 0 },
      { file: path.join(drivers, 'dsvioblk.sys'), verdict: 'pass' },
    ],
  })
  expect(plain.code).toBe(1)

  const { code, stdout } = run('--known-issues', known, '--junit', junit)
  expect(stdout).toContain('known  DM-08  ZwOpenKey\n      known issue: reads its settings')
  expect(stdout).toContain('Verdict: pass with errata, 1 finding')
  expect(stdout).toContain('2 drivers: pass (2 pass, 0 fail, 0 inconclusive)')
  expect(code).toBe(0)
  const xml = readFileSync(junit, 'utf8')
  expect(xml).toMatch(/<testsuites name="dumpstack check" tests="\d+" failures="0" errors="0"/)
  expect(xml).toContain('<skipped message="known: reads its settings: ')
}, 120_000)

it('writes what it was asked for where a file cannot be read', () => {
  const absent = path.join(folder.path, 'absent.sys')
  const { code, stdout } = dumpstack(folder.path, 'check', absent, '--json')
  expect(schemaViolation('docs/schema/check-results.schema.json', stdout)).toBe('')
  expect(JSON.parse(stdout)).toMatchObject({
    verdict: 'inconclusive',
    brokenOff: expect.stringContaining('absent.sys'),
  })
  expect(code).toBe(2)
}, 60_000)

it('places what a routine came to at that routine', () => {
  const { result } = check('dsvioblk-b01.sys', ...PLAIN)
  const [finding] = result.findings
  expect(finding).toMatchObject({ rule: 'DM-43', call: 'HwFindAdapter', arguments: [] })
  expect(finding!.message).toMatch(/do not agree, expected both: 0xffffffff is unset$/)
  expect(finding!.stack).toEqual([expect.stringMatching(/^dump_dsvioblk-b01!VioHwFindAdapter \[/)])
  const line = lineOf('guest/miniports/dsvioblk/dsvioblk.c', 'VioHwFindAdapter(')
  expect(finding!.source!.line).toBeGreaterThan(line)
  expect(finding!.source!.line - line).toBeLessThan(10)
}, 60_000)

it('prints what the README of the miniports shows', () => {
  const text = readFileSync(path.join(repository, 'guest/miniports/README.md'), 'utf8')
  const [, name, shown] = text.match(/^\$ dumpstack check guest\/miniports\/bin\/(\S+) .*\n([\s\S]*?)```$/m)!
  // what moves with the machine
  const still = (lines: string): string => lines.replace(/0xffff[0-9a-f]+|[0-9.]+ ms/g, '~')
  expect(still(dumpstack(folder.path, 'check', miniport(name!), ...PLAIN).stdout)).toContain(still(shown!))
}, 60_000)

it('says that a fault came of memory that a dump does not clear', () => {
  const [finding] = check('dsvioblk-b17.sys', ...PLAIN).result.findings
  expect(finding).toMatchObject({ rule: 'bugcheck-0x1e' })
  expect(finding!.message).toMatch(/read at 0xa5a5a5a5a5a5a5a7, .*; 0xa5 is what memory holds in dump mode/)
}, 60_000)

/** From 0: the first line of a file of the repository with that text. */
const lineOf = (file: string, text: string): number =>
  readFileSync(path.join(repository, file), 'utf8')
    .split('\n')
    .findIndex((line) => line.includes(text))

it('does not judge a driver on a controller of another kind', () => {
  const { code, result } = check('dsvioblk.sys', '--controller', 'ahci', ...PLAIN)
  expect(result.findings).toMatchObject([
    { rule: 'ADAPTER_NOT_FOUND', call: 'start', verdict: 'inconclusive' },
  ])
  expect(code).toBe(3)
}, 60_000)

it('asks the driver which controller it drives where no option says', () => {
  const { code, stdout } = dumpstack(folder.path, 'check', miniport('dsvioblk.sys'), '--json', ...PLAIN)
  expect(JSON.parse(stdout)).toMatchObject({ verdict: 'pass', controller: 'virtio-blk0' })
  expect(code).toBe(0)
}, 60_000)

it('gives a file that is no driver a verdict by name, as text, JSON and SARIF', () => {
  writeFileSync(path.join(folder.path, 'text.sys'), 'hello')
  const text = dumpstack(folder.path, 'check', 'text.sys', '--sarif', 'text.sarif')
  expect(text.stdout).toContain('fail  IMAGE_TRUNCATED  load')
  expect(text.code).toBe(1)
  const sarif = JSON.parse(readFileSync(path.join(folder.path, 'text.sarif'), 'utf8'))
  expect(sarif.runs[0].results).toMatchObject([{ ruleId: 'IMAGE_TRUNCATED' }])
  const json = dumpstack(folder.path, 'check', 'text.sys', '--json')
  expect(schemaViolation(SCHEMA, json.stdout)).toBe('')
  expect(JSON.parse(json.stdout)).toMatchObject({ verdict: 'fail', driver: { executed: false }, runs: [] })
  expect(json.code).toBe(1)
  expect(dumpstack(folder.path, 'check', 'absent.sys').code).toBe(2)
})

it('tables the memory that a driver asks for, and names the first cell past each limit', () => {
  const run = (name: string, ...args: string[]) =>
    dumpstack(folder.path, 'check', '--budget', miniport(name), ...args)
  const given = ['--device', 'queues=1', '--device', 'queueSize=256']
  const { code, stdout } = run('dsvioblk-b04.sys', ...given)
  expect(stdout).toMatch(
    / in a dump\n +cpus 1 +cpus 4 +cpus 16 +cpus 64\n +12,304 +49,168\* +196,624!a +786,448!a\n/,
  )
  expect(stdout).toContain('a no-dump: HwFindAdapter returned 2, expected 1')
  expect(stdout).toContain('win10-19041: first past 32,768 bytes: cpus 4\n')
  expect(stdout).toContain('win10-19041: first past what there is: cpus 16\n')
  expect(code).toBe(1)

  const json = run('dsvioblk-b04.sys', ...given, '--cpus', '4', '--json')
  expect(schemaViolation('docs/schema/budget-result.schema.json', json.stdout)).toBe('')
  expect(JSON.parse(json.stdout)).toMatchObject({
    verdict: 'pass',
    limits: [{ profile: 'win10-19041', advisedBytes: 32768, firstPastAdvised: {}, firstPastMax: null }],
    cells: [
      { dump: { uncachedBytes: 49168, poolBytes: 0 }, running: { uncachedBytes: 49168 }, stopped: null },
    ],
  })
  expect(json.code).toBe(0)

  // it takes two segments for a page that begins inside another
  const refused = run('dsvioblk.sys', ...given, '--cpus', '4', '--device', 'segMax=1')
  expect(refused.stdout).toMatch(/ {2}-a\n/)
  expect(refused.stdout).toContain('a ADAPTER_ERROR: ')
  expect(refused.code).toBe(3)
}, 120_000)

it.each<[what: string, message: string, make: () => string]>([
  ['a file that is absent', 'no such file or directory (ENOENT)', () => path.join(folder.path, 'absent.sys')],
  [
    'a folder without drivers',
    'has no .sys file, expected at least one',
    () => {
      const empty = path.join(folder.path, 'no-drivers')
      mkdirSync(empty)
      return empty
    },
  ],
])('writes JUnit for %s too', (_what, message, make) => {
  const junit = path.join(folder.path, 'refused.xml')
  rmSync(junit, { force: true })
  const { code, stderr } = dumpstack(folder.path, 'check', make(), ...PLAIN, '--junit', junit)
  expect(code).toBe(2)
  expect(stderr).toContain(message)
  const xml = readFileSync(junit, 'utf8')
  expect(xml).toContain('errors="1"')
  expect(xml).toContain(message)
})

it.each([['--strict'], ['--plan', 'one'], ['--junit', 'x.xml'], ['dsahci.sys']])(
  'refuses --budget beside %s',
  (...args) => {
    const more = args.map((arg) => (arg.endsWith('.sys') ? miniport(arg) : arg))
    expect(dumpstack(folder.path, 'check', '--budget', miniport('dsvioblk.sys'), ...more).code).toBe(2)
  },
)

it('writes at Ctrl-C what it found until then, and ends with 130', async () => {
  const noDriver = path.join(folder.path, 'no-driver.sys')
  const junit = path.join(folder.path, 'interrupted.xml')
  writeFileSync(noDriver, 'MZ')
  const child = startDumpstack(folder.path, 'check', noDriver, miniport('dsahci-b23.sys'), '--junit', junit)
  let output = ''
  let stoppedAt = 0
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    if (child.killed || !output.includes('no-driver.sys')) return
    // its lives take longer
    setTimeout(() => {
      stoppedAt = performance.now()
      child.kill('SIGINT')
    }, 4000)
  })
  const code = await new Promise<number | null>((resolve) => child.on('exit', (status) => resolve(status)))
  const seconds = (performance.now() - stoppedAt) / 1000
  expect(output).toContain('Verdict: inconclusive: interrupted, ')
  expect(output).toContain('2 drivers: inconclusive (0 pass, 1 fail, 1 inconclusive)')
  const xml = readFileSync(junit, 'utf8')
  expect(xml).toContain('<error message="stopped by the user">')
  expect(xml).toContain('<testsuite name="dsahci-b23.sys"')
  expect(code).toBe(130)
  // a second where the host has nothing else to do
  expect(seconds).toBeLessThan(6)
}, 120_000)

it('writes JSON at Ctrl-C', async () => {
  const child = startDumpstack(folder.path, 'check', miniport('dsvioblk.sys'), '--json')
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  // long after it has begun, and long before it would end
  await new Promise((resolve) => setTimeout(resolve, 6000))
  child.kill('SIGINT')
  expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(130)
  expect(schemaViolation('docs/schema/check-results.schema.json', output)).toBe('')
  expect(JSON.parse(output)).toMatchObject({ verdict: 'inconclusive', brokenOff: 'stopped by the user' })
}, 60_000)
