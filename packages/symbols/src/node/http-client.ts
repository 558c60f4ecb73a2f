// GET for symbol servers (Microsoft's "HTTP symbol stores"): bounded redirects, time and size; what is not there is asked
// for once in a session, and a server that does not answer is left alone after that.
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { SymbolsError } from '../errors.ts'

const MAX_REDIRECTS = 5
/** The largest PDBs that linkers write. */
const MAX_BYTES = 0x1_0000_0000
/** Time counts anew whenever this much has come: a server that only drips is slow, too. */
const PROGRESS_BYTES = 0x10000
const TIMEOUT_MS = 30_000
/** Servers used to answer debuggers alone. */
const USER_AGENT = 'Microsoft-Symbol-Server/10.0 (Dumpstack)'

export interface HttpLimits {
  readonly timeoutMs?: number
  readonly maxByteLength?: number
}

export class HttpClient {
  readonly #timeoutMs: number
  readonly #maxByteLength: number
  readonly #absent = new Set<string>()
  readonly #silent = new Map<string, string>()

  constructor({ timeoutMs = TIMEOUT_MS, maxByteLength = MAX_BYTES }: HttpLimits = {}) {
    this.#timeoutMs = timeoutMs
    this.#maxByteLength = maxByteLength
  }

  /** Writes the answer's bytes into a new file; false when the server does not have it. */
  async download(url: string, file: string, signal?: AbortSignal): Promise<boolean> {
    if (this.#absent.has(url)) return false
    const host = hostOf(url)
    const silence = this.#silent.get(host)
    if (silence !== undefined) throw refused(url, `${silence}; not asked again in this session`)
    const watch = new Watch(this.#timeoutMs, signal)
    try {
      const response = await this.#get(url, watch)
      if (response === null) {
        this.#absent.add(url)
        return false
      }
      // Open before anything can go wrong: a stream that opens the file itself may still make it after the caller has tidied up.
      const output = await open(file, 'wx')
      await pipeline(this.#received(url, response, watch), output.createWriteStream())
      return true
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof SymbolsError) throw error
      const reason = watch.isOver
        ? `no progress within ${this.#timeoutMs} ms`
        : `the connection failed: ${causeOf(error)}`
      // A connection that breaks in the middle may be the file's fault; one that never answers is the server's.
      if (watch.receivedBytes === 0) this.#silent.set(host, reason)
      throw refused(url, reason, error)
    } finally {
      watch.stop()
    }
  }

  /** Follows redirects; null for 404 and 410. */
  async #get(url: string, watch: Watch): Promise<Response | null> {
    let at = new URL(url)
    for (let redirects = 0; ; redirects++) {
      const response = await fetch(at.href, {
        redirect: 'manual',
        headers: { 'user-agent': USER_AGENT },
        signal: watch.signal,
      })
      if (response.status === 200) return response
      await response.body?.cancel()
      if (response.status === 404 || response.status === 410) return null
      const location = response.headers.get('location')
      if (response.status < 300 || response.status > 399 || location === null) {
        throw refused(url, `the server answers ${response.status} ${response.statusText}`.trimEnd())
      }
      if (redirects === MAX_REDIRECTS) throw refused(url, `more than ${MAX_REDIRECTS} redirects`)
      const next = URL.canParse(location, at.href) ? new URL(location, at.href) : null
      if (next === null || !isWebAddress(next) || (at.protocol === 'https:' && next.protocol === 'http:')) {
        throw refused(url, `it redirects to ${JSON.stringify(location.slice(0, 200))}, which is not followed`)
      }
      at = next
    }
  }

  async *#received(url: string, response: Response, watch: Watch): AsyncGenerator<Uint8Array> {
    for await (const chunk of response.body ?? []) {
      watch.received(chunk.byteLength)
      if (watch.receivedBytes > this.#maxByteLength) {
        throw new SymbolsError('SYMBOLS_TOO_LARGE', `${url} has more than ${this.#maxByteLength} bytes`, {
          url,
        })
      }
      yield chunk
    }
  }
}

/** Ends a request that makes no progress. */
class Watch {
  receivedBytes = 0
  /** Over by time, or because the user wants no more. */
  readonly signal: AbortSignal
  readonly #abort = new AbortController()
  readonly #timeoutMs: number
  #timer: NodeJS.Timeout
  #nextProgress = 0

  constructor(timeoutMs: number, interrupt: AbortSignal | undefined) {
    this.#timeoutMs = timeoutMs
    this.signal =
      interrupt === undefined ? this.#abort.signal : AbortSignal.any([this.#abort.signal, interrupt])
    this.#timer = this.#start()
  }

  get isOver(): boolean {
    return this.#abort.signal.aborted
  }

  received(byteLength: number): void {
    this.receivedBytes += byteLength
    if (this.receivedBytes < this.#nextProgress) return
    this.#nextProgress = this.receivedBytes + PROGRESS_BYTES
    clearTimeout(this.#timer)
    this.#timer = this.#start()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #start(): NodeJS.Timeout {
    return setTimeout(() => this.#abort.abort(), this.#timeoutMs)
  }
}

const isWebAddress = ({ protocol }: URL): boolean => protocol === 'http:' || protocol === 'https:'

function hostOf(url: string): string {
  if (!URL.canParse(url) || !isWebAddress(new URL(url))) throw refused(url, 'not an address of a server')
  return new URL(url).host
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}

const refused = (url: string, reason: string, cause?: unknown): SymbolsError =>
  new SymbolsError('SYMBOLS_SERVER', `${url}: ${reason}`, { url }, { cause })
