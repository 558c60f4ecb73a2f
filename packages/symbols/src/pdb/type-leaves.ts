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
export const LF_CLASS = 0x1504
export const LF_STRUCTURE = 0x1505
export const LF_UNION = 0x1506
export const LF_ENUM = 0x1507
const LF_INTERFACE = 0x1519

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
}

export const isUserType = (leaf: number): boolean => USER_TYPE_KINDS[leaf] !== undefined

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
    const layout = kind === 'union' ? UnionType : ClassType
    ;({ properties, fieldList } = stream.struct(layout, record.offset))
    const number = numericLeafAt(stream, record.offset + layout.size)
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
