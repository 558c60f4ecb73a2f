// CodeView symbol records: {u16 length, u16 kind, fields, name} (LLVM "CodeView Symbol Records"). The fields that
// Dumpstack reads, by kind.
import { defineStruct, hex, i32, u8, u16, u32 } from '@dumpstack/bytes'
import type { StreamBytes } from './stream-bytes.ts'

export const S_END = 0x0006
export const S_FRAMEPROC = 0x1012
export const S_THUNK32 = 0x1102
export const S_BLOCK32 = 0x1103
export const S_REGISTER = 0x1106
export const S_CONSTANT = 0x1107
export const S_UDT = 0x1108
export const S_BPREL32 = 0x110b
export const S_LDATA32 = 0x110c
export const S_GDATA32 = 0x110d
const S_PUB32 = 0x110e
const S_LPROC32 = 0x110f
export const S_GPROC32 = 0x1110
export const S_REGREL32 = 0x1111
export const S_LTHREAD32 = 0x1112
export const S_GTHREAD32 = 0x1113
export const S_PROCREF = 0x1125
export const S_LPROCREF = 0x1127
export const S_SEPCODE = 0x1132
export const S_LOCAL = 0x113e
export const S_DEFRANGE_REGISTER = 0x1141
export const S_DEFRANGE_FRAMEPOINTER_REL = 0x1142
export const S_DEFRANGE_FRAMEPOINTER_REL_FULL_SCOPE = 0x1144
export const S_DEFRANGE_REGISTER_REL = 0x1145
const S_LPROC32_ID = 0x1146
export const S_GPROC32_ID = 0x1147
export const S_INLINESITE = 0x114d
export const S_INLINESITE_END = 0x114e
export const S_PROC_ID_END = 0x114f
export const S_INLINESITE2 = 0x115d
/** Of Visual C++ 7.0 and before, as in PDBs of Windows XP: its name is led by its length. */
const S_PUB32_ST = 0x1009

/** From S_COMPILE to S_HOTPATCHFUNC every kind is documented (LLVM's CodeViewSymbols.def), whether it is read or not. */
const FIRST_DOCUMENTED = 0x1101
const LAST_DOCUMENTED = 0x1169
const OTHER_DOCUMENTED: ReadonlySet<number> = new Set([
  S_END,
  0x0007, // S_SKIP
  0x0402, // S_ALIGN
  S_PUB32_ST,
  S_FRAMEPROC,
  0x1019, // S_ANNOTATION
])

/** Whether records of that kind are read, or are known to hold nothing that is offered. */
export const isKnownSymbol = (kind: number): boolean =>
  (kind >= FIRST_DOCUMENTED && kind <= LAST_DOCUMENTED) || OTHER_DOCUMENTED.has(kind)

/** Offsets are from the record's length. */
export const PubSym32 = defineStruct('S_PUB32', 0xe, { flags: u32(4), offset: u32(8), segment: u16(0xc) })
export const DataSym32 = defineStruct('S_GDATA32', 0xe, { type: u32(4), offset: u32(8), segment: u16(0xc) })
export const UdtSym = defineStruct('S_UDT', 8, { type: u32(4) })
export const ConstSym = defineStruct('S_CONSTANT', 0xa, { type: u32(4), value: u16(8) })
export const RefSym2 = defineStruct('S_PROCREF', 0xe, {
  sumName: u32(4),
  symOffset: u32(8),
  module: u16(0xc),
})
export const ProcSym32 = defineStruct('S_GPROC32', 0x27, {
  parent: u32(4),
  end: u32(8),
  codeSize: u32(0x10),
  type: u32(0x1c),
  offset: u32(0x20),
  segment: u16(0x24),
  flags: u8(0x26),
})
export const FrameProcSym = defineStruct('S_FRAMEPROC', 0x1e, {
  frameBytes: u32(4),
  savedRegisterBytes: u32(0x10),
  flags: u32(0x1a),
})
export const LocalSym = defineStruct('S_LOCAL', 0xa, { type: u32(4), flags: u16(8) })
export const BpRelSym32 = defineStruct('S_BPREL32', 0xc, { offset: i32(4), type: u32(8) })
export const RegRelSym32 = defineStruct('S_REGREL32', 0xe, {
  offset: i32(4),
  type: u32(8),
  register: u16(0xc),
})
export const RegisterSym = defineStruct('S_REGISTER', 0xa, { type: u32(4), register: u16(8) })
/** S_LOCAL */
export const LVAR_IS_PARAMETER = 1

