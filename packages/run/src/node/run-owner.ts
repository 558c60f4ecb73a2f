// Whose a folder is: of no run yet, of a run that has begun, or of something else. Only the first two are ever written.
import { existsSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { KeptRunError } from '@dumpstack/target'
import { NotARunError, RunError } from '../errors.ts'
import { JOURNAL, MARKER, RESULT, STATE } from '../index.ts'
import { isRunName, MARKER_FORMAT, MAX_MARKER_BYTES, type MadeList, parseMadeList } from '../made-list.ts'
import { GuardedFolder } from './guarded-folder.ts'
import { onHost } from './host-error.ts'
import { isLockName } from './lock-name.ts'
import { OwnedFolder, type WriteGuard } from './owned-folder.ts'

/** What a run leaves; a run that was killed before it had begun leaves a journal without a byte. */
const RECORDS = [JOURNAL, RESULT, STATE] as const
export const DRIVE = 'C'
/** Where debuggers keep what they fetch from symbol servers: no run has made it, and it outlives them all. */
const FETCHED = 'symbols'
const MAX_NAMED = 8
/** The list of a marker that a kill cut off. */
const NO_LIST: MadeList = { runId: '', made: new Map() }

/** The resolved path of an existing folder. */
export const resolved = (folder: string): string => onHost(`read ${folder}`, () => realpathSync(folder))

/**
 * Before a new run, in a folder that is there: it must be empty but for C:\Symbols, or carry the marker of a run that has been cleared or never began. Beside
 * a marker other files may lie, but none in the way of the run.
 * Throws RunError RUN_FOLDER_TAKEN where it holds a run, RUN_FOLDER_NOT_EMPTY naming what else is there, RUN_FOLDER_UNSAFE.
 */
export function refuseTaken(folder: string): void {
  const guarded = GuardedFolder.at(folder)
  const names = entriesOf(guarded)
  const record = recordIn(guarded)
  if (record !== null) {
    throw new RunError(
      'RUN_FOLDER_TAKEN',
      `folder ${folder} already holds a run (${record}): choose another folder`,
    )
  }
  const list = readList(guarded)?.list ?? null
  refuseForeign(
    folder,
    names.filter((name) =>
      list === null ? !holdsSymbolsAlone(guarded, name) : !list.made.has(name) && isInTheWay(guarded, name),
    ),
  )
}

function refuseForeign(folder: string, names: readonly string[]): void {
  if (names.length === 0) return
  const shown = names.slice(0, MAX_NAMED).join(', ')
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : ''
  throw new RunError(
    'RUN_FOLDER_NOT_EMPTY',
    `folder ${folder} holds what no run made: ${shown}${more}; a run begins in a folder that is empty or absent: choose another folder`,
  )
}

/** What shows that a run has begun. */
export const recordIn = (folder: GuardedFolder): string | null =>
  RECORDS.find((name) => (folder.byteLengthOf(name) ?? 0) > 0) ?? null

/** Whether a run has been there, begun or not. */
export function holdsRun(folder: string): boolean {
  if (!existsSync(folder)) return false
  const guarded = GuardedFolder.at(folder)
  return [MARKER, ...RECORDS].some((name) => guarded.hasFile(name))
}

/** What is there, but for marker and locks. */
export const entriesOf = (folder: GuardedFolder): string[] =>
  folder.names().filter((name) => name !== MARKER && !isLockName(name))

/** Of what the run in a marked folder has not made: that whose name a run gives, but for a C: that holds fetched symbols alone. */
export function isInTheWay(folder: GuardedFolder, name: string): boolean {
  if (!isRunName(name)) return false
  return !holdsSymbolsAlone(folder, name)
}

/** C:\Symbols is installed before a test, by the kit's own page, and outlives it. */
function holdsSymbolsAlone(folder: GuardedFolder, name: string): boolean {
  if (name !== DRIVE || !folder.folders().includes(name)) return false
  const inner = folder.names(name)
  return inner.length > 0 && inner.every((each) => each.toLowerCase() === FETCHED)
}

/** Takes a folder that was locked after `refuseTaken` had no objection. Throws RunError as that does, HOST_IO. */
export function takeFolder(root: string, guard?: WriteGuard): OwnedFolder {
  refuseTaken(root)
  const guarded = new GuardedFolder(root)
  const old = readList(guarded)
  if (old === null) return OwnedFolder.mark(root, guard)
  const owned = OwnedFolder.open(guarded, old.list ?? NO_LIST, old.byteLength, guard)
  try {
    owned.removeMade()
    refuseForeign(
      root,
      entriesOf(guarded).filter((name) => isInTheWay(guarded, name)),
    )
    owned.removeMarker()
  } finally {
    owned.close()
  }
  return OwnedFolder.mark(root, guard)
}

/** For callers that only read. Throws RunError RUN_FOLDER_NOT_A_RUN, RUN_FOLDER_UNSAFE, KeptRunError. */
export function openRunToRead(folder: string): GuardedFolder {
  const guarded = GuardedFolder.at(folder)
  listOfRun(guarded, folder)
  return guarded
}

/** The marker stays beside what no run made: the folder is still that of a run. */
export function leaveFolder(owned: OwnedFolder): void {
  if (owned.isCleared && entriesOf(owned).length === 0) owned.removeMarker()
  owned.close()
}

/** For the caller that has locked the folder. */
export function openRunToWrite(root: string, guard?: WriteGuard): OwnedFolder {
  const guarded = GuardedFolder.at(root)
  const { list, byteLength } = listOfRun(guarded, root)
  return OwnedFolder.open(guarded, list, byteLength, guard)
}

function listOfRun(guarded: GuardedFolder, folder: string): { list: MadeList; byteLength: number } {
  const { list, byteLength } = readList(guarded) ?? { list: null, byteLength: 0 }
  if (list !== null) return { list, byteLength }
  const record = RECORDS.find((name) => guarded.hasFile(name))
  if (record === undefined) {
    throw new NotARunError('RUN_FOLDER_NOT_A_RUN', `folder ${folder} holds no run: ${JOURNAL} is not there`)
  }
  throw new KeptRunError(
    'RUN_FOLDER_FORMAT',
    `folder ${folder} holds a run of another version: ${MARKER} is not there, expected one of format ${MARKER_FORMAT}; nothing in it is changed`,
  )
}

/** Null without a marker; its list is null where a kill cut the marker itself off. */
function readList(folder: GuardedFolder): { list: MadeList | null; byteLength: number } | null {
  if (!folder.hasFile(MARKER)) return null
  const bytes = folder.read(MARKER, MAX_MARKER_BYTES)
  const byteLength = bytes.lastIndexOf(0x0a) + 1
  const list = parseMadeList(bytes.toString('utf8'), path.join(folder.path, MARKER))
  return { list, byteLength }
}
