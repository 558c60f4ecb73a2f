// Types as a debugger shows them. One type at a time: what a member or pointer refers to is resolved when it is asked
// for. Chains of references are followed by loops of bounded length, for a damaged PDB may lead in circles.
import { hex } from '@dumpstack/bytes'
import { SymbolsError } from '../errors.ts'
import type { SymbolType, TypeField, TypeRef } from '../symbol-file.ts'
import { type Field, fieldsOf } from './field-list.ts'
import { numericLeafAt } from './numeric-leaf.ts'
import { primitive } from './primitive-types.ts'
import {
  ArrayType,
  Bitfield,
  isKnownLeaf,
  isUserType,
  LF_ARRAY,
  LF_BITFIELD,
  LF_MFUNCTION,
  LF_MODIFIER,
  LF_POINTER,
  LF_PROCEDURE,
  LF_VTSHAPE,
  Modifier,
  Pointer,
  ProcedureType,
  pointerBytes,
  type UserType,
  userType,
} from './type-leaves.ts'
import { FIRST_TYPE_INDEX, type TypeRecord, type TypeRecords } from './type-records.ts'

/** Pointers to arrays of pointers ...: no program has a type deeper than this. */
const MAX_CHAIN = 64
const MODIFIER_CONST = 1
const MODIFIER_VOLATILE = 2

interface Definitions {
  /** Each name once: the first of types that share it. */
  readonly byName: ReadonlyMap<string, UserType>
  readonly byUniqueName: ReadonlyMap<string, UserType>
}

export class TypeTable {
  readonly records: TypeRecords
  #definitions: Definitions | null = null
  #unread: ReadonlyMap<number, number> | null = null

  constructor(records: TypeRecords) {
    this.records = records
  }

  resolve(ref: TypeRef): SymbolType {
    const index = this.#unmodified(indexOf(ref))
    if (index < FIRST_TYPE_INDEX) return primitive(index)
    const { stream } = this.records
    const record = this.records.at(index)
    switch (record.leaf) {
      case LF_POINTER: {
        const { type, attributes } = stream.struct(Pointer, record.offset)
        return { kind: 'pointer', size: pointerBytes(attributes), target: type }
      }
      case LF_ARRAY: {
        const { elementType } = stream.struct(ArrayType, record.offset)
        const size = this.#arrayBytes(record.offset)
        const elementBytes = this.sizeOf(elementType)
        return {
          kind: 'array',
          size,
          element: elementType,
          count: elementBytes === 0 ? 0 : size / elementBytes,
        }
      }
      case LF_BITFIELD: {
        const { type, position, length } = stream.struct(Bitfield, record.offset)
        return { kind: 'bitfield', size: this.sizeOf(type), base: type, position, length }
      }
      case LF_PROCEDURE:
      case LF_MFUNCTION:
        return { kind: 'function', size: 0, returns: stream.struct(ProcedureType, record.offset).returnType }
      case LF_VTSHAPE:
        return primitive(0x03)
    }
    const found = userType(stream, record)
    if (found !== null) return this.#symbolType(this.definitionOf(found))
    throw notRead(record)
  }

  byName(name: string): SymbolType | null {
    const found = this.#defined().byName.get(name)
    return found === undefined ? null : this.#symbolType(found)
  }

  names(): Iterable<string> {
    return this.#defined().byName.keys()
  }

  /** All classes, structures, unions and enumerations that are defined here, without their fields. */
  *definitions(): Generator<UserType> {
    const { stream } = this.records
    for (const record of this.records) {
      if (!isUserType(record.leaf)) continue
      const found = userType(stream, record)
      if (found !== null && !found.isForwardReference) yield found
    }
  }

  /** Records that are not read: their leaves, and how many there are of each. */
  get unread(): ReadonlyMap<number, number> {
    this.#unread ??= unreadLeaves(this.records)
    return this.#unread
  }

  /** The definition that a forward reference stands for; itself where there is none. */
  definitionOf(type: UserType): UserType {
    if (!type.isForwardReference) return type
    const { byName, byUniqueName } = this.#defined()
    return (type.uniqueName === null ? byName.get(type.name) : byUniqueName.get(type.uniqueName)) ?? type
  }

  /** null where the index is that of another kind of type. */
  userTypeAt(index: number): UserType | null {
    return index < FIRST_TYPE_INDEX ? null : userType(this.records.stream, this.records.at(index))
  }

  /** The fields of the list of that index, and of the lists that continue it. */
  fields(fieldList: number): Iterable<Field> {
    return fieldsOf(this.records, fieldList)
  }

  /** In bytes; 0 for functions, void and what is declared but not defined. */
  sizeOf(ref: TypeRef): number {
    let index = indexOf(ref)
    for (let hops = 0; hops < MAX_CHAIN; hops++) {
      if (index < FIRST_TYPE_INDEX) return primitive(index).size
      const { stream } = this.records
      const record = this.records.at(index)
      switch (record.leaf) {
        case LF_POINTER:
          return pointerBytes(stream.struct(Pointer, record.offset).attributes)
        case LF_ARRAY:
          return this.#arrayBytes(record.offset)
        case LF_MODIFIER:
          index = stream.struct(Modifier, record.offset).type
          continue
        case LF_BITFIELD:
          index = stream.struct(Bitfield, record.offset).type
          continue
      }
      const found = userType(stream, record)
      if (found === null) {
        if (!isKnownLeaf(record.leaf)) throw notRead(record)
        return 0
      }
      const defined = this.definitionOf(found)
      if (defined.kind !== 'enum') return defined.size
      index = defined.underlyingType
    }
    throw this.#tooLong(ref)
  }