// Where the local before them is while some code runs. Each ends with a range, after which its gaps follow (`AddressGap`).
export const DefRangeRegister = defineStruct('S_DEFRANGE_REGISTER', 0x10, { register: u16(4) })
export const DefRangeFramePointer = defineStruct('S_DEFRANGE_FRAMEPOINTER_REL', 0x10, { offset: i32(4) })
export const DefRangeFullScope = defineStruct('S_DEFRANGE_FRAMEPOINTER_REL_FULL_SCOPE', 8, { offset: i32(4) })
export const DefRangeRegisterRel = defineStruct('S_DEFRANGE_REGISTER_REL', 0x14, {
  register: u16(4),
  flags: u16(6),
  offset: i32(8),
})
/** LocalVariableAddrRange. */
export const AddressRange = defineStruct('range of a local', 8, {
  start: u32(0),
  segment: u16(4),
  byteLength: u16(6),
})
/** LocalVariableAddrGap: `start` is from the range's. */
export const AddressGap = defineStruct('gap in the range of a local', 4, {
  start: u16(0),
  byteLength: u16(2),
})

const RECORD_HEAD_BYTES = 4

export interface SymbolRecord {
  readonly kind: number
  /** The offset of its length. */
  readonly offset: number
  /** The offset of the next record. */
  readonly end: number
}

export function symbolRecordAt(stream: StreamBytes, offset: number): SymbolRecord {
  const byteLength = stream.u16(offset, 'length of a symbol')
  const end = offset + 2 + byteLength
  if (byteLength < 2 || end > stream.byteLength) {
    throw stream.damaged(
      offset,
      `a symbol of ${hex(byteLength)} bytes leaves the stream of ${hex(stream.byteLength)}`,
    )
  }
  return { kind: stream.view.getUint16(offset + 2, true), offset, end }
}

/** All records between two offsets, one after another. */
export function* symbolRecords(stream: StreamBytes, start: number, end: number): Generator<SymbolRecord> {
  for (let at = start; at + RECORD_HEAD_BYTES <= end; ) {
    const record = symbolRecordAt(stream, at)
    yield record
    at = record.end
  }
}

/** The name that follows the fixed fields; the record's padding follows the name. */
export function nameAfter(stream: StreamBytes, record: SymbolRecord, fixedBytes: number): string {
  return stream.nameAt(record.offset + fixedBytes, record.end)
}

export function isProcedure(kind: number): boolean {
  return kind === S_GPROC32 || kind === S_LPROC32 || kind === S_GPROC32_ID || kind === S_LPROC32_ID
}

export interface PublicSymbol {
  readonly name: string
  readonly segment: number
  readonly offset: number
  /** 1 code, 2 function, 4 managed, 8 MSIL. */
  readonly flags: number
}

function countedName(stream: StreamBytes, record: SymbolRecord): string {
  const { start, end } = publicName(stream, record)
  return stream.text(start, end)
}

/** Where the name of a public is in its stream. */
export function publicName(stream: StreamBytes, record: SymbolRecord): { start: number; end: number } {
  const start = record.offset + PubSym32.size
  if (record.kind !== S_PUB32_ST) return { start, end: stream.nameEnd(start, record.end) }
  stream.need(start, 1, 'length of a name')
  const end = start + 1 + stream.view.getUint8(start)
  if (end > record.end) throw stream.damaged(start, 'a name leaves its record')
  return { start: start + 1, end }
}

export function publicAt(stream: StreamBytes, offset: number): PublicSymbol {
  const record = symbolRecordAt(stream, offset)
  if (record.kind !== S_PUB32 && record.kind !== S_PUB32_ST) {
    throw stream.damaged(offset, `a record of kind ${hex(record.kind)} among the publics, expected 0x110e`)
  }
  // Read without a view of the structure: a kernel has tens of thousands of these.
  const name =
    record.kind === S_PUB32 ? nameAfter(stream, record, PubSym32.size) : countedName(stream, record)
  const { segment, offset: place, flags } = PubSym32.fields
  const { view } = stream
  return {
    name,
    segment: view.getUint16(offset + segment.offset, true),
    offset: view.getUint32(offset + place.offset, true),
    flags: view.getUint32(offset + flags.offset, true),
  }
}
