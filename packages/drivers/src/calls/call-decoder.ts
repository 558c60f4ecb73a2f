// Reads a record of calls, one event at a time. A record that ends inside an event is a killed run's; anything else that does
// not fit raises DriversError CALLS_DAMAGED.
import type { RegisterWindow } from '@dumpstack/machine'
import { DriversError } from '../errors.ts'
import type { CallEvent, RecordedSite } from './call-event.ts'
import { CALLS_MAGIC, LIVES, MAX_ARGUMENTS, MAX_DEPTH, NAME_BYTES, Tag, WINDOW_KINDS } from './format.ts'
import { CutOff, RecordReader } from './record-reader.ts'

const LEVELS = 16
/** Base address registers, and windows of legacy ports. */
const MAX_WINDOWS = 16
const WIDTHS = [1, 2, 4] as const

/** `place` names the record in errors. Throws DriversError CALLS_DAMAGED, CALLS_UNKNOWN. */
export function* readCalls(chunks: Iterable<Uint8Array>, place: string): Generator<CallEvent> {
  const reader = new RecordReader(chunks, place)
  const decoder = new Decoder(reader)
  try {
    if (!reader.next()) return
    checkMagic(reader, place)
    while (!decoder.hasEnded && reader.next()) {
      const event = decoder.record()
      if (event !== null) yield event
    }
    if (decoder.hasEnded && reader.next()) throw reader.damaged('bytes follow the end of the record')
  } catch (error) {
    if (!(error instanceof CutOff)) throw error
  }
}