  /** As a programmer writes it, nearly: `const _EPROCESS*`, `unsigned char[16]`, `long ()*`. */
  nameOf(ref: TypeRef): string {
    let index = indexOf(ref)
    let prefix = ''
    let suffix = ''
    let dimensions = ''
    for (let hops = 0; hops < MAX_CHAIN; hops++) {
      const { stream } = this.records
      const record = index < FIRST_TYPE_INDEX ? null : this.records.at(index)
      if (record?.leaf !== LF_ARRAY) {
        // Of arrays of arrays the outermost comes first.
        suffix = dimensions + suffix
        dimensions = ''
      }
      if (record === null) {
        const simple = primitive(index)
        if (simple.kind === 'base') return `${prefix}${simple.name}${suffix}`
        suffix = `*${suffix}`
        index = indexOf(simple.target)
        continue
      }
      switch (record.leaf) {
        case LF_POINTER:
          suffix = `*${suffix}`
          index = stream.struct(Pointer, record.offset).type
          continue
        case LF_MODIFIER: {
          const { type, flags } = stream.struct(Modifier, record.offset)
          const words = `${flags & MODIFIER_CONST ? 'const ' : ''}${flags & MODIFIER_VOLATILE ? 'volatile ' : ''}`
          if (suffix === '' || suffix.startsWith('*')) prefix = `${words}${prefix}`
          index = type
          continue
        }
        case LF_ARRAY: {
          const { elementType } = stream.struct(ArrayType, record.offset)
          const elementBytes = this.sizeOf(elementType)
          dimensions += `[${elementBytes === 0 ? '' : this.#arrayBytes(record.offset) / elementBytes}]`
          index = elementType
          continue
        }
        case LF_BITFIELD: {
          const { type, length } = stream.struct(Bitfield, record.offset)
          suffix = ` : ${length}`
          index = type
          continue
        }
        case LF_PROCEDURE:
        case LF_MFUNCTION:
          suffix = ` ()${suffix}`
          index = stream.struct(ProcedureType, record.offset).returnType
          continue
        case LF_VTSHAPE:
          return `${prefix}void${suffix}`
      }
      const found = userType(stream, record)
      return `${prefix}${found?.name ?? `<leaf ${hex(record.leaf)}>`}${suffix}`
    }
    throw this.#tooLong(ref)
  }

  #symbolType(type: UserType): SymbolType {
    const { kind, name } = type
    if (kind === 'enum') {
      const values: { name: string; value: bigint }[] = []
      for (const field of this.fields(type.fieldList)) {
        if (field.kind === 'value') values.push({ name: field.name, value: field.value })
      }
      return { kind, name, size: this.sizeOf(type.underlyingType), base: type.underlyingType, values }
    }
    const fields: TypeField[] = []
    for (const field of this.fields(type.fieldList)) {
      if (field.kind === 'member') fields.push({ name: field.name, offset: field.offset, type: field.type })
      else if (field.kind === 'virtualTable')
        fields.push({ name: '__VFN_table', offset: 0, type: field.type })
      else if (field.kind === 'base') {
        fields.push({ name: this.nameOf(field.type), offset: field.offset, type: field.type, isBase: true })
      }
    }
    return { kind, name, size: type.size, fields }
  }

  #arrayBytes(recordOffset: number): number {
    const { value } = numericLeafAt(this.records.stream, recordOffset + ArrayType.size)
    return Number(value)
  }

  /** `const` and `volatile` do not change what is in memory. */
  #unmodified(start: number): number {
    let index = start
    for (let hops = 0; hops < MAX_CHAIN; hops++) {
      if (index < FIRST_TYPE_INDEX) return index
      const record = this.records.at(index)
      if (record.leaf !== LF_MODIFIER) return index
      index = this.records.stream.struct(Modifier, record.offset).type
    }
    throw this.#tooLong(start)
  }

  #defined(): Definitions {
    if (this.#definitions === null) {
      const byName = new Map<string, UserType>()
      const byUniqueName = new Map<string, UserType>()
      for (const type of this.definitions()) {
        if (!byName.has(type.name)) byName.set(type.name, type)
        if (type.uniqueName !== null && !byUniqueName.has(type.uniqueName))
          byUniqueName.set(type.uniqueName, type)
      }
      this.#definitions = { byName, byUniqueName }
    }
    return this.#definitions
  }

  #tooLong(ref: TypeRef): SymbolsError {
    return new SymbolsError(
      'SYMBOLS_DAMAGED',
      `type ${hex(indexOf(ref))} refers to others more than ${MAX_CHAIN} times over`,
      { index: indexOf(ref) },
    )
  }
}

export function unreadLeaves(records: TypeRecords): Map<number, number> {
  const unread = new Map<number, number>()
  for (const { leaf } of records) {
    if (!isKnownLeaf(leaf)) unread.set(leaf, (unread.get(leaf) ?? 0) + 1)
  }
  return unread
}

const notRead = ({ index, leaf }: TypeRecord): SymbolsError =>
  new SymbolsError('SYMBOLS_UNSUPPORTED', `type ${hex(index)} has leaf ${hex(leaf)}, which is not read`, {
    index,
    leaf,
  })

/** References of a PDB are type indices. */
function indexOf(ref: TypeRef): number {
  if (typeof ref === 'number') return ref
  throw new SymbolsError('SYMBOLS_FOREIGN_TYPE', `type reference '${ref}' is not of a PDB`, { ref })
}
