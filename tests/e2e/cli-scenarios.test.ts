// Every scenario through the command line: exit code, exact messages, and that what it breaks is what fails.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { scenarios } from '@dumpstack/crashtest'
import { afterAll, expect, it } from 'vitest'
import { dumpstack, schemaViolation, temporaryFolder } from './cli.ts'

const RAM_BYTES = 64 * 2 ** 20
const folder = temporaryFolder()
afterAll(() => folder.remove())

interface Result {
  readonly verdict: string
  readonly dumps: readonly { readonly checks: readonly { readonly id: string; readonly verdict: string }[] }[]
  readonly violations: readonly { readonly driver: string; readonly offset?: string }[]
  readonly events: readonly { readonly id: number }[]
}

function runScenario(name: string): { code: number | null; log: string; result: Result } {
  const args = ['test', '--ram', '64M', '--dumps', 'kernel', '--scenario', name, '--out', name, '--json']
  const { code, stdout } = dumpstack(folder.path, ...args)
  expect(schemaViolation('docs/schema/test-result.schema.json', stdout)).toBe('')
  const log = readFileSync(path.join(folder.path, name, 'crashdumptest.log'), 'utf8')
  return { code, log, result: JSON.parse(stdout) }
}

const failedChecks = (result: Result): string[] => [
  ...new Set(
    result.dumps.flatMap(({ checks }) =>
      checks.filter(({ verdict }) => verdict === 'fail').map(({ id }) => id),
    ),
  ),
]
const eventIds = (result: Result): number[] =>
  [...new Set(result.events.map((event) => event.id))].sort((a, b) => a - b)

const FAILS: Readonly<Record<string, readonly string[]>> = {
  'pagefile-too-small': [],
  'wrong-bugcheck': ['screen', 'finalStatus', 'dumpMode', 'file'],
  'dump-in-use': [],
  'no-dump-never-written': ['finalStatus', 'file'],
  'no-dump-copy-failed': ['file'],
  'low-disk-space': [],
  'stale-dump': ['newer'],
  'other-controller': ['writtenBy'],
}

it('knows every scenario', () => {
  expect(scenarios.map((scenario) => scenario.name).sort()).toEqual(Object.keys(FAILS).sort())
})

it.each(scenarios)('$name says what it must and ends with its exit code', (scenario) => {
  const { code, log, result } = runScenario(scenario.name)
  for (const message of scenario.expectedMessages(RAM_BYTES)) expect(log).toContain(message)
  expect(result.verdict).toBe(scenario.expected)
  expect(code).toBe(scenario.expected === 'pass' ? 0 : 1)
  expect(failedChecks(result)).toEqual(expect.arrayContaining([...FAILS[scenario.name]!]))

  switch (scenario.name) {
    case 'pagefile-too-small':
    case 'low-disk-space':
      expect(log).not.toContain('Begin: crash')
      expect(result.dumps).toEqual([])
      break
    case 'wrong-bugcheck':
      expect(result.dumps).toHaveLength(2)
      expect(result.violations.map((violation) => violation.driver)).toEqual([
        expect.stringContaining('storahci'),
        expect.stringContaining('storahci'),
      ])
      for (const { offset } of result.violations) expect(offset).toMatch(/^0x[0-9a-f]+$/)
      break
    case 'no-dump-never-written':
      expect(eventIds(result)).toEqual([41, 161, 6008])
      break
    case 'no-dump-copy-failed':
      expect(eventIds(result)).not.toContain(1001)
      expect(log).toMatch(/MachineCrash names C:\\(Windows\\)?DUMP[0-9a-f]{4}\.tmp/i)
      break
    case 'dump-in-use':
      expect(log.match(/HRESULT: 0x80070020/g)).toHaveLength(1)
      break
    case 'other-controller':
      expect(failedChecks(result)).toEqual(['writtenBy'])
      break
  }
})

it.each([
  ['1074143231B', true],
  ['1074143232B', false],
  ['mem+1', false],
])('a page file of %s for 1073094656 bytes of RAM is too small: %s', (pagefile, isTooSmall) => {
  // Too little disk space stops the test behind the question that is asked here.
  const sizes = ['--ram', '1073094656B', '--pagefile', pagefile]
  const out = `page-file-${pagefile}`
  const { code, stdout } = dumpstack(
    folder.path,
    'test',
    ...sizes,
    '--scenario',
    'low-disk-space',
    '--out',
    out,
  )
  expect(stdout).toContain('(i) Verifying paging file size.')
  expect(stdout.includes('(x) Paging file size is too small for full dump purposes.')).toBe(isTooSmall)
  expect(code).toBe(1)
})
