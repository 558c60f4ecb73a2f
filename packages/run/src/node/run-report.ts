// The report that is made of a run, in the run's own folder: a later run that clears the folder removes it with the rest.
import { REPORT } from '../index.ts'
import { onHost } from './host-error.ts'
import { type LockOptions, RunLock } from './run-lock.ts'
import { openRunToWrite, resolved } from './run-owner.ts'

/**
 * Takes the place of an earlier report and of nothing else; returns where it is. Throws RunError RUN_FOLDER_BUSY while the run goes on,
 * RUN_FOLDER_FOREIGN, RUN_FOLDER_UNSAFE, HOST_IO.
 */
export async function keepReport(folder: string, report: string, options: LockOptions): Promise<string> {
  const at = resolved(folder)
  const lock = await RunLock.take(at, options)
  try {
    const owned = openRunToWrite(at, lock)
    try {
      onHost(`write ${owned.pathOf(REPORT)}`, () => owned.replaceFile(REPORT, report))
      return owned.pathOf(REPORT)
    } finally {
      owned.close()
    }
  } finally {
    lock.release()
  }
}
