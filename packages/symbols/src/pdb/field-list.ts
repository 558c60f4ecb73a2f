// LF_FIELDLIST: the members of a class, structure or union, or the values of an enumeration. A long list goes on in
// other records; each is read once, whatever they say of one another.
import { hex } from '@dumpstack/bytes'
import { SymbolsError } from '../errors.ts'
import { numericLeafAt } from './numeric-leaf.ts'
import type { StreamBytes } from './stream-bytes.ts'
import { LF_FIELDLIST } from './type-leaves.ts'
import type { TypeRecord, TypeRecords } from './type-records.ts'

const LF_BCLASS = 0x1400
const LF_VBCLASS = 0x1401
const LF_IVBCLASS = 0x1402
const LF_INDEX = 0x1404
const LF_VFUNCTAB = 0x1409
const LF_FRIENDCLS = 0x140a
const LF_VFUNCOFF = 0x140c
const LF_ENUMERATE = 0x1502
const LF_MEMBER = 0x150d
const LF_STMEMBER = 0x150e
const LF_METHOD = 0x150f
const LF_NESTTYPE = 0x1510
const LF_ONEMETHOD = 0x1511
const LF_NESTTYPEEX = 0x1512
const LF_FRIENDFCN = 0x150c
const LF_MEMBERMODIFY = 0x1513
const LF_BINTERFACE = 0x151a
/** What fills up to four bytes; the low four bits count them. */
const LF_PAD0 = 0xf0
/** Method properties of a method that begins a slot of the table of virtual functions: its offset follows. */
const MT_INTRODUCING_VIRTUAL = 4
const MT_PURE_INTRODUCING_VIRTUAL = 6

export type Field =
  | { readonly kind: 'member'; readonly name: string; readonly type: number; readonly offset: number }
  | { readonly kind: 'static' | 'nested' | 'method'; readonly name: string; readonly type: number }
  | { readonly kind: 'methods'; readonly name: string; readonly methodList: number; readonly count: number }
  | { readonly kind: 'base'; readonly type: number; readonly offset: number }
  /** Its place is found at run time, through the table at `tableOffset`. */
  | {
      readonly kind: 'virtualBase'
      readonly type: number
      readonly tableOffset: number
      readonly slot: number
    }
  | { readonly kind: 'virtualTable'; readonly type: number }
  | { readonly kind: 'value'; readonly name: string; readonly value: bigint }

/** Index 0 is an empty list. */
export function* fieldsOf(types: TypeRecords, fieldList: number): Generator<Field> {
  const seen = new Set<number>()
  for (let list: number | null = fieldList; list !== null && list !== 0; ) {
    const record: TypeRecord = types.at(list)
    if (record.leaf !== LF_FIELDLIST || seen.has(list)) {
      const found = seen.has(list) ? 'goes on in itself' : `has leaf ${hex(record.leaf)}, expected 0x1203`
      throw types.stream.damaged(record.offset, `field list ${hex(list)} ${found}`)
    }
    seen.add(list)
    list = yield* fieldsOfRecord(types.stream, record)
  }
}

/** The first kind of field of a record that is not read; null where all are. */
export function unreadField(stream: StreamBytes, record: TypeRecord): number | null {
  try {
    for (const _ of fieldsOfRecord(stream, record));
    return null
  } catch (error) {
    if (error instanceof SymbolsError && typeof error.fields.fieldKind === 'number')
      return error.fields.fieldKind
    throw error
  }
}

/** Returns the index of the record that goes on, or null. */
function* fieldsOfRecord(stream: StreamBytes, record: TypeRecord): Generator<Field, number | null> {
  let at = record.offset + 4
  let next: number | null = null
  const name = (offset: number): string => {
    const end = stream.nameEnd(offset, record.end)
    at = end + 1
    return stream.text(offset, end)
  }
  while (at + 4 <= record.end) {
    if (stream.view.getUint8(at) >= LF_PAD0) {
      at += Math.max(1, stream.view.getUint8(at) & 0xf)
      continue
    }
    const start = at
    const leaf = stream.view.getUint16(at, true)
    const attributes = stream.view.getUint16(at + 2, true)
    const type = leaf === LF_ENUMERATE ? 0 : stream.u32(at + 4, 'type of a field')
    switch (leaf) {
      case LF_ENUMERATE: {
        const { value, end } = numericLeafAt(stream, at + 4)
        yield { kind: 'value', name: name(end), value }
        break
      }
      case LF_MEMBER: {
        const { value, end } = numericLeafAt(stream, at + 8)
        yield { kind: 'member', name: name(end), type, offset: Number(value) }
        break
      }
      case LF_BCLASS:
      case LF_BINTERFACE: {
        const { value, end } = numericLeafAt(stream, at + 8)
        at = end
        yield { kind: 'base', type, offset: Number(value) }
        break
      }
      case LF_VBCLASS:
      case LF_IVBCLASS: {
        const table = numericLeafAt(stream, at + 12)
        const slot = numericLeafAt(stream, table.end)
        at = slot.end
        yield { kind: 'virtualBase', type, tableOffset: Number(table.value), slot: Number(slot.value) }
        break
      }
      case LF_STMEMBER:
        yield { kind: 'static', name: name(at + 8), type }
        break
      case LF_NESTTYPE:
      case LF_NESTTYPEEX:
        yield { kind: 'nested', name: name(at + 8), type }
        break
      case LF_METHOD:
        yield { kind: 'methods', name: name(at + 8), methodList: type, count: attributes }
        break
      case LF_ONEMETHOD: {
        const property = (attributes >>> 2) & 7
        const hasOffset = property === MT_INTRODUCING_VIRTUAL || property === MT_PURE_INTRODUCING_VIRTUAL
        yield { kind: 'method', name: name(at + (hasOffset ? 12 : 8)), type }
        break
      }
      case LF_VFUNCTAB:
        at += 8
        yield { kind: 'virtualTable', type }
        break
      case LF_VFUNCOFF:
        at += 12
        yield { kind: 'virtualTable', type }
        break
      case LF_FRIENDCLS:
        at += 8
        break
      case LF_FRIENDFCN:
      case LF_MEMBERMODIFY:
        name(at + 8)
        break
      case LF_INDEX:
        at += 8
        next = type
        break
      default:
        // Its length is not known, so that the fields after it are lost, too.
        throw new SymbolsError(
          'SYMBOLS_UNSUPPORTED',
          `${stream.name} at offset ${hex(start)}: field of kind ${hex(leaf)} in list ${hex(record.index)}, which is not read`,
          { stream: stream.name, offset: start, fieldKind: leaf },
        )
    }
    if (at > record.end)
      throw stream.damaged(start, `field of kind ${hex(leaf)} leaves list ${hex(record.index)}`)
  }
  return next
}
