// Fields and values as `dt` shows them: offsets, names, values read from memory.
// Names are those of symbols' typeText. Layout: learn.microsoft.com, "dt (Display Type)".
import { hex64 } from '@dumpstack/bytes'
import { type SymbolFile, type SymbolType, type TypeField, typeText } from '@dumpstack/symbols'
import type { TargetMemory } from './memory.ts'

const INDENT = 3
const NAME_COLUMN = 16
/** Text of a character array or counted string that is shown. */
const MAX_TEXT_BYTES = 512

type Base = Extract<SymbolType, { kind: 'base' }>

export interface FieldOptions {
  /** Levels of structures inside structures that are opened. */
  readonly depth: number
  /** Null shows the type alone. */
  readonly address: bigint | null
  /** Field names; empty for all. */
  isWanted(field: string): boolean
}

export type FieldFact = {
  readonly kind: 'field'
  /** 1 for a field of the type itself, more inside structures that were opened. */
  readonly level: number
  readonly offset: number
  readonly name: string
  readonly type: string
  /** Both null without an address. */
  readonly address: bigint | null
  readonly value: string | null
}

/** Fields of opened structures follow theirs. */
export function* fieldFacts(
  file: SymbolFile,
  type: SymbolType,
  memory: TargetMemory,
  options: FieldOptions,
  level = 1,
): Generator<FieldFact> {
  if (type.kind !== 'struct' && type.kind !== 'union' && type.kind !== 'class') return
  for (const field of inOrder(file, type.fields)) {
    if (!options.isWanted(field.name)) continue
    const inner = file.resolve(field.type)
    const address =
      options.address === null ? null : BigInt.asUintN(64, options.address + BigInt(field.offset))
    yield {
      kind: 'field',
      level,
      offset: field.offset,
      name: field.name,
      type: typeText(file, field.type),
      address,
      value: address === null ? null : valueText(file, inner, address, memory),
    }
    if (options.depth > 0) {
      const deeper = { ...options, depth: options.depth - 1, address, isWanted: () => true }
      yield* fieldFacts(file, inner, memory, deeper, level + 1)
    }
  }
}

/** `   +0x440 UniqueProcessId  : Ptr64 Void` */
export function fieldText({ level, offset, name, type, value }: FieldFact): string {
  const place = `+0x${offset.toString(16).padStart(3, '0')}`
  return `${' '.repeat(INDENT * level)}${place} ${name.padEnd(NAME_COLUMN)} : ${value ?? type}`
}

/** ISF tables keep fields in no order; a PDB keeps them as they were declared. */
function inOrder(file: SymbolFile, fields: readonly TypeField[]): readonly TypeField[] {
  if (file.kind === 'pdb') return fields
  const bit = (field: TypeField): number => {
    const type = file.resolve(field.type)
    return type.kind === 'bitfield' ? type.position : -1
  }
  return [...fields].sort((a, b) => a.offset - b.offset || bit(a) - bit(b))
}

/** The value of a type at an address; `??` where the dump does not hold it. */
export function valueText(file: SymbolFile, type: SymbolType, at: bigint, memory: TargetMemory): string {
  switch (type.kind) {
    case 'base':
      return baseValue(type, at, memory)
    case 'pointer': {
      const value = number(memory, at, type.size)
      if (value === null) return UNKNOWN
      const target = typeText(file, type.target)
      return value === 0n ? `(null) ${target}` : `0x${hex64(value)} ${target}`
    }
    case 'bitfield': {
      const value = number(memory, at, type.size)
      if (value === null) return UNKNOWN
      const bits = (value >> BigInt(type.position)) & ((1n << BigInt(type.length)) - 1n)
      return type.length === 1
        ? `0y${bits}`
        : type.length < 8
          ? `0y${bits.toString(2).padStart(type.length, '0')}`
          : `0x${bits.toString(16)}`
    }
    case 'enum': {
      const value = number(memory, at, type.size)
      if (value === null) return UNKNOWN
      const signed = BigInt.asIntN(type.size * 8, value)
      const found = type.values.find((row) => row.value === signed || row.value === value)
      return `${value} ( ${found?.name ?? 'without a name'} )`
    }
    case 'array':
      return arrayValue(file, type, at, memory)
    case 'function':
      return 'Function'
    default:
      return structValue(type, at, memory)
  }
}

const UNKNOWN = '??'

function baseValue(type: Base, at: bigint, memory: TargetMemory): string {
  if (type.encoding === 'void') return type.name
  if (type.encoding === 'float') {
    const bytes = memory.available(at, type.size)
    if (bytes.byteLength < type.size) return UNKNOWN
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    if (type.size === 4) return String(view.getFloat32(0, true))
    return type.size === 8 ? String(view.getFloat64(0, true)) : type.name
  }
  const value = number(memory, at, type.size)
  if (value === null) return UNKNOWN
  const character =
    type.size === 1 && value >= 0x20n && value < 0x7fn ? `'${String.fromCharCode(Number(value))}'` : "''"
  if (type.size === 1)
    return type.encoding === 'bool' ? String(value === 1n) : `0x${value.toString(16)} ${character}`
  if (type.encoding === 'int') return `0n${BigInt.asIntN(type.size * 8, value)}`
  return type.size === 8 && value > 0xffff_ffffn ? `0x${hex64(value)}` : `0x${value.toString(16)}`
}

function arrayValue(
  file: SymbolFile,
  type: Extract<SymbolType, { kind: 'array' }>,
  at: bigint,
  memory: TargetMemory,
): string {
  const element = file.resolve(type.element)
  if (element.kind === 'base' && element.size === 1 && element.encoding !== 'bool') {
    const text = memory.cString(at, Math.min(type.count, MAX_TEXT_BYTES))
    return text === null ? `[${type.count}] ${UNKNOWN}` : `[${type.count}]  "${text}"`
  }
  return `[${type.count}] ${typeText(file, type.element)}`
}

function structValue(
  type: Extract<SymbolType, { kind: 'struct' | 'union' | 'class' }>,
  at: bigint,
  memory: TargetMemory,
): string {
  switch (type.name) {
    case '_LIST_ENTRY': {
      const [flink, blink] = [memory.tryU64(at), memory.tryU64(at + 8n)]
      const link = (value: bigint | null) => (value === null ? UNKNOWN : `0x${hex64(value)}`)
      return `${type.name} [ ${link(flink)} - ${link(blink)} ]`
    }
    case '_UNICODE_STRING': {
      const text = unicodeString(memory, at)
      return text === null ? type.name : `${type.name} "${text}"`
    }
    case '_LARGE_INTEGER':
    case '_ULARGE_INTEGER': {
      const value = memory.tryU64(at)
      return `${type.name} ${value === null ? UNKNOWN : `0x${hex64(value)}`}`
    }
    default:
      return type.name
  }
}

/** Null where the string or its text is not in the dump. */
export function unicodeString(memory: TargetMemory, at: bigint): string | null {
  const head = memory.available(at, 16)
  if (head.byteLength < 16) return null
  const view = new DataView(head.buffer, head.byteOffset)
  const byteLength = Math.min(view.getUint16(0, true), MAX_TEXT_BYTES)
  if (byteLength === 0) return ''
  const text = memory.available(view.getBigUint64(8, true), byteLength)
  return text.byteLength < byteLength ? null : new TextDecoder('utf-16le').decode(text)
}

function number(memory: TargetMemory, at: bigint, byteLength: number): bigint | null {
  const bytes = memory.available(at, byteLength)
  if (bytes.byteLength < byteLength) return null
  return [...bytes].reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}
