// Past failures, cleared: what the list of a run names, and nothing else.
import type { LeftEntry } from './owned-folder.ts'
import { type LockOptions, RunLock } from './run-lock.ts'
import { DRIVE, holdsRun, isInTheWay, leaveFolder, openRunToWrite, resolved } from './run-owner.ts'

/**
 * What was left because it is not, or no longer, what the run made, but for symbols that were fetched; null where the folder holds no run. Throws RunError
 * RUN_FOLDER_FORMAT where the run is of a version without a list, RUN_FOLDER_BUSY, RUN_FOLDER_UNSAFE, HOST_IO.
 */
export async function clearRun(
  folder: string,
  options: LockOptions = {},
): Promise<readonly LeftEntry[] | null> {
  if (!holdsRun(folder)) return null
  const root = resolved(folder)
  const lock = await RunLock.take(root, options)
  try {
    const owned = openRunToWrite(root, lock)
    const left = owned.removeMade()
    const drive = owned.pathOf(DRIVE)
    const isExpected = !isInTheWay(owned, DRIVE)
    leaveFolder(owned)
    return left.filter(({ file }) => file !== drive || !isExpected)
  } finally {
    lock.release()
  }
}
