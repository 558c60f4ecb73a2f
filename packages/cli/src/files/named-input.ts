// Files and folders that a command line names to be read. One that is absent, of another kind or closed to this user is wrong use, with
// exit code 2; what the host fails at, such as too many open files, stays the host's.
import { FileError, isSystemError, systemReason } from '@dumpstack/bytes/node'
import { onHost } from '@dumpstack/run/guarded'
import { UsageError } from '../program/usage-error.ts'

/** What the system answers where the name is at fault, not the host. */
const AT_FAULT = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG'])

/** `read` opens or reads `place`. Throws UsageError where the name is at fault, RunError HOST_IO where the host is. */
export function readNamed<T>(place: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof FileError) throw new UsageError(cause.message, { cause })
    if (isSystemError(cause) && AT_FAULT.has(cause.code ?? ''))
      throw new UsageError(`cannot read ${place}: ${systemReason(cause)}`, { cause })
    return onHost(`read ${place}`, () => {
      throw cause
    })
  }
}
