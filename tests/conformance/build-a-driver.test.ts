// docs/build-a-driver.md as a reader does it: its lines, in a copy of the sources, with the tools that it names.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { hasTool, ROOT } from './tools.ts'

/** llvm-dlltool-16, which has no --version, comes with llvm-pdbutil-16. */
const TOOLS = ['clang-16', 'lld-link-16', 'llvm-pdbutil-16']
const work = mkdtempSync(path.join(tmpdir(), 'dumpstack-build-'))
afterAll(() => rmSync(work, { recursive: true }))

describe.runIf(TOOLS.every(hasTool))(`the page's lines (need ${TOOLS.join(', ')})`, () => {
  const [, lines] = /```sh\n(.*?)```/s.exec(readFileSync(path.join(ROOT, 'docs/build-a-driver.md'), 'utf8'))!
  const miniports = path.join(work, 'guest/miniports')
  for (const folder of ['include', 'miniports'])
    cpSync(path.join(ROOT, 'guest', folder), path.join(work, 'guest', folder), { recursive: true })
  const cli = path.join(ROOT, 'packages/cli/bin/dumpstack.js')
  writeFileSync(
    path.join(work, 'dumpstack'),
    `#!/bin/sh\nexec '${process.execPath}' '${cli}' "$@" --plan one\n`,
  )
  chmodSync(path.join(work, 'dumpstack'), 0o755)
  const build = (text: string): { status: number | null; stdout: string; stderr: string } =>
    spawnSync('sh', ['-ec', text], {
      cwd: miniports,
      encoding: 'utf8',
      env: { ...process.env, PATH: `${work}:${process.env['PATH']}` },
    })

  it('build a driver that passes the check', () => {
    const { status, stdout, stderr } = build(lines!)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toContain('Verdict: pass')
  }, 120_000)

  it('build one whose defect is named with its line', () => {
    const { status, stdout } = build(lines!.replace('-DBUG=0', '-DBUG=12'))
    expect(status).toBe(1)
    expect(stdout).toMatch(/fail {2}DM-25/)
    expect(stdout).toMatch(/VioHwInterrupt\S* \[\S*dsvioblk\.c @ \d+\]/)
  }, 120_000)
})
