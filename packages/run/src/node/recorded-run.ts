// All that a run folder keeps, read back to be shown: of a finished run, and of one that was stopped or killed.
import type { TestEvent, TestResult } from '@dumpstack/crashtest'
import type { DumpType } from '@dumpstack/target'
import { type DumpWrites, readDumpWrites, WRITES } from '../dump-writes.ts'
import { RESULT, TRUTH_JSON } from '../index.ts'
import { inVariant } from '../variant-name.ts'
import { type FinishedDump, restoreDump } from './finished-run.ts'
import { openRunToRead } from './run-owner.ts'
import { type RecordedDump, readRunEvents, readRunRecord } from './run-record.ts'
import { readResult } from './run-result.ts'

export interface RecordedRun {
  /** Dumps by their place in the folder. */
  readonly events: readonly TestEvent[]
  /** Those that the run was to make, in order. */
  readonly dumps: readonly RecordedDump[]
  /** Null where the run has not finished. */
  readonly result: TestResult | null
  /** To be closed; null where the run kept no truth of that dump. Throws HOST_IO, RUN_FOLDER_CORRUPT. */
  restore(variant: string | null, type: DumpType): FinishedDump | null
  /** Null where nothing was to be written. Throws HOST_IO, RUN_FOLDER_CORRUPT. */
  writes(variant: string | null, type: DumpType): DumpWrites | null
}

/** Throws RunError RUN_FOLDER_*, HOST_IO; KeptRunError. */
export function openRecordedRun(folder: string): RecordedRun {
  const run = openRunToRead(folder)
  return {
    events: readRunEvents(run),
    dumps: readRunRecord(run),
    result: run.hasFile(RESULT) ? readResult(folder) : null,
    restore: (variant, type) =>
      run.hasFile(inVariant(variant, `${type}/${TRUTH_JSON}`)) ? restoreDump(run, variant, type) : null,
    writes(variant, type) {
      const name = inVariant(variant, `${type}/${WRITES}`)
      if (!run.hasFile(name)) return null
      const source = run.source(name)
      try {
        return readDumpWrites(source, source.path)
      } finally {
        source.close()
      }
    },
  }
}
