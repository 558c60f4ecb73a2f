// Publics: the names that the linker saw, kept even in stripped PDBs. By name through the hash, by address through the
// address map, which holds offsets of symbol records sorted by segment and offset.

import { RecordBudget, type StreamBytes } from './stream-bytes.ts'
import { hashBytes, PublicsHeader, SymbolHash } from './symbol-hash.ts'
import { type PublicSymbol, PubSym32, publicAt, publicName, symbolRecordAt } from './symbol-records.ts'

export class Publics {
  /** The stream that holds all symbol records. */
  readonly records: StreamBytes
  readonly #hash: SymbolHash
  readonly #addressMap: StreamBytes
  #strays: Map<number, number[]> | null = null

  constructor(stream: StreamBytes, records: StreamBytes, hasMinimalDebugInfo: boolean) {
    const header = stream.struct(PublicsHeader, 0)
    const hash = stream.part('hash table', PublicsHeader.size, header.symHashBytes)
    this.records = records
    this.#hash = new SymbolHash(hash, hasMinimalDebugInfo)
    this.#addressMap = stream.part(
      'address map',
      PublicsHeader.size + header.symHashBytes,
      header.addrMapBytes,
    )
    if (this.#addressMap.byteLength !== this.#hash.length * 4) {
      throw stream.damaged(
        4,
        `the address map has ${this.#addressMap.byteLength / 4} symbols, the hash table has ${this.#hash.length}`,
      )
    }
  }

  get length(): number {
    return this.#hash.length
  }

  /** In order of address, `i` from 0: where its record is. */
  recordOffset(i: number): number {
    return this.#addressMap.view.getUint32(i * 4, true)
  }

  /** Segment and offset of the record at `recordOffset`, without its name. */
  segmentAt(recordOffset: number): number {
    this.records.need(recordOffset, PubSym32.size, 'a public')
    return this.records.view.getUint16(recordOffset + PubSym32.fields.segment.offset, true)
  }
  offsetAt(recordOffset: number): number {
    return this.records.view.getUint32(recordOffset + PubSym32.fields.offset.offset, true)
  }

  at(recordOffset: number): PublicSymbol {
    return publicAt(this.records, recordOffset)
  }

  /** Those whose names hash alike: the caller compares names. */
  *byName(name: string): Generator<PublicSymbol> {
    for (const offset of this.#hash.candidates(name)) yield this.at(offset)
    // lld 16 hashes some names of a .def file with what follows them there, and so files them in a wrong bucket
    // (`DbgPrint` of guest/bin/ntkrnlmp.pdb). The first name that its bucket lacks looks for all of those.
    this.#strays ??= this.#findStrays()
    for (const offset of this.#strays.get(this.#hash.bucketOf(name)) ?? []) yield this.at(offset)
  }

  #findStrays(): Map<number, number[]> {
    const budget = new RecordBudget(this.records)
    return this.#hash.strays((offset) => {
      const { start, end } = publicName(this.records, symbolRecordAt(this.records, offset))
      budget.spend(offset, end - offset)
      return hashBytes(this.records.view, start, end)
    })
  }

  /** In order of address. */
  *[Symbol.iterator](): Generator<PublicSymbol> {
    const budget = new RecordBudget(this.records)
    for (let i = 0; i < this.length; i++) {
      const symbol = this.at(this.recordOffset(i))
      budget.spend(this.recordOffset(i), PubSym32.size + symbol.name.length)
      yield symbol
    }
  }
}
