// `dumpstack examine FILE [--as TYPE]`: the examine step on a dump from anywhere, without the truth of its crash.
import { statSync } from 'node:fs'
import type { ByteSource } from '@dumpstack/bytes'
import {
  complaint,
  connectingTo,
  examineStep,
  NO_TRUTH,
  Steps,
  sentence,
  typeOfDump,
  type Verdict,
} from '@dumpstack/crashtest'
import { DumpError, openDump, refusalCheck } from '@dumpstack/dumpfile'
import type { ExamineOptions } from '@dumpstack/run/node'
import type { DumpType } from '@dumpstack/target'
import { readNamed } from '../files/named-input.ts'
import { openDumpFile } from '../files/open-dump-file.ts'
import { labSymbols } from '../symbols/judge-symbols.ts'

/** Where the events of an examination go. */
export type ExamineOutput = Omit<ExamineOptions, 'symbols'>

export async function examineDumpFile(
  file: string,
  /** Undefined: what the header of the dump says. */
  given: DumpType | undefined,
  symbolPath: string | null,
  { emit, startVariant, shownPath, signal }: ExamineOutput,
): Promise<Verdict> {
  const modifiedAt = readNamed(file, () => statSync(file).mtimeMs)
  const steps = new Steps({ emit, now: () => modifiedAt, hostNow: () => performance.now(), signal })
  startVariant(null)
  const source = await openDumpFile(file, steps)
  try {
    const type = given ?? typeOfDump(source)
    return await steps.step('examine', type ?? undefined, async () => {
      steps.say(connectingTo(shownPath(file)))
      if (type === null) return refuse(source, steps)
      steps.say(NO_TRUTH)
      return await examineStep(steps, {
        type,
        opened: { source, path: file, modifiedAt },
        known: null,
        symbols: labSymbols(symbolPath, process.env['_NT_SYMBOL_PATH']),
        fileOf: () => file,
      })
    })
  } finally {
    source.close()
  }
}

/** A file whose header names no type that the test has: why it is not read. */
function refuse(source: ByteSource, steps: Steps): Verdict {
  try {
    openDump(source)
  } catch (error) {
    if (!(error instanceof DumpError)) throw error
    const { id, verdict, message } = refusalCheck(error)
    steps.send({ kind: 'finding', finding: { check: id, verdict, message } })
    steps.say(complaint(sentence(message)))
    return verdict
  }
  throw new Error('a dump that is read has a type')
}
