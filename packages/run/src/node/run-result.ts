// result.json read back: what a run that has its end came to.
import { VERDICTS, type Verdict } from '@dumpstack/crashtest'
import { Facts } from '@dumpstack/target'
import { RESULT } from '../index.ts'
import { MAX_RESULT_BYTES } from '../limits.ts'
import { openRunToRead } from './run-owner.ts'
import { onThisHost, resultWithPaths } from './run-paths.ts'

export interface FinishedResult {
  readonly verdict: Verdict
  /** As the run gave it, its dumps where they are now. */
  readonly json: object
}

/** Throws RunError RUN_FOLDER_*, HOST_IO. */
export function readResult(folder: string): FinishedResult {
  const place = openRunToRead(folder)
  const text = place.read(RESULT, MAX_RESULT_BYTES).toString('utf8')
  const facts = Facts.parse(text, place.pathOf(RESULT))
  const verdict = facts.oneOf('verdict', VERDICTS)
  for (const dump of facts.objects('dumps')) dump.optionalString('file')
  const result: { dumps: { file: string | null }[] } = JSON.parse(text) // as just checked
  return { verdict, json: resultWithPaths(result, onThisHost(place)) }
}
