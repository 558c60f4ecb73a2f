// `dumpstack examine FILE [--as TYPE] [--ram FILE]`: the examine step on a dump from anywhere, of whose crash RAM from outside may tell.
import { statSync } from 'node:fs'
import type { ByteSource } from '@dumpstack/bytes'
import {
  COMPARING_WITH_RAM,
  complaint,
  connectingTo,
  examineStep,
  Steps,
  sentence,
  typeOfDump,
  type Verdict,
  withoutRam,
} from '@dumpstack/crashtest'
import { DumpError, openDump, refusalCheck } from '@dumpstack/dumpfile'
import type { ExamineOptions } from '@dumpstack/run/node'
import type { DumpType } from '@dumpstack/target'
import { readNamed } from '../files/named-input.ts'
import { openDumpFile } from '../files/open-dump-file.ts'
import { UsageError } from '../program/usage-error.ts'
import { labSymbols } from '../symbols/judge-symbols.ts'
import { openRam, type RamFiles } from './open-ram.ts'

/** Where the events of an examination go. */
export type ExamineOutput = Omit<ExamineOptions, 'symbols'>

export interface FileToExamine {
  /** Undefined: what the header of the dump says. */
  readonly as: DumpType | undefined
  readonly symbolPath: string | null
  readonly ram: RamFiles | null
}

export async function examineDumpFile(
  file: string,
  { as, symbolPath, ram: ramFiles }: FileToExamine,
  { emit, startVariant, shownPath, signal }: ExamineOutput,
): Promise<Verdict> {
  const modifiedAt = readNamed(file, () => statSync(file).mtimeMs)
  const steps = new Steps({ emit, now: () => modifiedAt, hostNow: () => performance.now(), signal })
  startVariant(null)
  const ram = ramFiles === null ? null : openRam(ramFiles)
  const source = await openDumpFile(file, steps)
  try {
    const type = as ?? typeOfDump(source)
    if (ram !== null && type === 'mini')
      throw new UsageError(`--ram is for dumps of pages: ${file} is a mini dump, which holds none`)
    return await steps.step('examine', type ?? undefined, async () => {
      steps.say(connectingTo(shownPath(file)))
      if (type === null) return refuse(source, steps)
      for (const message of ram === null ? withoutRam(type) : [COMPARING_WITH_RAM]) steps.say(message)
      return await examineStep(steps, {
        type,
        opened: { source, path: file, modifiedAt },
        known: null,
        ...(ram !== null && { ram: ram.spaces }),
        symbols: labSymbols(symbolPath, process.env['_NT_SYMBOL_PATH']),
        fileOf: () => file,
      })
    })
  } finally {
    source.close()
    ram?.close()
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
