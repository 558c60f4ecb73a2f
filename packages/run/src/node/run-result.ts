// result.json read back: what a run that has its end came to.
import { type TestResult, testResult } from '@dumpstack/crashtest'
import { Facts } from '@dumpstack/target'
import { RESULT } from '../index.ts'
import { MAX_RESULT_BYTES } from '../limits.ts'
import { openRunToRead } from './run-owner.ts'
import { onThisHost, resultWithPaths } from './run-paths.ts'

/** As the run gave it, its dumps where they are now. Throws RunError RUN_FOLDER_*, HOST_IO. */
export function readResult(folder: string): TestResult {
  const place = openRunToRead(folder)
  const text = place.read(RESULT, MAX_RESULT_BYTES).toString('utf8')
  return resultWithPaths(testResult.of(Facts.parse(text, place.pathOf(RESULT))), onThisHost(place))
}
