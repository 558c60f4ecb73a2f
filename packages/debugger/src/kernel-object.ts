// A kernel object read through the kernel's own types: fields by dotted name, whatever the build.
import { hex64 } from '@dumpstack/bytes'
import type { SymbolFile, SymbolType } from '@dumpstack/symbols'
import { DebuggerError } from './errors.ts'
import { knownFields } from './known-fields.ts'
import type { TargetMemory } from './memory.ts'
import type { Session } from './session.ts'
import { unicodeString } from './typed-value.ts'

interface Field {
  readonly offset: number
  readonly byteLength: number
  /** Null for a field that is no bit field. */
  readonly bits: { readonly position: number; readonly length: number } | null
}

/** Fields by dotted name; the error says which type has none such. */
interface FieldSource {
  /** Null where there is no such field. */
  field(path: string): Field | null
  /** Where the fields come from, for messages. */
  readonly origin: string
  enumName(typeName: string, value: bigint): string | null
}

/** That fields are read without types, and so not all of them. */
export type NoteFact = { readonly kind: 'note'; readonly text: string }

export class KernelType {
  readonly name: string
  readonly #source: FieldSource
  readonly #fields = new Map<string, Field>()

  private constructor(name: string, source: FieldSource) {
    this.name = name
    this.#source = source
  }

  /** Throws DebuggerError TYPE_UNKNOWN where the kernel's symbols do not hold the type. */
  static async load(session: Session, name: string): Promise<KernelType> {
    const { file, type } = await session.kernelType(name)
    return new KernelType(name, symbolFields(file, type))
  }

  /** The same, or, without symbols, the few fields whose places the dump itself tells; `note` then says so. */
  static async loadOrKnown(
    session: Session,
    name: '_EPROCESS' | '_ETHREAD',
  ): Promise<{ readonly type: KernelType; readonly note: string | null }> {
    try {
      return { type: await KernelType.load(session, name), note: null }
    } catch (error) {
      if (!(error instanceof DebuggerError && error.code === 'TYPE_UNKNOWN')) throw error
      const known = knownFields(session, name)
      if (known === null) throw error
      const { build } = session.system
      const source = {
        field: (path: string) => known.get(path) ?? null,
        origin: "the dump's debugger data",
        enumName: () => null,
      }
      return {
        type: new KernelType(name, source),
        note: `No types for build ${build}: fields are those whose places the dump itself tells.`,
      }
    }
  }

  /** Offset of `Pcb.DirectoryTableBase`; throws DebuggerError TYPE_UNKNOWN where there is no such field. */
  offset(path: string): number {
    return this.#field(path).offset
  }

  at(memory: TargetMemory, address: bigint): KernelObject {
    return new KernelObject(this, memory, address)
  }

  /** Whether the symbols know the field: not every build has each. */
  has(path: string): boolean {
    return this.#source.field(path) !== null
  }

  /** Value names of an enum field, such as KTHREAD.State; null for a number without a name. */
  enumName(typeName: string, value: bigint): string | null {
    return this.#source.enumName(typeName, value)
  }

  #field(path: string): Field {
    let field = this.#fields.get(path)
    if (field === undefined) {
      const found = this.#source.field(path)
      if (found === null) {
        throw new DebuggerError('TYPE_UNKNOWN', `${this.name} has no field ${path} in ${this.#source.origin}`)
      }
      field = found
      this.#fields.set(path, field)
    }
    return field
  }

  byteLength(path: string): number {
    return this.#field(path).byteLength
  }

  /** Position and length of a bit field; null for other fields. */
  bits(path: string): { readonly position: number; readonly length: number } | null {
    return this.#field(path).bits
  }
}

const symbolFields = (file: SymbolFile, of: SymbolType): FieldSource => ({
  field(path) {
    let offset = 0
    let type = of
    for (const name of path.split('.')) {
      const field = 'fields' in type ? type.fields.find((candidate) => candidate.name === name) : undefined
      if (field === undefined) return null
      offset += field.offset
      type = file.resolve(field.type)
    }
    return {
      offset,
      byteLength: 'size' in type ? type.size : 0,
      bits: type.kind === 'bitfield' ? type : null,
    }
  },
  origin: file.origin,
  enumName(typeName, value) {
    const type = file.typeByName(typeName)
    return type?.kind === 'enum' ? (type.values.find((row) => row.value === value)?.name ?? null) : null
  },
})

export class KernelObject {
  readonly address: bigint
  readonly #type: KernelType
  readonly #memory: TargetMemory

  constructor(type: KernelType, memory: TargetMemory, address: bigint) {
    this.#type = type
    this.#memory = memory
    this.address = address
  }

  /** Throws DebuggerError MEMORY_ABSENT. */
  value(path: string): bigint {
    const bytes = this.#memory.bytes(
      this.address + BigInt(this.#type.offset(path)),
      this.#type.byteLength(path),
    )
    const value = [...bytes].reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
    const bits = this.#type.bits(path)
    return bits === null ? value : (value >> BigInt(bits.position)) & ((1n << BigInt(bits.length)) - 1n)
  }

  number(path: string): number {
    const value = this.value(path)
    if (value > 0xffff_ffffn)
      throw new DebuggerError('ARGUMENT', `${path} is 0x${value.toString(16)}, expected 32 bits`)
    return Number(value)
  }

  /** `ffffc08b`de9e1640`; `?` where the dump does not hold the field. */
  pointerText(path: string): string {
    const value = this.tryValue(path)
    return value === null ? '????????`????????' : hex64(value)
  }

  /** Null where the dump does not hold the field, or its offset is unknown. */
  tryValue(path: string): bigint | null {
    if (!this.#type.has(path)) return null
    try {
      return this.value(path)
    } catch (error) {
      if (error instanceof DebuggerError && error.code === 'MEMORY_ABSENT') return null
      throw error
    }
  }

  /** Null where the dump does not hold the field, or its offset is unknown. */
  text(path: string): string | null {
    if (!this.#type.has(path)) return null
    const length = this.#type.byteLength(path)
    return this.#memory.cString(this.address + BigInt(this.#type.offset(path)), length)
  }

  unicode(path: string): string | null {
    return unicodeString(this.#memory, this.address + BigInt(this.#type.offset(path)))
  }

  place(path: string): bigint {
    return this.address + BigInt(this.#type.offset(path))
  }
}
