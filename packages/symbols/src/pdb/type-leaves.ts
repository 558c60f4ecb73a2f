// CodeView type records (LLVM "CodeView Type Records"): leaves and the fixed fields in front of their names and
// numbers. Offsets are from the record's length.
import { defineStruct, u8, u16, u32 } from '@dumpstack/bytes'
import { numericLeafAt } from './numeric-leaf.ts'
import type { StreamBytes } from './stream-bytes.ts'
import type { TypeRecord } from './type-records.ts'

export const LF_VTSHAPE = 0x000a
export const LF_MODIFIER = 0x1001
export const LF_POINTER = 0x1002
export const LF_PROCEDURE = 0x1008
export const LF_MFUNCTION = 0x1009
export const LF_FIELDLIST = 0x1203
export const LF_BITFIELD = 0x1205
export const LF_ARRAY = 0x1503
const LF_CLASS = 0x1504
const LF_STRUCTURE = 0x1505
const LF_UNION = 0x1506
const LF_ENUM = 0x1507
const LF_INTERFACE = 0x1519
// Since Visual Studio 2019 16.8, and in the kernel's PDBs of Windows 11: 32 bits of properties, and a count
// of members that is a number. LLVM 16 does not know them; the layout is that of microsoft-pdb issue 50 and of what raw_pdb and radare2 read.
const LF_CLASS2 = 0x1608
const LF_STRUCTURE2 = 0x1609
const LF_UNION2 = 0x160a
const LF_INTERFACE2 = 0x160b
/** What other records are made of: never a type by itself. */
const PARTS: ReadonlySet<number> = new Set([
  0x000e, // LF_LABEL
  0x0014, // LF_ENDPRECOMP
  0x1201, // LF_ARGLIST
  LF_FIELDLIST,
  0x1206, // LF_METHODLIST
  0x151d, // LF_VFTABLE
  0x1601, // LF_FUNC_ID, and what else is an id
  0x1602, // LF_MFUNC_ID
  0x1603, // LF_BUILDINFO
  0x1604, // LF_SUBSTR_LIST
  0x1605, // LF_STRING_ID
  0x1606, // LF_UDT_SRC_LINE
  0x1607, // LF_UDT_MOD_SRC_LINE
])

export const Modifier = defineStruct('LF_MODIFIER', 0xa, { type: u32(4), flags: u16(8) })
export const Pointer = defineStruct('LF_POINTER', 0xc, { type: u32(4), attributes: u32(8) })
export const ProcedureType = defineStruct('LF_PROCEDURE', 0x10, {
  returnType: u32(4),
  parameterCount: u16(0xa),
  argumentList: u32(0xc),
})
export const Bitfield = defineStruct('LF_BITFIELD', 0xa, { type: u32(4), length: u8(8), position: u8(9) })
export const ArrayType = defineStruct('LF_ARRAY', 0xc, { elementType: u32(4), indexType: u32(8) })
const ClassType = defineStruct('LF_STRUCTURE', 0x14, {
  count: u16(4),
  properties: u16(6),
  fieldList: u32(8),
})
const UnionType = defineStruct('LF_UNION', 0xc, {
  count: u16(4),
  properties: u16(6),
  fieldList: u32(8),
})
const ClassType2 = defineStruct('LF_STRUCTURE2', 0x14, { properties: u32(4), fieldList: u32(8) })
const UnionType2 = defineStruct('LF_UNION2', 0xc, { properties: u32(4), fieldList: u32(8) })
const EnumType = defineStruct('LF_ENUM', 0x10, {
  count: u16(4),
  properties: u16(6),
  underlyingType: u32(8),
  fieldList: u32(0xc),
})

const PROPERTY_FORWARD_REFERENCE = 0x80
const PROPERTY_HAS_UNIQUE_NAME = 0x200

/** LF_POINTER: kinds of pointers whose record may leave out the size. */
const POINTER_KIND_BYTES: Readonly<Record<number, number>> = { 10: 4, 11: 6, 12: 8 }

