// Counts up the beat of a lock in a thread of its own, so that guest code that keeps the process busy does not stop it. The thread writes
// through the handle that made the lock: once another process has taken its place, its beats reach no lock.
import { Worker } from 'node:worker_threads'
import { BEAT_DIGITS } from './lock-holder.ts'

const STARTING = 0
const RUNNING = 1
const ENDING = 2
const ENDED = 3
/** A thread that does not end within this time hangs in a write to a share that is gone. */
const MAX_ENDING_MS = 2000

interface Beat {
  readonly fd: number
  readonly everyMs: number
  readonly digits: number
  readonly state: Int32Array
  readonly starting: typeof STARTING
  readonly running: typeof RUNNING
  readonly ended: typeof ENDED
}

export class Heartbeat {
  readonly #state = new Int32Array(new SharedArrayBuffer(4))
  readonly #worker: Worker
  #failure: Error | null = null

  constructor(fd: number, everyMs: number) {
    const workerData: Beat = {
      fd,
      everyMs,
      digits: BEAT_DIGITS,
      state: this.#state,
      starting: STARTING,
      running: RUNNING,
      ended: ENDED,
    }
    this.#worker = new Worker(
      `(${beat})(require('node:worker_threads').workerData, require('node:fs').writeSync)`,
      { eval: true, workerData, execArgv: [] },
    )
    this.#worker.on('error', (error) => {
      this.#failure = error
    })
    this.#worker.unref()
  }

  /** Why the thread ended by itself; null while it runs. */
  get failure(): Error | null {
    return this.#failure
  }

  /** Returns whether nothing is written any more. */
  stop(): boolean {
    if (this.#failure !== null) return true
    // A thread that is still starting may need this one for it; it will see that it has nothing to do.
    if (Atomics.exchange(this.#state, 0, ENDING) === STARTING) return true
    Atomics.notify(this.#state, 0)
    return Atomics.wait(this.#state, 0, ENDING, MAX_ENDING_MS) !== 'timed-out'
  }
}

/** The thread runs the text of this function: it has nothing but its arguments. */
function beat(
  { fd, everyMs, digits, state, starting, running, ended }: Beat,
  writeSync: (fd: number, text: string, at: number) => number,
): void {
  if (Atomics.compareExchange(state, 0, starting, running) !== starting) return
  for (let count = 1; Atomics.wait(state, 0, running, everyMs) === 'timed-out'; count++) {
    try {
      writeSync(fd, String(count).padStart(digits, '0'), 0)
    } catch {
      // A disk that takes nothing now may take the next beat; a lock that stands still too long is lost, which its holder is told.
    }
  }
  Atomics.store(state, 0, ended)
  Atomics.notify(state, 0)
}
