// One session of the test as a command: Ctrl-C stops it, its outputs are written, and what stopped it is raised with the command that goes on.
import type { Sink, Verdict } from '@dumpstack/crashtest'
import { goOnLine, StoppedRunError } from '../program/failure.ts'
import { catchInterrupts } from '../program/interrupt.ts'
import { tell } from '../terminal/terminal.ts'
import { ResultOutput } from './result-output.ts'
import type { SessionEnd, SessionOptions } from './session.ts'
import type { TestOutput } from './test-options.ts'

interface Shown {
  readonly sinks?: readonly Sink[]
  readonly liveSinks?: readonly Sink[]
  /** The run has come to that, whether it is over or not. */
  close?(verdict: Verdict): void
}

type DriveOptions = Omit<SessionOptions, 'folder' | 'stopAt' | 'symbolPath'>

/** `goOn` is the command that goes on with a run that is stopped. */
export async function driveSession(
  output: TestOutput,
  goOn: string,
  { sinks = [], liveSinks = [], close }: Shown,
  drive: (options: DriveOptions) => Promise<SessionEnd>,
): Promise<Exclude<SessionEnd, { readonly error: unknown }>> {
  const outputs = new ResultOutput(output)
  const interrupt = catchInterrupts(goOnLine(goOn))
  let end: SessionEnd
  try {
    end = await drive({ sinks: [...outputs.sinks, ...sinks], liveSinks, ...interrupt, onWait: tell })
  } finally {
    interrupt.release()
  }
  outputs.write(end)
  if ('result' in end && end.result !== null) close?.(end.result.verdict)
  if (end.ended === 'stopped') throw new StoppedRunError(end.error, goOn)
  if (end.ended === 'brokenOff') throw end.error
  return end
}