function checkMagic(reader: RecordReader, place: string): void {
  const found = reader.raw(CALLS_MAGIC.byteLength)
  if (CALLS_MAGIC.every((byte, index) => byte === found[index])) return
  const shown = Array.from(found, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
  throw new DriversError(
    'CALLS_UNKNOWN',
    `${place} begins with ${shown}, expected DSCALLS and version 1: no record of calls, or one of another version`,
  )
}

class Decoder {
  hasEnded = false
  readonly #reader: RecordReader
  readonly #names: string[] = []
  readonly #sites: RecordedSite[] = []
  readonly #windows: RegisterWindow[] = []
  #lastArgs = new Map<string, readonly bigint[]>()
  #open: { readonly name: string; readonly site: RecordedSite }[] = []
  #nowNs = 0

  constructor(reader: RecordReader) {
    this.#reader = reader
  }

  /** The next record; null for one that only defines what others mean. */
  record(): CallEvent | null {
    const reader = this.#reader
    const tag = reader.byte()
    switch (tag) {
      case Tag.window:
        this.#windows.push(this.#window())
        return null
      case Tag.name:
        this.#names.push(this.#text())
        return null
      case Tag.site:
        this.#sites.push(this.#site())
        return null
      case Tag.segment:
        this.#segment()
        return null
      case Tag.call:
      case Tag.callBegins:
        return this.#call(tag === Tag.callBegins)
      case Tag.callReturns:
      case Tag.callStops:
        return this.#callEnds(tag === Tag.callStops)
      case Tag.gap:
        return { kind: 'gap', calls: reader.number(), accesses: reader.number() }
      case Tag.end: {
        const end = { kind: 'end', calls: reader.number(), accesses: reader.number() } as const
        this.hasEnded = true
        return end
      }
      default:
        if (tag >= Tag.access && tag <= Tag.lastAccess) return this.#access(tag - Tag.access)
        throw reader.damaged(`record 0x${tag.toString(16)} is unknown`)
    }
  }

  #text(): string {
    const reader = this.#reader
    const byteLength = reader.number()
    if (byteLength > NAME_BYTES) throw reader.damaged(`a name has ${byteLength} bytes, at most ${NAME_BYTES}`)
    return new TextDecoder().decode(reader.raw(byteLength))
  }

  /** Numbers of what was defined begin with 1. */
  #known<T>(list: readonly T[], what: string): T {
    const number = this.#reader.number()
    const found = list[number - 1]
    if (found !== undefined) return found
    throw this.#reader.damaged(`${what} ${number} is not defined, there are ${list.length}`)
  }

  #window(): RegisterWindow {
    const reader = this.#reader
    const kind = WINDOW_KINDS[reader.below(WINDOW_KINDS.length, 'kind of window')]!
    const bar = reader.below(MAX_WINDOWS, 'number of a window')
    const controller = this.#known(this.#names, 'name')
    const model = this.#known(this.#names, 'name')
    const base = reader.number()
    const byteLength = reader.number()
    return { controller, model, bar, kind, base, byteLength }
  }

  #site(): RecordedSite {
    const reader = this.#reader
    const life = LIVES[reader.below(LIVES.length, 'life')]!
    const irql = reader.below(LEVELS, 'IRQL')
    const module = this.#known(this.#names, 'name')
    const routine = this.#known(this.#names, 'name')
    const rva = reader.number()
    const symbol = reader.number()
    if (symbol > this.#names.length) throw reader.damaged(`name ${symbol} is not defined`)
    return {
      life,
      irql,
      module,
      routine,
      rva: rva === 0 ? null : rva - 1,
      symbol: symbol === 0 ? null : this.#names[symbol - 1]!,
    }
  }

  #segment(): void {
    const reader = this.#reader
    const at = reader.number()
    if (at < this.#nowNs)
      throw reader.damaged(`a segment begins at ${at} ns, the one before went to ${this.#nowNs}`)
    this.#nowNs = at
    const depth = reader.below(MAX_DEPTH + 1, 'depth')
    this.#open = Array.from({ length: depth }, () => ({
      name: this.#known(this.#names, 'name'),
      site: this.#known(this.#sites, 'site'),
    }))
    this.#lastArgs = new Map()
  }

  #call(hasInside: boolean): CallEvent {
    const reader = this.#reader
    const site = this.#known(this.#sites, 'site')
    const atNs = this.#time()
    const name = this.#known(this.#names, 'name')
    const count = reader.below(MAX_ARGUMENTS + 1, 'count of arguments')
    const changed = reader.number()
    if (changed >= 2 ** count)
      throw reader.damaged(`argument mask 0x${changed.toString(16)} of ${count} arguments`)
    const last = this.#lastArgs.get(name)
    const args: bigint[] = []
    for (let index = 0; index < count; index++) {
      const value = (changed & (1 << index)) !== 0 ? reader.wide() : last?.[index]
      if (value === undefined)
        throw reader.damaged(`argument ${index} of ${name} is as in its last call, and there is none`)
      args.push(value)
    }
    this.#lastArgs.set(name, args)
    const depth = this.#open.length
    if (!hasInside) {
      const endNs = this.#time()
      return {
        kind: 'call',
        site,
        atNs,
        depth,
        name,
        args,
        ended: { tookNs: endNs - atNs, result: reader.wide() },
      }
    }
    if (depth === MAX_DEPTH) throw reader.damaged(`calls are nested deeper than ${MAX_DEPTH}`)
    this.#open.push({ name, site })
    return { kind: 'call', site, atNs, depth, name, args, ended: null }
  }

  #callEnds(isStop: boolean): CallEvent {
    const reader = this.#reader
    const atNs = this.#time()
    const call = this.#open.pop()
    if (call === undefined) throw reader.damaged('a call ends that has not begun')
    const result = isStop ? null : reader.wide()
    return { kind: isStop ? 'stop' : 'return', ...call, atNs, depth: this.#open.length, result }
  }

  #access(variety: number): CallEvent {
    const reader = this.#reader
    const site = this.#known(this.#sites, 'site')
    const atNs = this.#time()
    const window = reader.number()
    if (window > this.#windows.length) throw reader.damaged(`window ${window} is not defined`)
    return {
      kind: 'access',
      site,
      atNs,
      depth: this.#open.length,
      direction: variety % 2 === 1 ? 'write' : 'read',
      byteLength: WIDTHS[variety >>> 1]!,
      window: window === 0 ? null : this.#windows[window - 1]!,
      offset: reader.number(),
      value: reader.wide(),
    }
  }

  #time(): number {
    this.#nowNs += this.#reader.number()
    if (this.#nowNs > Number.MAX_SAFE_INTEGER) throw this.#reader.damaged('the time is above 2^53 - 1 ns')
    return this.#nowNs
  }
}
