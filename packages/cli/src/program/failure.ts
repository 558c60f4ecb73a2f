// What went wrong, as one line on stderr and an exit code; --verbose adds where it came from.
import { DumpstackError, Interrupted } from '@dumpstack/bytes'
import { isSystemError, systemReason } from '@dumpstack/bytes/node'
import { NotARunError } from '@dumpstack/run'
import { TargetOptionsError } from '@dumpstack/target'
import { DriverFailure } from '../driver/driver-failure.ts'
import { tell, tellText } from '../terminal/terminal.ts'
import { EXIT_INFRASTRUCTURE, EXIT_INTERRUPTED, EXIT_USAGE, exitCodeOf } from './exit-code.ts'
import { UsageError } from './usage-error.ts'

/** A run that has only been stopped, by what `cause` says. */
export class StoppedRunError extends Error {
  readonly command: string

  /** `command` goes on with the run. */
  constructor(cause: unknown, command: string) {
    super('the run was stopped', { cause })
    this.command = command
  }
}

export const goOnLine = (command: string): string => `to go on with the run: ${command}`

export function reportFailure(error: unknown, verbose: boolean): number {
  if (error instanceof StoppedRunError) {
    const code = reportFailure(error.cause, verbose)
    tell(goOnLine(error.command))
    return code
  }
  if (error instanceof Interrupted) {
    tell(error.message)
    return EXIT_INTERRUPTED
  }
  tell(`error: ${lineOf(error)}`)
  if (error instanceof DriverFailure && error.hasRun)
    tell('where in the driver, with its stack: dumpstack check with the same file')
  if (verbose) {
    for (let cause = error; cause instanceof Error; cause = cause.cause) tellText(`${cause.stack}\n`)
  }
  if (error instanceof DriverFailure) return exitCodeOf(error.verdict)
  return isWrongUse(error) ? EXIT_USAGE : EXIT_INFRASTRUCTURE
}

const isWrongUse = (error: unknown): boolean =>
  error instanceof UsageError || error instanceof TargetOptionsError || error instanceof NotARunError

function lineOf(error: unknown): string {
  if (error instanceof DumpstackError) return `${error.message} [${error.code}]`
  if (error instanceof UsageError) return error.message
  if (isSystemError(error)) {
    const file = error.path === undefined ? '' : `${error.path}: `
    return `${file}${systemReason(error)}`
  }
  if (error instanceof RangeError && /alloc|out of memory/i.test(error.message))
    return `the host has no memory left: ${error.message} [HOST_MEMORY]`
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
