// Files and folders that a command line names to be read. One that is absent, of another kind or closed to this user is wrong use, with
// exit code 2; what the host fails at, such as too many open files, stays the host's.
import { FileError, FileSource, isSystemError, systemReason } from '@dumpstack/bytes/node'
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

/** At most `limit` bytes of a file, from its beginning. Throws as `readNamed` does, for folders, pipes and devices too. */
export const readBeginning = (file: string, limit: number): Uint8Array =>
  readNamed(file, () => {
    const source = new FileSource(file)
    try {
      const bytes = new Uint8Array(Math.min(source.byteLength, limit))
      return bytes.subarray(0, source.read(0, bytes))
    } finally {
      source.close()
    }
  })
