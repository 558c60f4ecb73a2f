// Other people's tools and files that judge ours; a test that needs one that is absent is skipped and says what it needs.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export { sharedData } from '@dumpstack/testkit/node'

export const ROOT = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))))
export const GUEST_BIN = path.join(ROOT, 'guest', 'bin')
export const guestImages = (): string[] =>
  readdirSync(GUEST_BIN).filter((name) => /\.(exe|dll|sys)$/.test(name))

/** Our miniports that are as they should be; the bad ones are the same code but for a line. */
export const MINIPORT_BIN = path.join(ROOT, 'guest', 'miniports', 'bin')
export const goodMiniports = ['dsahci.sys', 'dsnvme.sys', 'dsvioblk.sys', 'dsvioblk-legacy.sys']

export const hasTool = (name: string): boolean => spawnSync(name, ['--version']).status === 0

export function toolOutput(name: string, args: readonly string[]): string {
  const run = spawnSync(name, args, { encoding: 'utf8', maxBuffer: 1 << 28 })
  if (run.status !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${run.status}: ${run.stderr}`)
  return run.stdout
}

/** A package among the judges that `.ci/run` installs from npm (.ci/npm-judges.txt); null where they are absent. */
export function npmJudge(name: string): string | null {
  const folder = process.env['DUMPSTACK_JUDGES']
  return folder === undefined ? null : path.join(folder, 'node_modules', name)
}
