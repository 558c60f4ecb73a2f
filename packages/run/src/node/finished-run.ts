// A finished run, read back from its folder: the truth of each dump beside the dump file that it left.
import path from 'node:path'
import type { FileSource } from '@dumpstack/bytes/node'
import { type KeptDump, restoreTruth } from '@dumpstack/crashtest'
import type { DumpType } from '@dumpstack/target'
import { RunError } from '../errors.ts'
import { TRUTH_BIN, TRUTH_JSON } from '../index.ts'
import { MAX_TRUTH_JSON_BYTES } from '../limits.ts'
import { inVariant } from '../variant-name.ts'
import type { GuardedFolder } from './guarded-folder.ts'
import { openRunToRead } from './run-owner.ts'
import { type RecordedDump, readRunRecord } from './run-record.ts'

export interface FinishedDump {
  readonly variant: string | null
  readonly kept: KeptDump
  /** The dump file, open; null where it is not there. */
  readonly dump: FileSource | null
  /** Closes the truth and the dump. */
  close(): void
}

export interface FinishedRun {
  /** Dumps that the run was to make and never came to examine: it was stopped, or broke off. */
  readonly unexamined: readonly RecordedDump[]
  /** Each dump that the run examined; throws HOST_IO where its truth is gone, RUN_FOLDER_CORRUPT. */
  dumps(): Generator<FinishedDump>
}

/** Throws RunError RUN_FOLDER_NOT_A_RUN, RUN_FOLDER_EMPTY, HOST_IO or RUN_FOLDER_CORRUPT. */
export function openFinishedRun(folder: string): FinishedRun {
  const run = openRunToRead(folder)
  const recorded = readRunRecord(run)
  const examined = recorded.filter((dump) => dump.isExamined)
  if (examined.length === 0) {
    throw new RunError(
      'RUN_FOLDER_EMPTY',
      `the run in ${folder} examined no dump: nothing can be examined again`,
    )
  }
  return {
    unexamined: recorded.filter((dump) => !dump.isExamined),
    *dumps() {
      for (const { variant, type } of examined) yield restoreDump(run, variant, type)
    },
  }
}

/** Throws HOST_IO where its truth is gone, RUN_FOLDER_CORRUPT. */
export function restoreDump(run: GuardedFolder, variant: string | null, type: DumpType): FinishedDump {
  const nameOf = (file: string): string => inVariant(variant, `${type}/${file}`)
  const json = run.read(nameOf(TRUTH_JSON), MAX_TRUTH_JSON_BYTES).toString('utf8')
  const bin = run.source(nameOf(TRUTH_BIN))
  try {
    const kept = restoreTruth(json, bin, run.pathOf(nameOf(TRUTH_JSON)))
    // The name comes from truth.json, which may be damaged.
    const name = path.win32.basename(kept.path)
    const isThere = /\.dmp$/i.test(name) && run.hasFile(nameOf(name))
    const dump = isThere ? run.source(nameOf(name)) : null
    return { variant, kept, dump, close: () => closeAll(bin, dump) }
  } catch (error) {
    bin.close()
    throw error
  }
}

function closeAll(...sources: readonly (FileSource | null)[]): void {
  for (const source of sources) source?.close()
}
