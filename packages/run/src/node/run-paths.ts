// Where the dumps of a run are: a path of the host in memory and on the screen, from the run folder on in its files, so that a folder
// that was moved or copied still speaks of its own dumps.
import path from 'node:path'
import type { TestEvent, TestResult } from '@dumpstack/crashtest'
import type { GuardedFolder } from './guarded-folder.ts'

type PathMap = (file: string) => string

/** For the files of `folder`, which is absolute. */
export const fromFolder =
  (folder: string): PathMap =>
  (file) =>
    path.relative(folder, file).split(path.sep).join('/')

/** Throws RunError RUN_FOLDER_CORRUPT for a name that leads out of the folder. */
export const onThisHost =
  (folder: GuardedFolder): PathMap =>
  (file) =>
    folder.pathOf(file)

export function eventWithPath(event: TestEvent, mapped: PathMap): TestEvent {
  if (event.kind === 'examined') return { ...event, examination: withPath(event.examination, mapped) }
  if (event.kind !== 'crashed') return event
  const { secondCrash, ...report } = event.report
  if (secondCrash === undefined) return event
  return { ...event, report: { ...report, secondCrash: withPath(secondCrash, mapped) } }
}

export const resultWithPaths = (result: TestResult, mapped: PathMap): TestResult => ({
  ...result,
  dumps: result.dumps.map((dump) => withPath(dump, mapped)),
})

interface HasFile {
  readonly file: string | null
}

const withPath = <T extends HasFile>(record: T, mapped: PathMap): T =>
  record.file === null ? record : { ...record, file: mapped(record.file) }
