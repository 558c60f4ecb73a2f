// A reader that has gone away ends nothing.

const CLOSED_PIPE = 'EPIPE'

/**
 * `dumpstack ... | head` must not change what a run does: output without a reader is dropped. Any other failure of
 * stdout (a full disk) goes to `report`, once; the run goes on to its end, so that it cleans up.
 */
export function surviveClosedPipes(report: (error: NodeJS.ErrnoException) => void): void {
  let reported = false
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === CLOSED_PIPE || reported) return
      reported = true
      if (stream === process.stdout) report(error)
    })
  }
}
