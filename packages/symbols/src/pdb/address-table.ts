// Publics and global data by address: one sorted table, made with the first address that is asked for. Names are read
// one by one, when they are needed.
import { countBefore } from '@dumpstack/bytes'
import type { NamedSymbol } from '../symbol-file.ts'
import type { Globals } from './globals.ts'
import type { Publics } from './publics.ts'
import type { Placed, Segments } from './segments.ts'

export interface PlacedSymbol extends NamedSymbol, Placed {}

export class AddressTable {
  readonly #data: readonly PlacedSymbol[]
  readonly #publics: Publics | null
  readonly #segments: Segments
  /** Source RVAs, ascending, each once. */
  readonly #starts: Uint32Array
  /** Offset of the public's record, or -1 - index of the data. */
  readonly #owners: Float64Array
  readonly #symbols: (PlacedSymbol | undefined)[]

  constructor(publics: Publics | null, data: readonly PlacedSymbol[], segments: Segments) {
    this.#publics = publics
    this.#segments = segments
    this.#data = data
    const most = (publics?.length ?? 0) + data.length
    const starts = new Uint32Array(most)
    const owners = new Float64Array(most)
    let count = 0
    // Data first: where a public has the same address, the name that the programmer wrote is the better one.
    for (const [i, { sourceRva }] of data.entries()) {
      starts[count] = sourceRva
      owners[count++] = -1 - i
    }
    for (let i = 0; publics !== null && i < publics.length; i++) {
      const record = publics.recordOffset(i)
      const segment = publics.segmentAt(record)
      const sourceRva = segments.sourceRvaOf(segment, publics.offsetAt(record))
      if (sourceRva < 0) continue
      starts[count] = sourceRva
      owners[count++] = record
    }
    const order = new Uint32Array(count)
    let isAscending = true
    for (let i = 0; i < count; i++) {
      order[i] = i
      if (i > 0 && starts[i - 1]! > starts[i]!) isAscending = false
    }
    // Publics alone are in order already.
    if (!isAscending) order.sort((a, b) => starts[a]! - starts[b]! || a - b)
    this.#starts = new Uint32Array(count)
    this.#owners = new Float64Array(count)
    let kept = 0
    for (const i of order) {
      if (kept > 0 && this.#starts[kept - 1] === starts[i]) continue
      this.#starts[kept] = starts[i]!
      this.#owners[kept++] = owners[i]!
    }
    this.#starts = this.#starts.subarray(0, kept)
    this.#symbols = Array.from({ length: kept })
  }

  /** The last symbol at or below an address; null below the first. */
  nearest(sourceRva: number): PlacedSymbol | null {
    const starts = this.#starts
    const count = countBefore(starts.length, (i) => starts[i]! <= sourceRva)
    if (count === 0) return null
    this.#symbols[count - 1] ??= this.#read(count - 1)
    return this.#symbols[count - 1]!
  }

  #read(i: number): PlacedSymbol {
    const owner = this.#owners[i]!
    if (owner < 0) return this.#data[-1 - owner]!
    const sourceRva = this.#starts[i]!
    return {
      name: this.#publics!.at(owner).name,
      rva: this.#segments.fromSource(sourceRva),
      sourceRva,
      kind: 'public',
    }
  }
}

/** All global data that has, or had, an address. */
export function dataWithAddresses(globals: Globals | null, segments: Segments): PlacedSymbol[] {
  const data: PlacedSymbol[] = []
  for (const symbol of globals ?? []) {
    if (symbol.kind !== 'data') continue
    const place = segments.place(symbol.segment, symbol.offset)
    if (place !== null) data.push({ name: symbol.name, ...place, kind: 'data' })
  }
  return data
}
