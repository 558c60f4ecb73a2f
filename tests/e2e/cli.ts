// Runs the built command line as a user does, in a folder of its own.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

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
    env: { ...process.env, NO_COLOR: '' },
  })
  return { code: status, stdout, stderr }
}

export function startDumpstack(cwd: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [bin, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** What somebody else's validator has against `json`; empty when valid, null where there is none. */
export function schemaViolation(schema: string, json: string): string | null {
  const program = [
    'import json, sys, jsonschema',
    'schema = json.load(open(sys.argv[1]))',
    'errors = jsonschema.Draft202012Validator(schema).iter_errors(json.load(sys.stdin))',
    'print("; ".join(e.json_path + ": " + e.message for e in errors), end="")',
  ].join('\n')
  if (spawnSync('python3', ['-c', 'import jsonschema']).status !== 0) return null
  const { status, stdout, stderr } = spawnSync('python3', ['-c', program, path.join(repository, schema)], {
    input: json,
    encoding: 'utf8',
  })
  return status === 0 ? stdout : stderr
}
