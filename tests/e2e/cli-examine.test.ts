// `dumpstack examine FILE --as TYPE`: any dump, without the truth of its crash.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { sharedData } from '@dumpstack/testkit/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dumpstack, repository, schemaViolation, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
const guest = path.join(repository, 'guest/bin')
const at = (...names: string[]): string => path.join(folder.path, ...names)
let kernel = ''
let mini = ''

beforeAll(() => {
  const args = ['test', '--dumps', 'kernel,mini', '--ram', '64M', '--cpus', '2', '--out', 'run']
  expect(dumpstack(folder.path, ...args).code).toBe(0)
  kernel = at('run', 'kernel', 'MEMORY.DMP')
  mini = at('run', 'mini', readdirSync(at('run', 'mini')).find((name) => name.endsWith('.dmp'))!)
  mkdirSync(at('empty'))
})
afterAll(() => folder.remove())

interface Examined {
  readonly code: number | null
  /** Checks that did not pass, with their verdict. */
  readonly open: Readonly<Record<string, string>>
  readonly messages: string
}

function examine(file: string, as: string, ...args: string[]): Examined {
  const { code, stdout, stderr } = dumpstack(folder.path, 'examine', file, '--as', as, '--json', ...args)
  expect(stderr).toBe('')
  expect(schemaViolation('docs/schema/test-result.schema.json', stdout)).toBe('')
  const { dumps, messages, verdict } = JSON.parse(stdout)
  expect(dumps).toHaveLength(1)
  expect(dumps[0]).toMatchObject({ type: as, verdict, file, truth: null, writtenBy: [] })
  const checks: { id: string; verdict: string }[] = dumps[0].checks
  const open = checks.filter((check) => check.verdict !== 'pass').map((check) => [check.id, check.verdict])
  const lines: { level: string; text: string }[] = messages
  return {
    code,
    open: Object.fromEntries(open),
    messages: lines.map(({ level, text }) => `(${level}) ${text}`).join('\n'),
  }
}

it('passes dumps of the test as dumps from anywhere, and says that nothing is compared with RAM', () => {
  for (const [file, as] of [
    [kernel, 'kernel'],
    [mini, 'mini'],
  ] as const) {
    const { code, open, messages } = examine(file, as, '-y', guest, '--junit', 'examined.xml')
    expect([code, open]).toEqual([0, {}])
    expect(messages).toContain(
      '(i) The RAM of this crash is not available: the dump is judged by its own contents',
    )
    const units = as === 'mini' ? 'blocks' : 'pages'
    expect(messages).toContain(
      `(i) Not judged: whether the ${units} hold what RAM held and none is missing, which controller`,
    )
    expect(messages.includes('(--ram FILE)')).toBe(as === 'kernel')
    expect(readFileSync(at('examined.xml'), 'utf8')).toContain(`name="check stack" time="0.000"/>`)
  }
  expect(examine(kernel, 'kernel').code).toBe(0)
})

it('fails a dump of another type', () => {
  const { code, open, messages } = examine(kernel, 'full')
  expect([code, open]).toEqual([1, { dumpType: 'fail' }])
  expect(messages).toContain('(x) Dump type is 6, kernel bitmap dump, expected 1 or 5 for a full dump.')
})

it('takes the type from the header where none is given', () => {
  for (const [file, as] of [
    [kernel, 'kernel'],
    [mini, 'mini'],
  ] as const) {
    const { code, stdout } = dumpstack(folder.path, 'examine', file, '-y', guest, '--json')
    expect(schemaViolation('docs/schema/test-result.schema.json', stdout)).toBe('')
    expect(JSON.parse(stdout).dumps).toMatchObject([{ type: as, verdict: 'pass' }])
    expect(code).toBe(0)
  }
})

