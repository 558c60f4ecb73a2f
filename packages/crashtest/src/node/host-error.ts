// The host's own failures (EACCES, ENOSPC, EROFS, ENOTDIR) as one line that names the file.
import { CrashtestError } from '../errors.ts'

/** Runs file work; a failure becomes CrashtestError RUN_FOLDER_IO naming `what` and the system's code. */
export function onHost<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (!isSystemError(cause)) throw cause
    throw new CrashtestError('RUN_FOLDER_IO', `cannot ${what}: ${systemReason(cause)}`, {}, { cause })
  }
}

export const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'errno' in error && 'code' in error && typeof error.code === 'string'

/** `no space left on device (ENOSPC)`: node's text is `ENOSPC: no space left on device, write`. */
export function systemReason(error: NodeJS.ErrnoException): string {
  const reason = /^\w+: ([^,]+)/.exec(error.message)?.[1] ?? error.message
  return `${reason} (${error.code})`
}
