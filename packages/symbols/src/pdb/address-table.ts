// Publics and global data by address: one sorted table of RVAs, made with the first address that is asked for. Names
// are read one by one, when they are needed.
import type { NamedSymbol } from '../symbol-file.ts'
import type { Globals } from './globals.ts'
import type { Publics } from './publics.ts'
import type { Segments } from './segments.ts'

export class AddressTable {
  readonly #publics: Publics | null
  /** Ascending, each once. */
  readonly #rvas: Uint32Array
  /** Offset of the public's record, or -1 - index of the data. */
  readonly #owners: Float64Array
  readonly #data: readonly NamedSymbol[]
  readonly #symbols: (NamedSymbol | undefined)[]

  constructor(publics: Publics | null, globals: Globals | null, segments: Segments) {
    this.#publics = publics
    this.#data = dataWithAddresses(globals, segments)
    const most = (publics?.length ?? 0) + this.#data.length
    const rvas = new Uint32Array(most)
    const owners = new Float64Array(most)
    let count = 0
    // Data first: where a public has the same address, the name that the programmer wrote is the better one.
    for (const [i, { rva }] of this.#data.entries()) {
      rvas[count] = rva
      owners[count++] = -1 - i
    }
    for (let i = 0; publics !== null && i < publics.length; i++) {
      const record = publics.recordOffset(i)
      const segment = publics.segmentAt(record)
      const rva = segments.rvaOf(segment, publics.offsetAt(record))
      if (rva < 0) continue
      rvas[count] = rva
      owners[count++] = record
    }
    const order = new Uint32Array(count).map((_, i) => i)
    order.sort((a, b) => rvas[a]! - rvas[b]! || a - b)
    this.#rvas = new Uint32Array(count)
    this.#owners = new Float64Array(count)
    let kept = 0
    for (const i of order) {
      if (kept > 0 && this.#rvas[kept - 1] === rvas[i]) continue
      this.#rvas[kept] = rvas[i]!
      this.#owners[kept++] = owners[i]!
    }
    this.#rvas = this.#rvas.subarray(0, kept)
    this.#symbols = Array.from({ length: kept })
  }

  /** Of the last symbol at or below `rva`; null below the first. */
  nearest(rva: number): NamedSymbol | null {
    const rvas = this.#rvas
    let low = 0
    let high = rvas.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (rvas[middle]! <= rva) low = middle + 1
      else high = middle
    }
    if (low === 0) return null
    const i = low - 1
    this.#symbols[i] ??= this.#read(i)
    return this.#symbols[i]!
  }

  /** All global data that has an address. */
  get data(): readonly NamedSymbol[] {
    return this.#data
  }

  #read(i: number): NamedSymbol {
    const owner = this.#owners[i]!
    if (owner < 0) return this.#data[-1 - owner]!
    return { name: this.#publics!.at(owner).name, rva: this.#rvas[i]!, kind: 'public' }
  }
}

function dataWithAddresses(globals: Globals | null, segments: Segments): NamedSymbol[] {
  const data: NamedSymbol[] = []
  for (const symbol of globals ?? []) {
    if (symbol.kind !== 'data') continue
    const rva = segments.rvaOf(symbol.segment, symbol.offset)
    if (rva >= 0) data.push({ name: symbol.name, rva, kind: 'data' })
  }
  return data
}
