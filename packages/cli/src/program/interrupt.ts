// Ctrl-C and SIGTERM: the first stops the command cleanly, the second ends the process at once.
import { Interrupted } from '@dumpstack/bytes'
import { EXIT_INTERRUPTED } from './exit-code.ts'
import { sharedStop } from './thread.ts'

export interface Interrupt {
  readonly signal: AbortSignal
  /** For guest code, which receives no signal: not 0 once the command is to stop. Absent where it runs in the thread that receives them. */
  readonly stopFlag?: Int32Array
  /** Ctrl-C means again what it means to any process. */
  release(): void
}

/** `lastWords` is said of a command that does not stop by itself: how to go on with what it did. */
export function catchInterrupts(lastWords = ''): Interrupt {
  const controller = new AbortController()
  if (sharedStop !== null) {
    const release = sharedStop.listen(() => controller.abort(new Interrupted()), lastWords)
    return { signal: controller.signal, stopFlag: sharedStop.flag, release }
  }
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
