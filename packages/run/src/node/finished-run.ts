// A finished run, read back from its folder: the truth of each dump beside the dump file that it left.
import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { FileSource } from '@dumpstack/bytes/node'
import { type KeptDump, restoreTruth } from '@dumpstack/crashtest'
import { RunError } from '../errors.ts'
import { JOURNAL, TRUTH_BIN, TRUTH_JSON } from '../index.ts'
import { onHost } from './host-error.ts'
import { type RecordedDump, readRunRecord } from './run-record.ts'

export interface FinishedDump {
  readonly variant: string | null
  readonly kept: KeptDump
  /** Host path of the dump file; null where it is not there. */
  readonly file: string | null
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
  onHost(`read ${folder}`, () => statSync(folder))
  const journal = path.join(folder, JOURNAL)
  if (!existsSync(journal)) {
    throw new RunError('RUN_FOLDER_NOT_A_RUN', `folder ${folder} holds no run: ${JOURNAL} is not there`)
  }
  const recorded = readRunRecord(journal)
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
      for (const { variant, type } of examined)
        yield restoreDump(variant, path.join(folder, variant ?? '', type))
    },
  }
}

function restoreDump(variant: string | null, place: string): FinishedDump {
  const name = path.join(place, TRUTH_JSON)
  const json = onHost(`read ${name}`, () => readFileSync(name, 'utf8'))
  const binName = path.join(place, TRUTH_BIN)
  const bin = onHost(`read ${binName}`, () => new FileSource(binName))
  try {
    const kept = restoreTruth(json, bin, name)
    const file = path.join(place, path.win32.basename(kept.path))
    return { variant, kept, file: isDumpFile(file) ? file : null, close: () => bin.close() }
  } catch (error) {
    bin.close()
    throw error
  }
}

/** The name comes from truth.json, which may be damaged. */
const isDumpFile = (file: string): boolean => /\.dmp$/i.test(file) && existsSync(file)