it('says of a file without a type why it is not read, once', () => {
  writeFileSync(at('text.dmp'), 'no dump')
  const header = Buffer.from(readFileSync(kernel).subarray(0, 0x3000))
  header.writeUInt32LE(3, 0xf98)
  writeFileSync(at('header.dmp'), header)
  for (const [name, code, line] of [
    ['text.dmp', 1, '(x) The file starts with 6e 6f 20 64 75 6d 70 at offset 0x0, expected PAGEDU64'],
    ['header.dmp', 3, '(x) Not read: dump type at offset 0xf98 is 0x3 (header dump)'],
  ] as const) {
    const shown = dumpstack(folder.path, 'examine', at(name))
    expect(shown.stdout.split(line)).toHaveLength(2)
    expect(shown.code).toBe(code)
    const { stdout } = dumpstack(folder.path, 'examine', at(name), '--json')
    expect(schemaViolation('docs/schema/test-result.schema.json', stdout)).toBe('')
    expect(JSON.parse(stdout)).toMatchObject({ dumps: [], verdict: code === 1 ? 'fail' : 'inconclusive' })
  }
  const forced = dumpstack(folder.path, 'examine', at('header.dmp'), '--as', 'kernel')
  expect(forced.stdout.split('(x) Not read: dump type')).toHaveLength(2)
  expect(forced.code).toBe(3)
})

it('is inconclusive without symbols', () => {
  const { code, open, messages } = examine(kernel, 'kernel', '-y', at('empty'))
  expect(code).toBe(3)
  expect(new Set(Object.values(open))).toEqual(new Set(['inconclusive']))
  expect(messages).toContain('(x) Failed to load the correct symbols.')
})

it('fails a file that was cut off, with both lengths, and a file that is no dump', () => {
  const bytes = readFileSync(kernel)
  writeFileSync(at('cut.dmp'), bytes.subarray(0, 0x200000))
  const { code, messages } = examine(at('cut.dmp'), 'kernel')
  expect(code).toBe(1)
  expect(messages).toContain(
    `(x) The file is cut off: it is 2097152 bytes long, its header says ${bytes.byteLength},`,
  )
  writeFileSync(at('text.dmp'), 'no dump')
  expect(examine(at('text.dmp'), 'full')).toMatchObject({
    code: 1,
    open: { format: 'fail', debugger: 'fail' },
  })
})

it.each([
  [['run', '--as', 'kernel'], '--as is for a dump file: run is a folder'],
  [['run/kernel/MEMORY.DMP', '--as', 'small'], 'Expected one of full, kernel, mini.'],
  [['run', '-y', 'a', '-y', 'b'], '-y is given twice'],
])('refuses %j as wrong use', (args, reason) => {
  const { code, stderr } = dumpstack(folder.path, 'examine', ...args)
  expect(code).toBe(2)
  expect(stderr).toContain(reason)
})

const dumps = sharedData('dumps')
const isf = sharedData('isf')

describe.skipIf(dumps === null || isf === null)('real minidumps (shared data)', () => {
  it.each([
    ['triage_x64_19041.dmp', '0x1000007e SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M', 151],
    ['triage_arm64_22000.dmp', '0x1c8 MANUALLY_INITIATED_POWER_BUTTON_HOLD', 245],
  ])('%s fails for its bugcheck and for the crash driver that it lacks', (name, bugcheck, modules) => {
    const file = path.join(dumps!, name)
    for (const symbolPath of [isf!, at('empty')]) {
      const { code, open, messages } = examine(file, 'mini', '-y', symbolPath)
      expect(code).toBe(1)
      const hasSymbols = symbolPath === isf && name.includes('x64')
      const unjudged = hasSymbols
        ? {}
        : { symbols: 'inconclusive', addresses: 'inconclusive', objects: 'inconclusive' }
      expect(open).toEqual({ bugcheck: 'fail', stack: 'fail', ...unjudged })
      expect(messages).toContain(`(x) Bugcheck is ${bugcheck}, expected 0xe2 MANUALLY_INITIATED_CRASH`)
      expect(messages).toContain(
        `(x) Unable to get the stack from crashtst.sys to nt!KeBugCheckEx: none of the ${modules} modules is crashtst.sys.`,
      )
    }
  })
})

it('never uses a PDB of another build', () => {
  mkdirSync(at('wrong'))
  copyFileSync(path.join(guest, 'hal.pdb'), at('wrong', 'ntkrnlmp.pdb'))
  const { code, messages } = examine(kernel, 'kernel', '-y', at('wrong'))
  expect(code).toBe(3)
  expect(messages).toMatch(/mismatched: wanted guid [0-9A-F]{32} age 1, found guid [0-9A-F]{32} age 1/)
})
