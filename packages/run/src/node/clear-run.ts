// Past failures, cleared: what the list of a run names, and nothing else.
import { lockFolder } from './folder-lock.ts'
import type { LeftEntry } from './owned-folder.ts'
import { runStateOf } from './run-folder.ts'
import { DRIVE, isInTheWay, leaveFolder, openRunToWrite, resolved } from './run-owner.ts'

/**
 * What was left because it is not, or no longer, what the run made, but for symbols that were fetched; null where the folder holds no run. Throws RunError
 * RUN_FOLDER_FORMAT where the run is of a version without a list, RUN_FOLDER_BUSY, RUN_FOLDER_UNSAFE, HOST_IO.
 */
export function clearRun(folder: string): readonly LeftEntry[] | null {
  if (!['stopped', 'finished'].includes(runStateOf(folder))) return null
  const root = resolved(folder)
  const unlock = lockFolder(root)
  try {
    const owned = openRunToWrite(root)
    const left = owned.removeMade()
    const drive = owned.pathOf(DRIVE)
    const isExpected = !isInTheWay(owned, DRIVE)
    leaveFolder(owned)
    return left.filter(({ file }) => file !== drive || !isExpected)
  } finally {
    unlock()
  }
}
