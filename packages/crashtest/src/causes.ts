// One cause is one finding. A dump that ended early, or was cut off, fails check after check, each of them rightly: what follows
// from something that another check has named carries that check's id, counts for the verdict all the same, and is no
// finding of its own. Only what has to follow is taken for it: a fault of the part that was written stands for itself.
import { PAGE_SIZE } from '@dumpstack/bytes'
import type { CrashReport } from '@dumpstack/target'
import type { Judgement } from './checks/check.ts'
import type { NamedJudgement } from './debug-dump.ts'

export interface CausedJudgement {
  readonly id: string
  readonly judgement: Judgement
  /** The check that names the cause; null for a finding of its own. */
  readonly causedBy: string | null
}

export interface KnownOfDump {
  /** Null for a dump from elsewhere. */
  readonly crash: Pick<CrashReport, 'bytesWritten' | 'violations'> | null
  /** The length of the dump file; null where none could be opened. */
  readonly byteLength: number | null
  /** The file is older than the crash. */
  readonly isStale: boolean
}

/** They read the dump as a debugger does: its header points to pages, pages to lists. */
const READERS = [
  'format',
  'structure',
  'images',
  'debugger',
  'symbols',
  'addresses',
  'modules',
  'objects',
  'stack',
]
/** They say what the dump holds: what they name explains what a reader finds. */
const PROMISES = ['promisedPages', 'promisedBlocks', 'truth']
/** What they name has offsets, or is the whole of the file. */
const OF_BYTES = [...PROMISES, 'writtenBy', 'asKept']
/** Where they give no offset, that bytes are missing at the end says it all. */
const WITHOUT_OFFSETS = ['promisedBlocks', 'writtenBy']
/** They go by the debugger's list of modules. */
const NEED_MODULES = ['images', 'stack']
/** Without symbols of the kernel they have nothing to go by. */
const NEED_SYMBOLS = ['addresses', 'modules', 'objects', 'stack']

/** What a check names by its offset: a page that is cut in two is missing, any other thing is a byte. */
const sizeOf = (id: string): number => (id === 'promisedPages' ? PAGE_SIZE : 1)

export function withCauses(
  judged: readonly NamedJudgement[],
  { crash, byteLength, isStale }: KnownOfDump,
): CausedJudgement[] {
  const byId = new Map(judged)
  const isBad = (id: string): boolean => (byId.get(id)?.verdict ?? 'pass') !== 'pass'
  const firstBad = (ids: readonly string[]): string | null => ids.find(isBad) ?? null

  const faulted = firstBad(['screen'])
  const endedEarly = faulted ?? firstBad(['finalStatus'])
  const incomplete = endedEarly ?? firstBad(['length'])
  /** Up to here the dump was written, and is in the file. */
  const wholeBytes = Math.min(
    crash !== null && isBad('finalStatus') ? crash.bytesWritten : Infinity,
    byteLength ?? 0,
  )
  /** Whether all that a check names is of the part that is not there. */
  const isOfTheMissingPart = (id: string): boolean => {
    if (incomplete === null) return false
    const offsets = (byId.get(id)?.places ?? []).map(({ fileOffset }) => fileOffset)
    if (offsets.some((offset) => offset !== undefined))
      return offsets.every((offset) => offset !== undefined && offset + sizeOf(id) > wholeBytes)
    return WITHOUT_OFFSETS.includes(id) && (!isBad('truth') || isOfTheMissingPart('truth'))
  }
  /** What the part that is there holds amiss. */
  const differing = firstBad(PROMISES.filter((id) => !isOfTheMissingPart(id)))

  const causeOf = (id: string, { verdict }: Judgement): string | null => {
    switch (id) {
      case 'screen':
      case 'inFlight':
      case 'newer':
      case 'changedByDumpPath':
        return null
      // A fault is a second bugcheck, the end of the dump and a broken rule: the check of the screen names all three.
      case 'finalStatus':
        return faulted
      case 'dumpMode':
        return crash?.violations.filter(({ severity }) => severity === 'fail').length === 1 ? faulted : null
      case 'file':
        return byteLength === null ? endedEarly : null
    }
    if (isStale) return 'newer'
    if (id === 'length') return endedEarly
    if (OF_BYTES.includes(id)) return isOfTheMissingPart(id) ? incomplete : null
    if (NEED_SYMBOLS.includes(id) && verdict === 'inconclusive' && isBad('symbols')) return 'symbols'
    // that no symbols are found says nothing of the dump; an error does that the dump raised
    if (!READERS.includes(id) || (id === 'symbols' && verdict !== 'fail')) return null
    return differing ?? incomplete ?? (NEED_MODULES.includes(id) ? firstBad(['modules']) : null)
  }
  /** The check that an error ended first: it may end several. */
  const firstWith = new Map<string, string>()
  return judged.map(([id, judgement]) => {
    if (judgement.verdict === 'pass') return { id, judgement, causedBy: null }
    const same = firstWith.get(judgement.message) ?? null
    if (same === null) firstWith.set(judgement.message, id)
    return { id, judgement, causedBy: causeOf(id, judgement) ?? same }
  })
}
