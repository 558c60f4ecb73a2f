// What the action of this repository runs, as GitHub's runner would: inputs in the environment, outputs in files.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { repository, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const inPlace = (name: string): string => path.join(folder.path, name)
const read = (name: string): string => readFileSync(inPlace(name), 'utf8')

function runAction(driver: string, options: string) {
  for (const name of ['output', 'summary']) writeFileSync(inPlace(name), '')
  const { status, stdout, stderr } = spawnSync('bash', [path.join(repository, '.github/check.sh')], {
    cwd: folder.path,
    encoding: 'utf8',
    env: {
      ...process.env,
      GITHUB_ACTION_PATH: repository,
      GITHUB_OUTPUT: inPlace('output'),
      GITHUB_STEP_SUMMARY: inPlace('summary'),
      DRIVER: driver,
      OPTIONS: options,
      SARIF: 'check.sarif',
      REPORT: 'check.html',
    },
  })
  return { code: status, stdout, stderr }
}

const driver = path.join(repository, 'guest/miniports/bin/dsahci-b14.sys')

it('annotates, sums up and says the verdict; its inputs are no shell text', () => {
  const { code, stdout, stderr } = runAction(
    driver,
    '--plan\none\n--known-issues\n$(touch owned); `touch owned`',
  )
  expect(code).toBe(2)
  expect(stderr).toContain('$(touch owned); `touch owned`')
  expect(existsSync(inPlace('owned'))).toBe(false)
  expect([stdout, read('output')]).toEqual(['', ''])

  const done = runAction(driver, '--plan\none\n')
  expect(done.code).toBe(1)
  expect(done.stderr).toMatch(/^::error file=\S+,line=\d+,title=DM-09 HwInitialize::/m)
  expect(read('output')).toBe('verdict=fail\n')
  expect(read('summary')).toMatch(/^## Dump-mode contract: fail, \d findings?\n/)
  expect(read('check.html')).toContain('DM-09, HwInitialize')
  expect(JSON.parse(read('check.sarif')).runs[0].results.length).toBeGreaterThan(0)
}, 60_000)

it('names every input of the action, and only those', () => {
  const action = readFileSync(path.join(repository, 'action.yml'), 'utf8')
  const inputs = [...action.slice(0, action.indexOf('outputs:')).matchAll(/^ {2}(\w+):$/gm)].map(
    ([, name]) => name,
  )
  const page = readFileSync(path.join(repository, 'docs/ci.md'), 'utf8')
  const line = page.slice(page.indexOf('Inputs: '), page.indexOf('Outputs: '))
  for (const name of inputs) expect(line).toContain(`\`${name}\``)
  expect(
    [...action.matchAll(/\$\{\{ inputs\.(\w+) \}\}/g)]
      .map(([, name]) => name)
      .every((name) => inputs.includes(name)),
  ).toBe(true)
  expect(action.slice(action.indexOf('run: '))).not.toMatch(/run:.*\$\{\{/)
})
