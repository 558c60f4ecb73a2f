// Types of an ISF table, made when asked for (volatility3's schema 6.x, "user_types", "enums" and "base_types").
import type { SymbolType, TypeField, TypeRef } from '../symbol-file.ts'
import type { JsonObject, JsonPlace } from './json-place.ts'

type BaseEncoding = Extract<SymbolType, { kind: 'base' }>['encoding']

/** No declaration nests arrays, pointers and bit fields deeper; a table that does is not from a compiler. */
const MAX_NESTING = 32
/** The tool that makes tables of PDBs calls 16-bit characters so, and counts them as integers. */
const WIDE_CHARACTER = 'wchar'
const MAX_SIZE = 0x7fffffff

/** A reference is the number of a description that was met, or the name of a base type. */
export class IsfTypes {
  readonly #root: JsonPlace
  readonly #references = new Map<JsonObject, TypeRef>()
  readonly #described: JsonPlace[] = []

  constructor(root: JsonPlace) {
    this.#root = root
  }

  *names(): Generator<string> {
    for (const table of ['user_types', 'enums', 'base_types']) {
      yield* Object.keys(this.#root.at(table).object())
    }
  }

  byName(name: string): SymbolType | null {
    const structure = this.#root.at('user_types').at(name)
    if (structure.value !== undefined) return this.#structure(name, structure)
    const enumeration = this.#root.at('enums').at(name)
    if (enumeration.value !== undefined) return this.#enumeration(name, enumeration)
    const base = this.#root.at('base_types').at(name)
    return base.value === undefined ? null : this.#base(name, base)
  }

  resolve(reference: TypeRef): SymbolType {
    if (typeof reference === 'string') {
      return this.#base(reference, this.#root.at('base_types').at(reference))
    }
    const described = this.#described[reference]
    if (described === undefined) {
      throw new RangeError(`type reference ${reference} is not one that ${this.#root.place} gave`)
    }
    return this.#type(described)
  }

  /** The same description always gets the same reference, however often its structure is asked for. */
  #reference(described: JsonPlace): TypeRef {
    const key = described.object()
    const known = this.#references.get(key)
    if (known !== undefined) return known
    const reference = this.#described.push(described) - 1
    this.#references.set(key, reference)
    return reference
  }

  #type(described: JsonPlace): SymbolType {
    const kind = described.at('kind')
    switch (kind.string()) {
      case 'base':
        return this.#base(described.at('name').string(), this.#named('base_types', described.at('name')))
      case 'pointer':
        return {
          kind: 'pointer',
          size: this.#pointerSize(),
          target: this.#reference(described.at('subtype')),
        }
      case 'array':
        return {
          kind: 'array',
          size: this.#sizeOf(described),
          element: this.#reference(described.at('subtype')),
          count: described.at('count').integer(0, MAX_SIZE),
        }
      case 'bitfield':
        return this.#bitField(described)
      case 'enum':
        return this.#enumeration(described.at('name').string(), this.#named('enums', described.at('name')))
      case 'struct':
      case 'union':
      case 'class':
        return this.#structureOrDeclaration(described)
      case 'function':
        return { kind: 'function', size: 0 }
      default:
        throw kind.damaged('a kind of type')
    }
  }

  #sizeOf(described: JsonPlace): number {
    let count = 1
    let inner = described
    for (let depth = 0; inner.at('kind').value === 'array'; depth++) {
      if (depth === MAX_NESTING) throw described.damaged(`arrays at most ${MAX_NESTING} deep`)
      count *= inner.at('count').integer(0, MAX_SIZE)
      inner = inner.at('subtype')
    }
    const size = count * this.#type(inner).size
    if (size > MAX_SIZE) throw described.damaged(`an array of at most ${MAX_SIZE} bytes`)
    return size
  }

  #bitField(described: JsonPlace): SymbolType {
    const base = described.at('type')
    if (!['base', 'enum'].includes(base.at('kind').string())) {
      throw base.at('kind').damaged('base or enum under a bit field')
    }
    const size = this.#type(base).size
    const position = described.at('bit_position').integer(0, size * 8)
    return {
      kind: 'bitfield',
      size,
      base: this.#reference(base),
      position,
      length: described.at('bit_length').integer(0, size * 8 - position),
    }
  }

  /** A structure that is only declared has no entry: pointers to it are all that there is. */
  #structureOrDeclaration(described: JsonPlace): SymbolType {
    const name = described.at('name').string()
    const kind = described.at('kind').string() === 'union' ? 'union' : 'struct'
    const structure = this.#root.at('user_types').at(name)
    return structure.value === undefined
      ? { kind, name, size: 0, fields: [] }
      : this.#structure(name, structure)
  }

  #structure(name: string, structure: JsonPlace): SymbolType {
    const kind = structure.at('kind')
    if (kind.value !== 'struct' && kind.value !== 'union' && kind.value !== 'class') {
      throw kind.damaged('struct, union or class')
    }
    const size = structure.at('size').integer(0, MAX_SIZE)
    return { kind: kind.value, name, size, fields: this.#fields(structure.at('fields'), size) }
  }

  /** Tables keep fields by name: they get the order of declaration back as far as offsets and bits tell it. */
  #fields(fields: JsonPlace, size: number): TypeField[] {
    const placed = Object.keys(fields.object()).map((name) => {
      const field = fields.at(name)
      const type = field.at('type')
      const bit = type.at('kind').value === 'bitfield' ? type.at('bit_position').integer(0, MAX_SIZE) : 0
      return { name, offset: field.at('offset').integer(0, size), bit, type }
    })
    placed.sort((a, b) => a.offset - b.offset || a.bit - b.bit)
    return placed.map(({ name, offset, type }) => ({ name, offset, type: this.#reference(type) }))
  }

  #enumeration(name: string, enumeration: JsonPlace): SymbolType {
    const constants = enumeration.at('constants')
    const base = enumeration.at('base')
    this.#named('base_types', base)
    const least = Number.MIN_SAFE_INTEGER
    const values = Object.keys(constants.object()).map((constant) => ({
      name: constant,
      value: BigInt(constants.at(constant).integer(least, Number.MAX_SAFE_INTEGER)),
    }))
    return {
      kind: 'enum',
      name,
      size: enumeration.at('size').integer(0, 16),
      base: base.string(),
      values: values.sort((a, b) => Number(a.value - b.value)),
    }
  }

  #base(name: string, base: JsonPlace): SymbolType {
    return { kind: 'base', name, size: base.at('size').integer(0, 16), encoding: encodingOf(name, base) }
  }

  #pointerSize(): number {
    return this.#root.at('base_types').at('pointer').at('size').integer(4, 8)
  }

  #named(table: string, name: JsonPlace): JsonPlace {
    const named = this.#root.at(table).at(name.string())
    if (named.value === undefined) throw name.damaged(`a name in ${table}`)
    return named
  }
}

/** As debuggers tell them apart: `Char` is signed, `UChar` a number of one byte. */
function encodingOf(name: string, base: JsonPlace): BaseEncoding {
  const kind = base.at('kind')
  switch (kind.string()) {
    case 'char':
      return base.at('signed').boolean() ? 'char' : 'uint'
    case 'int':
      if (name === WIDE_CHARACTER) return 'char'
      return base.at('signed').boolean() ? 'int' : 'uint'
    case 'float':
    case 'bool':
    case 'void':
      return kind.value as 'float' | 'bool' | 'void' // the cases above
    default:
      throw kind.damaged('int, char, float, bool or void')
  }
}
