// Threads beside that of a check, for the lives of its plan: each takes the next life that none has begun. They are kept for the next file,
// because most of the time of the first lives goes into code that is not compiled yet.
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import type { LifeResult, LifeSettings, SharedPlan } from '@dumpstack/windows'
import type { OpenedDriver } from '../driver/driver-file.ts'

/** Each holds some machines of 64 MiB. */
const MAX_DEFAULT = 4
/** A thread keeps another processor half busy: what it runs is compiled there. */
const PROCESSORS_OF_THREAD = 2
/** From here and from the chunks of the package alike. */
const PROGRAM = new URL('../check/life-thread.js', import.meta.url)

/** The lives of one file on one controller. */
export interface LifeJob {
  readonly number: number
  readonly file: string
  readonly pdb: string | null
  /** Of the file that was opened first. */
  readonly sha256: string
  readonly profile: string
  readonly controller: string
  readonly seed: number
  readonly plan: readonly LifeSettings[]
  /** Shared, by life: 1 once a thread has begun it. */
  readonly claims: Int32Array
  /** Shared: not 0 once the job is over. */
  readonly stopFlag: Int32Array
}

export interface LifeAnswer {
  readonly job: number
  readonly index: number
  readonly result: LifeResult
}

/** Whether this thread is the one that has begun the life. */
export const claim = (claims: Int32Array, index: number): boolean =>
  Atomics.compareExchange(claims, index, 0, 1) === 0

export class LifeThreads {
  readonly #ports: MessagePort[] = []
  readonly #workers: Worker[] = []
  #jobs = 0

  /** `count`: the thread of the check is one of them; null: as many as this host has use for. None are made where the program is not built. */
  constructor(count: number | null) {
    const fit = Math.min(MAX_DEFAULT, Math.floor(availableParallelism() / PROCESSORS_OF_THREAD))
    const others = existsSync(PROGRAM) ? (count ?? fit) - 1 : 0
    for (let i = 0; i < others; i++) {
      const { port1, port2 } = new MessageChannel()
      const worker = new Worker(PROGRAM, { workerData: port2, transferList: [port2], execArgv: [] })
      // one that ends early leaves its lives to the others
      worker.on('error', () => {})
      worker.unref()
      this.#workers.push(worker)
      this.#ports.push(port1)
    }
  }

  share(
    { description }: OpenedDriver,
    job: Pick<LifeJob, 'file' | 'pdb' | 'profile' | 'controller' | 'seed' | 'plan'>,
  ): SharedPlan<LifeResult> {
    const number = this.#jobs++
    const claims = new Int32Array(new SharedArrayBuffer(4 * job.plan.length))
    const stopFlag = new Int32Array(new SharedArrayBuffer(4))
    claims[0] = 1
    const whole: LifeJob = { ...job, number, sha256: description.sha256, claims, stopFlag }
    for (const port of this.#ports) port.postMessage(whole)
    const results = new Map<number, LifeResult>()
    return {
      claim: (index) => claim(claims, index),
      result: (index) => {
        for (const answer of this.#answers())
          if (answer.job === number) results.set(answer.index, answer.result)
        return results.get(index) ?? null
      },
      close: () => void Atomics.store(stopFlag, 0, 1),
    }
  }

  *#answers(): Iterable<LifeAnswer> {
    for (const port of this.#ports) {
      for (;;) {
        const got: { message: LifeAnswer } | undefined = receiveMessageOnPort(port)
        if (got === undefined) break
        yield got.message
      }
    }
  }

  close(): void {
    for (const port of this.#ports) port.close()
    for (const worker of this.#workers) void worker.terminate()
  }
}
