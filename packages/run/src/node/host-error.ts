// The host's own failures (EACCES, ENOSPC, EROFS, ENOTDIR) as one line that names the file.
import { isSystemError, systemReason } from '@dumpstack/bytes/node'
import { RunError } from '../errors.ts'

/** Runs file work; a failure becomes RunError HOST_IO naming `what` and the system's code. */
export function onHost<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (!isSystemError(cause)) throw cause
    throw new RunError('HOST_IO', `cannot ${what}: ${systemReason(cause)}`, {}, { cause })
  }
}
