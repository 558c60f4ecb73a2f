// The host's own failures (EACCES, ENOSPC, EROFS, ENOTDIR) as one line that names the file.
import { isSystemError, systemReason } from '@dumpstack/bytes/node'
import { InTheWayError, RunError } from '../errors.ts'

/** Runs file work; a failure becomes RunError HOST_IO naming `what` and the system's code. */
export function onHost<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (!isSystemError(cause)) throw cause
    throw new RunError('HOST_IO', `cannot ${what}: ${systemReason(cause)}`, {}, { cause })
  }
}

/** Whether the host failed: it is full, its disk fails, a file is absent or in the way. */
export function isHostFailure(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (isSystemError(cause) || cause instanceof InTheWayError) return true
  return false
}
