// result.json read back: what a run that has its end came to.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Facts, VERDICTS, type Verdict } from '@dumpstack/crashtest'
import { RESULT } from '../index.ts'
import { onHost } from './host-error.ts'
import { onThisHost, resultWithPaths } from './run-paths.ts'

export interface FinishedResult {
  readonly verdict: Verdict
  /** As the run gave it, its dumps where they are now. */
  readonly json: object
}

/** Throws RunError HOST_IO, RUN_FOLDER_CORRUPT. */
export function readResult(folder: string): FinishedResult {
  const name = path.join(folder, RESULT)
  const text = onHost(`read ${name}`, () => readFileSync(name, 'utf8'))
  const facts = Facts.parse(text, name)
  const verdict = facts.oneOf('verdict', VERDICTS)
  for (const dump of facts.objects('dumps')) dump.optionalString('file')
  const result: { dumps: { file: string | null }[] } = JSON.parse(text) // as just checked
  return { verdict, json: resultWithPaths(result, onThisHost(path.resolve(folder))) }
}