/** In bytes, from bit 13 of the attributes on; pointers to members are larger than their kind. */
export function pointerBytes(attributes: number): number {
  return (attributes >>> 13) & 0x3f || (POINTER_KIND_BYTES[attributes & 0x1f] ?? 0)
}

/** A class, structure, interface, union or enumeration: what has a name and perhaps fields. */
export interface UserType {
  readonly kind: 'class' | 'struct' | 'union' | 'enum'
  readonly index: number
  readonly name: string
  /** The decorated name, where the compiler gave one: apart from the name it tells local types apart. */
  readonly uniqueName: string | null
  readonly isForwardReference: boolean
  readonly fieldList: number
  /** 0 for an enumeration, whose size is that of its underlying type. */
  readonly size: number
  /** 0 for all but an enumeration. */
  readonly underlyingType: number
}

const USER_TYPE_KINDS: Readonly<Record<number, UserType['kind']>> = {
  [LF_CLASS]: 'class',
  [LF_INTERFACE]: 'class',
  [LF_STRUCTURE]: 'struct',
  [LF_UNION]: 'union',
  [LF_ENUM]: 'enum',
  [LF_CLASS2]: 'class',
  [LF_INTERFACE2]: 'class',
  [LF_STRUCTURE2]: 'struct',
  [LF_UNION2]: 'union',
}
/** Their count of members follows the fixed fields as a number. */
const HAS_WIDE_COUNT: ReadonlySet<number> = new Set([LF_CLASS2, LF_INTERFACE2, LF_STRUCTURE2, LF_UNION2])
const PLAIN_TYPES: ReadonlySet<number> = new Set([
  LF_VTSHAPE,
  LF_MODIFIER,
  LF_POINTER,
  LF_PROCEDURE,
  LF_MFUNCTION,
  LF_BITFIELD,
  LF_ARRAY,
])

export const isUserType = (leaf: number): boolean => USER_TYPE_KINDS[leaf] !== undefined

/** Whether a record of that leaf is understood: what is not is counted, so that a missing type can be explained. */
export const isKnownLeaf = (leaf: number): boolean =>
  isUserType(leaf) || PLAIN_TYPES.has(leaf) || PARTS.has(leaf)

/** null where the record is none. */
export function userType(stream: StreamBytes, record: TypeRecord): UserType | null {
  const kind = USER_TYPE_KINDS[record.leaf]
  if (kind === undefined) return null
  let properties: number
  let fieldList: number
  let underlyingType = 0
  let size = 0
  let nameAt: number
  if (kind === 'enum') {
    ;({ properties, fieldList, underlyingType } = stream.struct(EnumType, record.offset))
    nameAt = record.offset + EnumType.size
  } else {
    const hasWideCount = HAS_WIDE_COUNT.has(record.leaf)
    const isUnion = kind === 'union'
    const layout = hasWideCount ? (isUnion ? UnionType2 : ClassType2) : isUnion ? UnionType : ClassType
    ;({ properties, fieldList } = stream.struct(layout, record.offset))
    const fixedEnd = record.offset + layout.size
    const number = numericLeafAt(stream, hasWideCount ? numericLeafAt(stream, fixedEnd).end : fixedEnd)
    size = Number(BigInt.asUintN(53, number.value))
    nameAt = number.end
  }
  const nameEnd = stream.nameEnd(nameAt, record.end)
  const hasUniqueName = (properties & PROPERTY_HAS_UNIQUE_NAME) !== 0
  return {
    kind,
    index: record.index,
    name: stream.text(nameAt, nameEnd),
    uniqueName: hasUniqueName ? stream.text(nameEnd + 1, stream.nameEnd(nameEnd + 1, record.end)) : null,
    isForwardReference: (properties & PROPERTY_FORWARD_REFERENCE) !== 0,
    fieldList,
    size,
    underlyingType,
  }
}
