// Runs the built command line as a user does, in a folder of its own.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { schemaViolations } from '@dumpstack/testkit'

export const repository = fileURLToPath(new URL('../..', import.meta.url))
const bin = path.join(repository, 'packages/cli/bin/dumpstack.js')

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export function temporaryFolder(): { path: string; remove(): void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'dumpstack-e2e-'))
  return { path: folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

export function dumpstack(cwd: string, ...args: string[]): Finished {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '', GITHUB_ACTIONS: '' },
  })
  return { code: status, stdout, stderr }
}

/** The commands that `dumpstack --help` lists. */
export function listedCommands(): string[] {
  const { stdout } = dumpstack(repository, '--help')
  const listed = stdout.slice(stdout.indexOf('\nCommands:\n'), stdout.indexOf('\nExamples:\n'))
  return [...listed.matchAll(/^ {2}(\w+)/gm)].map((match) => match[1] ?? '')
}

export function startDumpstack(cwd: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [bin, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** What a published schema has against `json`; empty when valid. */
export function schemaViolation(schema: string, json: string): string {
  const rules: unknown = JSON.parse(readFileSync(path.join(repository, schema), 'utf8'))
  return schemaViolations(rules, JSON.parse(json)).join('\n')
}

/** What `--json` says of a run, from its result.json: there a dump is named by its place in the folder. */
export function resultOf(run: string): object {
  const stored: { dumps: { file: string | null }[] } = JSON.parse(
    readFileSync(path.join(run, 'result.json'), 'utf8'),
  )
  return {
    ...stored,
    dumps: stored.dumps.map(({ file, ...dump }) => ({ ...dump, file: file && path.join(run, file) })),
  }
}
