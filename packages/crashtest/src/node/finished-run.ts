// A finished run, read back from its folder: the truth of each dump beside the dump file that it left.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { FileSource } from '@dumpstack/bytes/node'
import { CrashtestError } from '../errors.ts'
import { type KeptDump, restoreTruth } from '../truth-file.ts'
import { onHost } from './host-error.ts'
import { DUMP_FILE, JOURNAL, TRUTH_BIN, TRUTH_JSON } from './run-folder.ts'

export interface FinishedDump {
  readonly variant: string | null
  readonly kept: KeptDump
  /** Host path of the dump file; null where it is not there. */
  readonly file: string | null
  close(): void
}

/** Throws CrashtestError RUN_FOLDER_NOT_A_RUN, RUN_FOLDER_EMPTY, RUN_FOLDER_IO or TRUTH_CORRUPT. */
export function* finishedDumps(folder: string): Generator<FinishedDump> {
  onHost(`read ${folder}`, () => statSync(folder))
  if (!existsSync(path.join(folder, JOURNAL))) {
    throw new CrashtestError('RUN_FOLDER_NOT_A_RUN', `folder ${folder} holds no run: ${JOURNAL} is not there`)
  }
  const variants = onHost(`read ${folder}`, () => readdirSync(folder, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
  const places: [string | null, string][] = []
  for (const variant of [null, ...variants]) {
    for (const type of ['full', 'kernel']) {
      const place = path.join(folder, variant ?? '', type)
      if (existsSync(path.join(place, TRUTH_JSON))) places.push([variant, place])
    }
  }
  if (places.length === 0) {
    throw new CrashtestError(
      'RUN_FOLDER_EMPTY',
      `the run in ${folder} examined no dump: there is no ${TRUTH_JSON} to examine again`,
    )
  }
  for (const [variant, place] of places) yield restoreDump(variant, place)
}

function restoreDump(variant: string | null, place: string): FinishedDump {
  const name = path.join(place, TRUTH_JSON)
  const json = onHost(`read ${name}`, () => readFileSync(name, 'utf8'))
  const binName = path.join(place, TRUTH_BIN)
  const bin = onHost(`read ${binName}`, () => new FileSource(binName))
  const file = path.join(place, DUMP_FILE)
  try {
    const kept = restoreTruth(json, bin, name)
    return { variant, kept, file: existsSync(file) ? file : null, close: () => bin.close() }
  } catch (error) {
    bin.close()
    throw error
  }
}
