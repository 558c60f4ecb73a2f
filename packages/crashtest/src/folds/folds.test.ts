// Golden output of each fold: a change here is a change of a contract. `vitest -u` writes them anew, for review.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { schemaViolations } from '@dumpstack/testkit'
import { expect, it } from 'vitest'
import { journalLine } from './journal.ts'
import { JunitFold } from './junit.ts'
import { logLines } from './log.ts'
import { ResultFold } from './result.ts'
import type { TestResult } from './result-schema.ts'
import { sampleEvents } from './sample-events.test-support.ts'
import { type ScreenColors, ScreenFold } from './screen.ts'

const golden = (name: string): string => fileURLToPath(new URL(`__golden__/${name}`, import.meta.url))
const plain: ScreenColors = {
  green: (text) => text,
  red: (text) => text,
  yellow: (text) => text,
  dim: (text) => text,
  bold: (text) => text,
}

it('journals one JSON object a line, everything but progress', async () => {
  const lines = sampleEvents().map((event) => journalLine(event))
  const kept = lines.filter((line) => line !== null)
  expect(lines.length - kept.length).toBe(12)
  const seqs = kept.map((line): unknown => JSON.parse(line).seq)
  expect(seqs).toEqual([...seqs].sort((a, b) => Number(a) - Number(b)))
  await expect(kept.join('')).toMatchFileSnapshot(golden('journal.jsonl'))
})

it('logs in the form of the kit', async () => {
  await expect(sampleEvents().map(logLines).join('')).toMatchFileSnapshot(golden('crashdumptest.log'))
})

function result(): TestResult {
  const fold = new ResultFold()
  for (const event of sampleEvents()) fold.sink(event)
  return fold.result('fail')
}

it('folds the result', async () => {
  await expect(`${JSON.stringify(result(), null, 2)}\n`).toMatchFileSnapshot(golden('result.json'))
})

const schemaFile = fileURLToPath(new URL('../../../../docs/schema/test-result.schema.json', import.meta.url))
const havePythonValidator = spawnSync('python3', ['-c', 'import jsonschema']).status === 0

/** Our own small validator's findings, and those of a published validator where one is installed. */
function violations(value: object): string {
  const schema: unknown = JSON.parse(readFileSync(schemaFile, 'utf8'))
  const own = schemaViolations(schema, JSON.parse(JSON.stringify(value))).join('\n')
  if (!havePythonValidator) return own
  const program =
    'import json,sys,jsonschema; jsonschema.Draft202012Validator(json.load(open(sys.argv[1]))).validate(json.load(sys.stdin))'
  const python = spawnSync('python3', ['-c', program, schemaFile], {
    input: JSON.stringify(value),
    encoding: 'utf8',
  })
  expect(python.status === 0).toBe(own === '')
  return own
}

it('matches the published schema, and the schema refuses what it should', () => {
  const good = result()
  expect(violations(good)).toBe('')
  expect(violations({ ...good, verdict: 'good' })).toContain('$.verdict: is none of')
  expect(violations({ ...good, more: 1 })).toContain('$: has more, which is not declared')
  const { executed: _, ...lacking } = good
  expect(violations(lacking)).toContain('$: lacks executed')
  const [first, second] = good.dumps
  expect(
    violations({ ...good, dumps: [{ ...first, bugcheck: { code: 226, parameters: [] } }, second] }),
  ).toContain('$.dumps[0].bugcheck: matches 0 of the alternatives')
  expect(violations({ ...good, dumps: [first, { ...second, pagesInDump: 1.5 }] })).toContain(
    '$.dumps[1].pagesInDump: is not integer',
  )
})

it('folds to JUnit that an XML parser reads', async () => {
  const fold = new JunitFold()
  for (const event of sampleEvents()) fold.sink(event)
  const xml = fold.xml(null)
  await expect(xml).toMatchFileSnapshot(golden('junit.xml'))
  const parsed = spawnSync(
    'python3',
    ['-c', 'import sys,xml.dom.minidom as m; m.parseString(sys.stdin.buffer.read())'],
    {
      input: xml,
      encoding: 'utf8',
    },
  )
  if (parsed.error === undefined) expect(parsed.stderr).toBe('')
})

it('shows a run that broke off as an error, never as green', () => {
  const xml = new JunitFold().xml('no space left on device <ENOSPC>')
  expect(xml).toContain('tests="1" failures="0" errors="1"')
  expect(xml).toContain('<error message="no space left on device &lt;ENOSPC&gt;">')
})

const CLEAR = '\r\x1b[K'

function screen(isTerminal: boolean, columns: number, colors = plain): string {
  let text = ''
  const fold = new ScreenFold(
    (part) => {
      text += part
    },
    { isTerminal, columns, colors, shownPath: (file) => file.replace('/runs/', '') },
  )
  for (const event of sampleEvents()) fold.sink(event)
  fold.close('fail', ', after 1.2 s. Evidence: runs/1')
  return text
}

it('shows plain lines where the output is no terminal', async () => {
  const text = screen(false, 80)
  expect(text).not.toContain('\r')
  expect(text).not.toContain('\x1b')
  await expect(text).toMatchFileSnapshot(golden('screen-plain.txt'))
})

it('shows the percentage in place on a terminal', async () => {
  const text = screen(true, 76)
  expect(text).toContain('\r\x1b[K  ....  crash (full dump) 40 %\r\x1b[K  ....  crash (full dump) 60 %')
  // What stays on the screen: each line as it was last written.
  const lines = text.split('\n').map((line) => line.split(CLEAR).at(-1)!)
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(76)
  await expect(lines.join('\n')).toMatchFileSnapshot(golden('screen-terminal.txt'))
})

it('has a schema that names the file it is in', () => {
  for (const name of ['verify-result', 'stack-result', 'check-result', 'check-results', 'budget-result']) {
    const file = new URL(`../../../../docs/schema/${name}.schema.json`, import.meta.url)
    const schema: unknown = JSON.parse(readFileSync(file, 'utf8'))
    expect(schema).toMatchObject({ $id: `docs/schema/${name}.schema.json` })
  }
})

it('breaks coloured lines where it breaks plain ones', () => {
  const mark = (text: string): string => `⟦${text}⟧`
  const marking: ScreenColors = { green: mark, red: mark, yellow: mark, dim: mark, bold: mark }
  const unmarked = screen(true, 60, marking).replaceAll(/[⟦⟧]/g, '')
  expect(unmarked).toBe(screen(true, 60))
})
