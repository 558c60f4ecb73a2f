// Globals: data with its type, names of types, constants, and references to the procedures of modules.

import { constantAt } from './numeric-leaf.ts'
import { RecordBudget, type StreamBytes } from './stream-bytes.ts'
import { SymbolHash } from './symbol-hash.ts'
import {
  ConstSym,
  DataSym32,
  nameAfter,
  RefSym2,
  S_CONSTANT,
  S_GDATA32,
  S_GTHREAD32,
  S_LDATA32,
  S_LPROCREF,
  S_LTHREAD32,
  S_PROCREF,
  S_UDT,
  symbolRecordAt,
  UdtSym,
} from './symbol-records.ts'

export type GlobalSymbol =
  | {
      readonly kind: 'data' | 'thread'
      readonly recordOffset: number
      readonly name: string
      readonly type: number
      readonly segment: number
      readonly offset: number
    }
  | {
      readonly kind: 'procedure'
      readonly recordOffset: number
      readonly name: string
      /** Index among the modules, from 0. */
      readonly module: number
      /** The offset of the procedure's record in the module's stream. */
      readonly symbolOffset: number
    }
  | { readonly kind: 'type'; readonly recordOffset: number; readonly name: string; readonly type: number }
  | {
      readonly kind: 'constant'
      readonly recordOffset: number
      readonly name: string
      readonly type: number
      /** null where it is no integer. */
      readonly value: bigint | null
    }
  /** A kind that Dumpstack does not read: annotations, tokens of managed code. */
  | { readonly kind: 'other'; readonly recordOffset: number; readonly name: ''; readonly recordKind: number }

export class Globals {
  readonly #records: StreamBytes
  readonly #hash: SymbolHash

  constructor(stream: StreamBytes, records: StreamBytes, hasMinimalDebugInfo: boolean) {
    this.#records = records
    this.#hash = new SymbolHash(stream, hasMinimalDebugInfo)
  }

  get length(): number {
    return this.#hash.length
  }

  *byName(name: string): Generator<GlobalSymbol> {
    for (const offset of this.#hash.candidates(name)) yield this.#at(offset)
  }

  /** In order of the hash table. */
  *[Symbol.iterator](): Generator<GlobalSymbol> {
    const budget = new RecordBudget(this.#records)
    for (let i = 0; i < this.length; i++) {
      const symbol = this.#at(this.#hash.symbolOffset(i))
      budget.spend(symbol.recordOffset, UdtSym.size + symbol.name.length)
      yield symbol
    }
  }

  #at(recordOffset: number): GlobalSymbol {
    const records = this.#records
    const record = symbolRecordAt(records, recordOffset)
    switch (record.kind) {
      case S_GDATA32:
      case S_LDATA32:
      case S_GTHREAD32:
      case S_LTHREAD32: {
        const { type, segment, offset } = records.struct(DataSym32, recordOffset)
        const kind = record.kind === S_GDATA32 || record.kind === S_LDATA32 ? 'data' : 'thread'
        return { kind, recordOffset, name: nameAfter(records, record, DataSym32.size), type, segment, offset }
      }
      case S_PROCREF:
      case S_LPROCREF: {
        const { module, symOffset } = records.struct(RefSym2, recordOffset)
        const name = nameAfter(records, record, RefSym2.size)
        // Modules are counted from 1 here.
        return { kind: 'procedure', recordOffset, name, module: module - 1, symbolOffset: symOffset }
      }
      case S_UDT: {
        const { type } = records.struct(UdtSym, recordOffset)
        return { kind: 'type', recordOffset, name: nameAfter(records, record, UdtSym.size), type }
      }
      case S_CONSTANT: {
        const { type } = records.struct(ConstSym, recordOffset)
        const { value, end } = constantAt(records, recordOffset + ConstSym.fields.value.offset)
        const name = nameAfter(records, record, end - recordOffset)
        return { kind: 'constant', recordOffset, name, type, value }
      }
      default:
        return { kind: 'other', recordOffset, name: '', recordKind: record.kind }
    }
  }
}
