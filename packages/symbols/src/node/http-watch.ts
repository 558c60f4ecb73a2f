// Ends a request that takes too long: one that is not answered, one that stops or only drips, and one that never ends.

export interface HttpTimes {
  /** From the request to the head of the answer, through name look-up, connection and redirects. */
  readonly answerMs: number
  /** Each span of this length has to bring MIN_BYTES: 4 KB a second, less than any line over which symbols are loaded. */
  readonly spanMs: number
  /** The whole of one file: a PDB of 1 GB over 3 Mbit/s. */
  readonly totalMs: number
}
const TIMES: HttpTimes = { answerMs: 20_000, spanMs: 15_000, totalMs: 3_600_000 }
const MIN_BYTES = 0x10000

export class HttpWatch {
  receivedBytes = 0
  /** Why the request was ended by time; null when it was not. */
  reason: string | null = null
  /** Over by time, or because the user wants no more. */
  readonly signal: AbortSignal
  readonly #abort = new AbortController()
  readonly #times: HttpTimes
  readonly #interrupt: AbortSignal | undefined
  readonly #total: NodeJS.Timeout
  #timer: NodeJS.Timeout
  #spanBytes = 0

  constructor(times: Partial<HttpTimes>, interrupt: AbortSignal | undefined) {
    this.#times = { ...TIMES, ...times }
    this.signal = this.#abort.signal
    this.#interrupt = interrupt
    interrupt?.addEventListener('abort', this.#onInterrupt)
    const { answerMs, totalMs } = this.#times
    this.#timer = setTimeout(() => this.#end(`no answer within ${answerMs} ms`), answerMs)
    this.#total = setTimeout(() => this.#end(`not complete within ${totalMs} ms`), totalMs)
  }

  /** The head of the answer is here: from now on its bytes are counted. */
  answered(): void {
    clearTimeout(this.#timer)
    const { spanMs } = this.#times
    this.#timer = setInterval(() => {
      if (this.#spanBytes < MIN_BYTES) this.#end(`only ${this.#spanBytes} bytes within ${spanMs} ms`)
      this.#spanBytes = 0
    }, spanMs)
  }

  received(byteLength: number): void {
    this.receivedBytes += byteLength
    this.#spanBytes += byteLength
  }

  stop(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#total)
    this.#interrupt?.removeEventListener('abort', this.#onInterrupt)
  }

  readonly #onInterrupt = (): void => this.#abort.abort(this.#interrupt?.reason)

  #end(reason: string): void {
    this.reason = reason
    this.#abort.abort()
  }
}
