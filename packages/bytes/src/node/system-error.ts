// Failures of the host's own calls (EACCES, ENOSPC, ENOTDIR), told from ours, and their reason without node's wording.

export const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'errno' in error && 'code' in error && typeof error.code === 'string'

/** `no space left on device (ENOSPC)`: node's text is `ENOSPC: no space left on device, write`. */
export function systemReason(error: NodeJS.ErrnoException): string {
  const reason = /^\w+: ([^,]+)/.exec(error.message)?.[1] ?? error.message
  return `${reason} (${error.code})`
}
