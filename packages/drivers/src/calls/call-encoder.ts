// Writes what an observer sees of one start as a record. A call without events inside is one record. After `headBytes` only the
// newest events are kept, in two segments of memory of which the older is dropped; their numbers and what lies between are said at the end.
import type { DeviceAccess } from '@dumpstack/cpu'
import type { RegisterWindow } from '@dumpstack/machine'
import type { ObservedPlace, SysObserver } from '../sys/sys-observer.ts'
import {
  CALLS_MAGIC,
  LIVES,
  MAX_ARGUMENTS,
  MAX_DEPTH,
  NAME_BYTES,
  RECORD_BYTES,
  Tag,
  WINDOW_KINDS,
} from './format.ts'
import { RecordWriter } from './record-writer.ts'

const CHUNK_BYTES = 0x10000
const DEFAULT_HEAD_BYTES = 48 * 2 ** 20
const DEFAULT_TAIL_BYTES = 8 * 2 ** 20
const TWO_TO_32 = 0x100000000
const LEVELS = 16
/** Further places have no address in the record. */
const MAX_SITES = 0x10000

export interface CallEncoderOptions {
  /** Takes the bytes of the record in order; they are its own only during the call. */
  readonly write: (bytes: Uint8Array) => void
  /** A name for a place in the driver, from its PDB. */
  readonly nameAt: (rva: number) => string | null
  readonly headBytes?: number
  readonly tailBytes?: number
}

const NO_SITE = { life: 'runtime', module: '', routine: '', rva: null, irql: -1, id: 0 } as const

interface Counts {
  calls: number
  accesses: number
}

/** Newest events after the head. */
interface Segment extends Counts {
  readonly writer: RecordWriter
}

export class CallEncoder implements SysObserver {
  readonly #write: (bytes: Uint8Array) => void
  readonly #nameAt: (rva: number) => string | null
  readonly #headBytes: number
  readonly #segmentBytes: number
  readonly #names = new Map<string, number>()
  readonly #sites = new Map<number, number>()
  /** By name: the arguments of its last call. */
  readonly #lastArgs: (readonly bigint[])[] = []
  readonly #open = new Int32Array(MAX_DEPTH)
  readonly #openSites = new Int32Array(MAX_DEPTH)
  /** Drivers poll: the next event is often at the place of the last one. */
  #lastSite: Omit<ObservedPlace, 'atNs'> & { readonly id: number } = NO_SITE
  readonly #total: Counts = { calls: 0, accesses: 0 }
  #windows: readonly RegisterWindow[] = []
  #headLength = 0
  readonly #inHead: Counts = { calls: 0, accesses: 0 }
  /** Where events go: the head's chunk, then the younger segment. */
  #out = new RecordWriter(CHUNK_BYTES + RECORD_BYTES)
  #definitions = this.#out
  #older: Segment | null = null
  #younger: Segment | null = null
  #lastNs = 0
  #depth = 0
  /** Calls that are too deep to keep. */
  #tooDeep = 0
  // A call that may have no events inside.
  #isPending = false
  #pendingSite = 0
  #pendingName = 0
  #pendingAt = 0
  #pendingArgs: readonly bigint[] = []

  constructor({ write, nameAt, headBytes, tailBytes }: CallEncoderOptions) {
    this.#write = write
    this.#nameAt = nameAt
    this.#headBytes = headBytes ?? DEFAULT_HEAD_BYTES
    this.#segmentBytes = (tailBytes ?? DEFAULT_TAIL_BYTES) / 2
    this.#out.raw(CALLS_MAGIC)
  }

  starts(windows: readonly RegisterWindow[]): void {
    const out = this.#out
    this.#windows = windows
    for (const window of windows) {
      this.#room()
      const controller = this.#name(window.controller)
      const model = this.#name(window.model)
      out.byte(Tag.window)
      out.byte(WINDOW_KINDS.indexOf(window.kind))
      out.byte(window.bar)
      out.number(controller)
      out.number(model)
      out.number(window.base)
      out.number(window.byteLength)
    }
  }

