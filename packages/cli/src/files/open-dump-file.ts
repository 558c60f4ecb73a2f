// Opens a dump file as the kit does: while another process holds it (WerFault still writes), again every five minutes.
import { setTimeout as delay } from 'node:timers/promises'
import { FileSource, isSystemError } from '@dumpstack/bytes/node'
import { DUMP_RETRY_MS, IN_USE, IN_USE_ADVICE, type Say } from '@dumpstack/crashtest'
import { readNamed } from './named-input.ts'

/** What Node makes of ERROR_SHARING_VIOLATION. */
const SHARING_VIOLATION = 'EBUSY'

export interface OpenOptions {
  readonly say: Say
  readonly signal: AbortSignal
  open?(file: string): FileSource
  sleep?(ms: number, signal: AbortSignal): Promise<void>
}

/** Throws UsageError for a file that is not there or is none, RunError HOST_IO, and the signal's reason. */
export async function openDumpFile(file: string, options: OpenOptions): Promise<FileSource> {
  const { say, signal, open = (name) => new FileSource(name), sleep = pause } = options
  for (;;) {
    try {
      return open(file)
    } catch (error) {
      if (!isSystemError(error) || error.code !== SHARING_VIOLATION) {
        return readNamed(file, () => {
          throw error
        })
      }
    }
    say(IN_USE)
    say(IN_USE_ADVICE)
    await sleep(DUMP_RETRY_MS, signal)
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal })
  } finally {
    signal.throwIfAborted()
  }
}
