// A command that runs guest code does so in a thread of its own (docs/adr/0024): a signal arrives in the turn of an event loop, and while guest
// code runs there is none. The main thread receives signals, sets the flag that guest code looks at, and passes on what the thread prints.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Interrupted } from '@dumpstack/bytes'
import { EXIT_INTERRUPTED } from './exit-code.ts'

/**
 * How long a thread that was told to stop may work: a step that looks at no flag ends as if the process were killed, which runs survive. Of
 * processor time, so that a busy host does not end it early; MAX_MS bounds the elapsed time of a thread that no longer works.
 */
const PATIENCE_MS = 700
const MAX_MS = 5000
const LOOK_MS = 100

interface Terminal {
  readonly isTTY: boolean
  readonly columns: number | undefined
}

interface ThreadData {
  readonly isDumpstack: true
  /** Shared: its first element is not 0 once the command is to stop. */
  readonly stopFlag: Int32Array
  readonly stdout: Terminal
  readonly stderr: Terminal
}

/** From the thread: whether signals are passed on to it, which otherwise end the process; and what is printed where it does not answer. */
interface Wish {
  readonly catches: boolean
  readonly lastWords: string
}

const isThreadData = (data: unknown): data is ThreadData =>
  typeof data === 'object' && data !== null && 'isDumpstack' in data

const given: unknown = workerData
const own: ThreadData | null = !isMainThread && isThreadData(given) ? given : null

/** Runs `program` in a thread with the arguments of this process, and answers its exit code. Called in the main thread. */
export async function runInThread(program: string): Promise<number> {
  const { stdout, stderr } = process
  const stopFlag = new Int32Array(new SharedArrayBuffer(4))
  const data: ThreadData = {
    isDumpstack: true,
    stopFlag,
    stdout: terminalOf(stdout),
    stderr: terminalOf(stderr),
  }
  const worker = new Worker(new URL(program), { argv: process.argv.slice(2), workerData: data })
  let lastWords = ''
  let catches = false
  let patience: NodeJS.Timeout | undefined
  const onSignal = async (): Promise<void> => {
    if (Atomics.exchange(stopFlag, 0, 1) !== 0) process.exit(EXIT_INTERRUPTED)
    worker.postMessage(null)
    const before = process.cpuUsage()
    const stoppedAt = performance.now()
    const { tell } = await import('../terminal/terminal.ts')
    if (!catches) return
    patience = setInterval(() => {
      const { user, system } = process.cpuUsage(before)
      if ((user + system) / 1000 < PATIENCE_MS && performance.now() - stoppedAt < MAX_MS) return
      tell(`${new Interrupted().message}, in the middle of a step`)
      if (lastWords !== '') tell(lastWords)
      process.exit(EXIT_INTERRUPTED)
    }, LOOK_MS).unref()
  }
  const listener = (): void => void onSignal()
  worker.on('message', (wish: Wish) => {
    ;({ catches, lastWords } = wish)
    if (!catches) clearInterval(patience) // it has stopped, and says so itself
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.off(name, listener)
      if (catches) process.on(name, listener)
    }
  })
  return await new Promise((resolve, reject) => {
    worker.on('error', reject)
    worker.on('exit', resolve)
  })
}

const terminalOf = ({ isTTY, columns }: NodeJS.WriteStream): Terminal => ({ isTTY: isTTY === true, columns })

/** The streams of a thread do not know that they end at a terminal. */
export function adoptTerminals(): void {
  if (own === null) return
  Object.assign(process.stdout, own.stdout)
  Object.assign(process.stderr, own.stderr)
}

/** What a thread shares with the one that receives signals; null in that one itself. */
export const sharedStop: {
  readonly flag: Int32Array
  /** From now on signals stop the command: `stopped` is called in the next turn. Answers how to end that. */
  listen(stopped: () => void, lastWords: string): () => void
} | null =
  own === null
    ? null
    : {
        flag: own.stopFlag,
        listen(stopped, lastWords) {
          const port = parentPort! // a thread has one
          const wish = (catches: boolean): void => port.postMessage({ catches, lastWords } satisfies Wish)
          port.on('message', stopped)
          port.unref() // listening keeps no thread alive
          wish(true)
          return () => {
            port.off('message', stopped)
            wish(false)
          }
        },
      }
