// What `npm test` runs of the tests in this folder: one whole test to its verdict, one that is killed and resumed, one folder that is
// refused. `npm run check` runs all of them.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dumpstack, type Finished, temporaryFolder } from './cli.ts'
import { journalOf, outcomeOf, runProcess, SMALL, type SmallPlan } from './killed-run.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const at = (name: string): string => path.join(folder.path, name)
const PLAN: SmallPlan = { ...SMALL, dumps: ['full'], cpus: 1 }
const OPTIONS = ['--dumps', 'full', '--ram', '64M', '--cpus', '1', '--pagefile', `${PLAN.pageFileBytes}B`]

let whole: Finished
beforeAll(() => {
  whole = dumpstack(folder.path, 'test', ...OPTIONS, '--out', 'whole', '--json')
})

it('passes on a healthy system, with every page of the dump as it was in memory', () => {
  expect([whole.code, whole.stderr]).toEqual([0, ''])
  expect(JSON.parse(whole.stdout)).toMatchObject({
    verdict: 'pass',
    executed: true,
    dumps: [{ type: 'full', bugcheck: { code: '0xe2' }, truth: { different: 0, missing: 0, extra: 0 } }],
  })
})

it('ends with the same result when it is killed in the middle of its dump, and resumed', () => {
  const run = at('killed')
  expect(runProcess(run, PLAN, { kind: 'progress', count: 5 })).toBe('SIGKILL')
  expect(journalOf(run).at(-1)).toMatch(/begin crash full/)
  expect(dumpstack(folder.path, 'test', '--resume', run).code).toBe(0)
  expect(outcomeOf(run)).toEqual(outcomeOf(at('whole')))
  expect(journalOf(run)).toEqual(journalOf(at('whole')))
}, 120_000)

it('refuses a folder that holds another run, and leaves it as it is', () => {
  const before = readdirSync(at('whole'), { recursive: true }).sort()
  const { code, stderr } = dumpstack(folder.path, 'test', ...OPTIONS, '--out', 'whole')
  expect([code, stderr]).toEqual([4, expect.stringContaining('folder whole already holds a run')])
  expect(readdirSync(at('whole'), { recursive: true }).sort()).toEqual(before)
})
