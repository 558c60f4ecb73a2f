// GET for symbol servers (Microsoft's "HTTP symbol stores"): bounded redirects, time and size. What is not there is asked for
// once in a session, and a server that does not answer, or only drips, is left alone after that.
// Node's own client, not fetch: what is given up is gone, its connection too, so that a debugger that quits does not wait.
import { open } from 'node:fs/promises'
import type { Agent, IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { SymbolsError } from '../errors.ts'
import { type HttpTimes, HttpWatch } from './http-watch.ts'
import type { SymbolEvent } from './symbol-event.ts'

const MAX_REDIRECTS = 5
/** The largest PDBs that linkers write. */
const MAX_BYTES = 0x1_0000_0000
/** Downloads that broke off in the middle or did not end before a server is left alone: one may be the fault of the file. */
const MAX_BROKEN = 2
/** Servers used to answer debuggers alone. */
const USER_AGENT = 'Microsoft-Symbol-Server/10.0 (Dumpstack)'

/** An answer without a file is read up to here, so that its connection can be used again; after a longer one it is closed. */
const MAX_PAGE_BYTES = 0x10000

export interface HttpLimits extends Partial<HttpTimes> {
  readonly maxByteLength?: number
}

export class HttpClient {
  readonly #times: Partial<HttpTimes>
  readonly #maxByteLength: number
  readonly #tell: (event: SymbolEvent) => void
  /** By protocol; made when a server is asked, which few sessions do. */
  readonly #agents = new Map<string, Agent>()
  readonly #absent = new Set<string>()
  readonly #tooLarge = new Map<string, SymbolsError>()
  /** Hosts that are not asked again, and why. */
  readonly #silent = new Map<string, string>()
  readonly #broken = new Map<string, number>()

  constructor({ maxByteLength = MAX_BYTES, ...times }: HttpLimits, tell: (event: SymbolEvent) => void) {
    this.#times = times
    this.#maxByteLength = maxByteLength
    this.#tell = tell
  }

  /** Writes the answer's bytes into a new file; false when the server does not have it. */
  async download(address: string, file: string, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted()
    if (this.#absent.has(address)) return false
    const tooLarge = this.#tooLarge.get(address)
    if (tooLarge !== undefined) throw tooLarge
    const host = hostOf(address)
    const silence = this.#silent.get(host)
    if (silence !== undefined) throw refused(address, `${silence}; not asked again in this session`)
    const watch = new HttpWatch(this.#times, signal)
    try {
      const response = await this.#get(address, watch)
      if (response === null) {
        this.#absent.add(address)
        return false
      }
      await this.#receive(address, response, file, watch)
      return true
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof SymbolsError) {
        if (error.code === 'SYMBOLS_TOO_LARGE') {
          this.#tooLarge.set(address, error)
          this.#judge(host, error.message, watch)
        }
        throw error
      }
      const reason = watch.reason ?? `the connection failed: ${causeOf(error)}`
      this.#judge(host, reason, watch)
      throw refused(address, reason, error)
    } finally {
      watch.stop()
    }
  }

  /** Whether a host that failed so is asked again. */
  #judge(host: string, reason: string, watch: HttpWatch): void {
    const broken = (this.#broken.get(host) ?? 0) + 1
    this.#broken.set(host, broken)
    if (watch.reason === null && watch.receivedBytes > 0 && broken < MAX_BROKEN) return
    this.#silent.set(host, reason)
    this.#tell({ kind: 'silent', host, reason })
  }

  async #receive(address: string, response: IncomingMessage, file: string, watch: HttpWatch): Promise<void> {
    const length = Number(response.headers['content-length'] ?? Number.NaN)
    const expectedBytes = Number.isSafeInteger(length) ? length : null
    const tell = (state: 'running' | 'complete' | 'failed'): void =>
      this.#tell({ kind: 'download', address, byteLength: watch.receivedBytes, expectedBytes, state })
    // Open before anything can go wrong: a stream that opens the file itself may still make it after the caller has tidied up.
    const output = await open(file, 'wx')
    let isComplete = false
    try {
      await pipeline(this.#received(address, response, watch, tell), output.createWriteStream())
      isComplete = true
    } finally {
      tell(isComplete ? 'complete' : 'failed')
    }
  }

  /** Follows redirects; null for 404 and 410. */
  async #get(address: string, watch: HttpWatch): Promise<IncomingMessage | null> {
    let at = new URL(address)
    for (let redirects = 0; ; redirects++) {
      const response = await this.#request(at, watch.signal)
      const { statusCode = 0, statusMessage = '' } = response
      if (statusCode === 200) return response
      await drain(response)
      if (statusCode === 404 || statusCode === 410) return null
      const { location } = response.headers
      if (statusCode < 300 || statusCode > 399 || location === undefined) {
        throw refused(address, `the server answers ${statusCode} ${statusMessage}`.trimEnd())
      }
      if (redirects === MAX_REDIRECTS) throw refused(address, `more than ${MAX_REDIRECTS} redirects`)
      const next = URL.canParse(location, at.href) ? new URL(location, at.href) : null
      if (next === null || !isWebAddress(next) || (at.protocol === 'https:' && next.protocol === 'http:')) {
        throw refused(
          address,
          `it redirects to ${JSON.stringify(location.slice(0, 200))}, which is not followed`,
        )
      }
      at = next
    }
  }

  async #request(address: URL, signal: AbortSignal): Promise<IncomingMessage> {
    const { protocol } = address
    const { Agent, get } = protocol === 'https:' ? await import('node:https') : await import('node:http')
    const agent = this.#agents.get(protocol) ?? new Agent({ keepAlive: true })
    this.#agents.set(protocol, agent)
    const headers = { 'user-agent': USER_AGENT, 'accept-encoding': 'identity' }
    return await new Promise((resolve, reject) => {
      get(address, { signal, headers, agent }, resolve).on('error', reject)
    })
  }

  async *#received(
    address: string,
    response: IncomingMessage,
    watch: HttpWatch,
    tell: (state: 'running') => void,
  ): AsyncGenerator<Uint8Array> {
    watch.answered()
    tell('running')
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      watch.received(chunk.byteLength)
      if (watch.receivedBytes > this.#maxByteLength) {
        throw new SymbolsError('SYMBOLS_TOO_LARGE', `${address} has more than ${this.#maxByteLength} bytes`, {
          address,
        })
      }
      tell('running')
      yield chunk
    }
  }
}

const isWebAddress = ({ protocol }: URL): boolean => protocol === 'http:' || protocol === 'https:'

function hostOf(address: string): string {
  if (!URL.canParse(address) || !isWebAddress(new URL(address))) {
    throw refused(address, 'not an address of a server')
  }
  return new URL(address).host
}

/** Each address of a host is tried: with several, the text is in the parts. */
function causeOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(causeOf).join(', ')
  return error instanceof Error ? error.message : String(error)
}

async function drain(response: IncomingMessage): Promise<void> {
  let byteLength = 0
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    byteLength += chunk.byteLength
    if (byteLength > MAX_PAGE_BYTES) break // which closes it
  }
}

const refused = (address: string, reason: string, cause?: unknown): SymbolsError =>
  new SymbolsError('SYMBOLS_SERVER', `${address}: ${reason}`, { address }, { cause })