  /** Keeps `args` until the next call of that name. */
  callBegins(place: ObservedPlace, name: string, args: readonly bigint[]): void {
    if (this.#isPending) this.#flushPending()
    this.#total.calls++
    if (this.#depth === MAX_DEPTH) {
      this.#tooDeep++
      return
    }
    this.#room()
    this.#pendingSite = this.#site(place)
    this.#pendingName = this.#name(name)
    this.#pendingAt = place.atNs
    this.#pendingArgs = args
    this.#isPending = true
  }

  callEnds(atNs: number, result: bigint | null): void {
    if (this.#tooDeep > 0) {
      this.#tooDeep--
      return
    }
    if (this.#isPending && result !== null) {
      this.#isPending = false
      this.#call(Tag.call)
      this.#time(atNs)
      this.#out.wide(result)
      return
    }
    if (this.#isPending) this.#flushPending()
    this.#room()
    this.#out.byte(result === null ? Tag.callStops : Tag.callReturns)
    this.#time(atNs)
    if (result !== null) this.#out.wide(result)
    if (this.#depth > 0) this.#depth--
  }

  deviceAccess(place: ObservedPlace, access: DeviceAccess): void {
    if (this.#isPending) this.#flushPending()
    this.#room()
    const site = this.#site(place)
    const out = this.#out
    const width = access.byteLength === 4 ? 2 : access.byteLength === 2 ? 1 : 0
    out.byte(Tag.access + width * 2 + (access.direction === 'write' ? 1 : 0))
    out.number(site)
    this.#time(place.atNs)
    this.#address(access)
    out.wide(access.value)
    this.#count().accesses++
    this.#total.accesses++
  }

  /** Hands over what is kept of the head. */
  flush(): void {
    if (this.#younger === null) this.#handOver(this.#out)
  }

  /** Ends the record: what the tail holds, and the totals. */
  end(): void {
    if (this.#isPending) this.#flushPending()
    const out = this.#definitions
    const kept = [this.#older, this.#younger].filter((segment) => segment !== null)
    const cut = (field: keyof Counts): number =>
      kept.reduce((left, segment) => left - segment[field], this.#total[field] - this.#inHead[field])
    if (cut('calls') + cut('accesses') > 0) {
      out.reserve(RECORD_BYTES)
      out.byte(Tag.gap)
      out.number(cut('calls'))
      out.number(cut('accesses'))
    }
    this.#handOver(out)
    for (const { writer } of kept) this.#handOver(writer)
    out.reserve(RECORD_BYTES)
    out.byte(Tag.end)
    out.number(this.#total.calls)
    out.number(this.#total.accesses)
    this.#handOver(out)
  }

  #handOver(writer: RecordWriter): void {
    if (writer.length > 0) this.#write(writer.bytes.subarray(0, writer.length))
    if (writer === this.#out && this.#younger === null) this.#headLength += writer.length
    writer.length = 0
  }

  /** For one record and what defines its parts. */
  #room(): void {
    const out = this.#out
    if (this.#younger === null) {
      if (out.length < Math.min(CHUNK_BYTES, this.#headBytes)) return
      this.#handOver(out)
      if (this.#headLength < this.#headBytes) return
      this.#definitions = new RecordWriter(RECORD_BYTES)
      this.#nextSegment()
    } else if (out.length >= this.#segmentBytes) this.#nextSegment()
  }

  #nextSegment(): void {
    const writer = this.#older?.writer ?? new RecordWriter(this.#segmentBytes + RECORD_BYTES)
    writer.length = 0
    this.#older = this.#younger
    this.#younger = { writer, calls: 0, accesses: 0 }
    this.#out = writer
    this.#lastArgs.length = 0
    writer.byte(Tag.segment)
    writer.number(this.#lastNs)
    writer.byte(this.#depth)
    for (let level = 0; level < this.#depth; level++) {
      writer.number(this.#open[level]!)
      writer.number(this.#openSites[level]!)
    }
  }

  #count(): Counts {
    return this.#younger ?? this.#inHead
  }

  #flushPending(): void {
    this.#isPending = false
    this.#call(Tag.callBegins)
    this.#open[this.#depth] = this.#pendingName
    this.#openSites[this.#depth] = this.#pendingSite
    this.#depth++
  }

  #call(tag: number): void {
    const out = this.#out
    const name = this.#pendingName
    const args = this.#pendingArgs
    const count = Math.min(args.length, MAX_ARGUMENTS)
    out.byte(tag)
    out.number(this.#pendingSite)
    this.#time(this.#pendingAt)
    out.number(name)
    out.byte(count)
    const last = this.#lastArgs[name]
    let changed = 0
    for (let index = 0; index < count; index++) if (last?.[index] !== args[index]) changed |= 1 << index
    out.number(changed)
    for (let index = 0; index < count; index++) if ((changed & (1 << index)) !== 0) out.wide(args[index]!)
    this.#lastArgs[name] = args
    this.#count().calls++
  }

  /** Times never go back: what is older than the last event has its time. */
  #time(atNs: number): void {
    const now = Math.max(this.#lastNs, Math.floor(atNs))
    this.#out.number(now - this.#lastNs)
    this.#lastNs = now
  }

  #address({ kind, address }: DeviceAccess): void {
    const windows = this.#windows
    for (let index = 0; index < windows.length; index++) {
      const window = windows[index]!
      if (window.kind !== kind) continue
      const offset = address - window.base
      if (offset < 0 || offset >= window.byteLength) continue
      this.#out.number(index + 1)
      this.#out.number(offset)
      return
    }
    this.#out.number(0)
    this.#out.number(address)
  }

  #site(place: ObservedPlace): number {
    const { life, routine, irql } = place
    const last = this.#lastSite
    if (
      place.rva === last.rva &&
      routine === last.routine &&
      irql === last.irql &&
      life === last.life &&
      place.module === last.module
    )
      return last.id
    const rva = this.#sites.size < MAX_SITES ? place.rva : null
    const lifeIndex = LIVES.indexOf(life)
    const routineName = this.#name(routine)
    const key =
      ((routineName * LIVES.length + lifeIndex) * LEVELS + irql) * TWO_TO_32 + (rva ?? TWO_TO_32 - 1)
    const id = this.#sites.get(key) ?? this.#defineSite(key, place, rva, routineName, lifeIndex)
    this.#lastSite = { life, routine, irql, module: place.module, rva: place.rva, id }
    return id
  }

  #defineSite(
    key: number,
    { module, irql }: ObservedPlace,
    rva: number | null,
    routineName: number,
    lifeIndex: number,
  ): number {
    const moduleName = this.#name(module)
    const symbol = rva === null ? null : this.#nameAt(rva)
    const symbolName = symbol === null ? 0 : this.#name(symbol)
    const out = this.#definitions
    out.reserve(RECORD_BYTES)
    out.byte(Tag.site)
    out.byte(lifeIndex)
    out.byte(irql)
    out.number(moduleName)
    out.number(routineName)
    out.number(rva === null ? 0 : rva + 1)
    out.number(symbolName)
    const id = this.#sites.size + 1
    this.#sites.set(key, id)
    return id
  }

  #name(text: string): number {
    const known = this.#names.get(text)
    if (known !== undefined) return known
    let bytes = new TextEncoder().encode(text)
    if (bytes.byteLength > NAME_BYTES) bytes = new TextEncoder().encode(text.slice(0, NAME_BYTES / 4))
    const out = this.#definitions
    out.reserve(RECORD_BYTES)
    out.byte(Tag.name)
    out.number(bytes.byteLength)
    out.raw(bytes)
    const id = this.#names.size + 1
    this.#names.set(text, id)
    return id
  }
}
