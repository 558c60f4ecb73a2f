// Every scenario through the command line: exit code, exact messages, and that what it breaks is what fails.
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { expectedLines, scenarios } from '@dumpstack/crashtest'
import { afterAll, expect, it } from 'vitest'
import { dumpstack, schemaViolation, temporaryFolder } from './cli.ts'

const RAM_BYTES = 64 * 2 ** 20
const folder = temporaryFolder()
afterAll(() => folder.remove())

interface Check {
  readonly id: string
  readonly verdict: string
  readonly message: string
}
interface Result {
  readonly verdict: string
  readonly dumps: readonly { readonly checks: readonly Check[] }[]
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

const checksOf = (result: Result, verdict: string): string[] => [
  ...new Set(
    result.dumps.flatMap(({ checks }) =>
      checks.filter((check) => check.verdict === verdict).map(({ id }) => id),
    ),
  ),
]
const failedChecks = (result: Result): string[] => checksOf(result, 'fail')
const eventIds = (result: Result): number[] =>
  [...new Set(result.events.map((event) => event.id))].sort((a, b) => a - b)

const FAILS: Readonly<Record<string, readonly string[]>> = {
  'pagefile-too-small': [],
  'wrong-bugcheck': ['screen', 'finalStatus', 'dumpMode', 'file'],
  'dump-in-use': [],
  'dump-dropped': [],
  'dump-kept': [],
  'no-dump-never-written': ['finalStatus', 'file'],
  'no-dump-copy-failed': ['file'],
  'low-disk-space': [],
  'stale-dump': ['newer'],
  'other-controller': ['writtenBy'],
  'no-symbols': [],
  'partial-symbols': [],
  'wrong-symbols': [],
  'truncated-dump': ['length', 'structure', 'promisedPages', 'modules', 'stack'],
}
const NEED_SYMBOLS = ['symbols', 'addresses', 'modules', 'objects', 'stack']
const EXIT_CODES: Readonly<Record<string, number>> = { pass: 0, fail: 1, inconclusive: 3 }

it('knows every scenario', () => {
  expect(scenarios.map((scenario) => scenario.name).sort()).toEqual(Object.keys(FAILS).sort())
})

// covers: KIT-19, KIT-25, KIT-32, KIT-58, KIT-68, KIT-69, KIT-72
it.each(scenarios)('$name says what it must and ends with its exit code', (scenario) => {
  const { code, log, result } = runScenario(scenario.name)
  for (const line of expectedLines(scenario, RAM_BYTES)) expect(log).toContain(line)
  expect(result.verdict).toBe(scenario.expected)
  expect(code).toBe(EXIT_CODES[scenario.expected])
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
    case 'dump-dropped':
      expect(eventIds(result)).toEqual([41, 162, 1001, 1018, 6008])
      expect(checksOf(result, 'inconclusive')).toEqual(['file'])
      break
    case 'dump-kept':
      expect(result.dumps).toHaveLength(3)
      expect(eventIds(result)).toEqual([41, 162, 1001, 6008])
      break
    case 'dump-in-use':
      expect(log.match(/HRESULT: 0x80070020/g)).toHaveLength(1)
      break
    case 'other-controller':
      expect(failedChecks(result)).toEqual(['writtenBy'])
      break
    case 'no-symbols':
    case 'wrong-symbols':
      expect(failedChecks(result)).toEqual([])
      expect(checksOf(result, 'inconclusive')).toEqual(NEED_SYMBOLS)
      break
    case 'partial-symbols':
      expect(log).not.toContain('Error retrieving addresses')
      expect(log).not.toContain('ntoskrnl.exe: ')
      break
    case 'truncated-dump': {
      const { size } = statSync(path.join(folder.path, scenario.name, 'kernel', 'MEMORY.DMP'))
      const found = new RegExp(`The file is cut off: it is ${size} bytes long, its header says (\\d+),`).exec(
        log,
      )
      expect(Number(found![1])).toBe(2 * size)
      break
    }
  }
})

// covers: KIT-23
it('says which PDB it wanted and which it found, for every type of dump', () => {
  const args = [
    '--ram',
    '64M',
    '--dumps',
    'full,kernel,mini',
    '--scenario',
    'wrong-symbols',
    '--out',
    'wrong',
  ]
  const { code, stdout } = dumpstack(folder.path, 'test', ...args, '--junit', 'wrong.xml')
  expect(code).toBe(3)
  const said = stdout.match(
    /ntkrnlmp\.pdb: wrong-identity, mismatched: wanted guid [0-9A-F]{32} age 1, found guid [0-9A-F]{32} age 1/g,
  )
  expect(said).toHaveLength(3)
  const junit = readFileSync(path.join(folder.path, 'wrong.xml'), 'utf8')
  expect(junit).toContain('name="check symbols" time="0.000"><skipped message="ntoskrnl.exe: ')
  // The run's dumps are good: with the right symbols they pass.
  expect(dumpstack(folder.path, 'examine', 'wrong').code).toBe(0)
})

it('refuses a symbol path beside a scenario that sets it', () => {
  const { code, stderr } = dumpstack(folder.path, 'test', '--scenario', 'no-symbols', '-y', '.')
  expect([code, stderr]).toEqual([
    2,
    'error: --scenario no-symbols sets the symbol path itself: leave out -y\n',
  ])
})

it.each([
  ['1074143231B', true],
  ['1074143232B', false],
  ['mem+1', false],
])('a page file of %s for 1073094656 bytes of RAM is too small: %s', (pagefile, isTooSmall) => {
  // Too little disk space stops the test after the question that is asked here.
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
