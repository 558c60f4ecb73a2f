// Ctrl-C: the first stops the run cleanly, the second ends the process at once.
import { Interrupted } from '@dumpstack/bytes'
import { EXIT_INTERRUPTED } from './exit-code.ts'

export interface Interrupt {
  readonly signal: AbortSignal
  /** Ctrl-C means again what it means to any process. */
  release(): void
}

export function catchInterrupts(): Interrupt {
  const controller = new AbortController()
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED)
    controller.abort(new Interrupted())
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    release() {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}
