// A kernel object read through the kernel's own types: fields by dotted name, whatever the build.
import { hex64 } from '@dumpstack/bytes'
import type { SymbolFile, SymbolType } from '@dumpstack/symbols'
import { DebuggerError } from './errors.ts'
import type { TargetMemory } from './memory.ts'
import type { Session } from './session.ts'
import { unicodeString } from './typed-value.ts'

export class KernelType {
  readonly name: string
  readonly #file: SymbolFile
  readonly #type: SymbolType
  readonly #places = new Map<string, { readonly offset: number; readonly type: SymbolType }>()

  private constructor(name: string, file: SymbolFile, type: SymbolType) {
    this.name = name
    this.#file = file
    this.#type = type
  }

  /** Throws DebuggerError TYPE_UNKNOWN where the kernel's symbols do not hold the type. */
  static async load(session: Session, name: string): Promise<KernelType> {
    const { file, type } = await session.kernelType(name)
    return new KernelType(name, file, type)
  }

  /** Offset of `Pcb.DirectoryTableBase`; throws DebuggerError TYPE_UNKNOWN where there is no such field. */
  offset(path: string): number {
    return this.#place(path).offset
  }

  at(memory: TargetMemory, address: bigint): KernelObject {
    return new KernelObject(this, memory, address)
  }

  /** Whether the symbols know the field: not every build has each. */
  has(path: string): boolean {
    try {
      this.#place(path)
      return true
    } catch (error) {
      if (error instanceof DebuggerError && error.code === 'TYPE_UNKNOWN') return false
      throw error
    }
  }

  /** Value names of an enum field, such as KTHREAD.State; null for a number without a name. */
  enumName(typeName: string, value: bigint): string | null {
    const type = this.#file.typeByName(typeName)
    return type?.kind === 'enum' ? (type.values.find((row) => row.value === value)?.name ?? null) : null
  }

  #place(path: string): { readonly offset: number; readonly type: SymbolType } {
    let place = this.#places.get(path)
    if (place === undefined) {
      let offset = 0
      let type = this.#type
      for (const name of path.split('.')) {
        const field = 'fields' in type ? type.fields.find((candidate) => candidate.name === name) : undefined
        if (field === undefined) {
          throw new DebuggerError('TYPE_UNKNOWN', `${this.name} has no field ${path} in ${this.#file.origin}`)
        }
        offset += field.offset
        type = this.#file.resolve(field.type)
      }
      place = { offset, type }
      this.#places.set(path, place)
    }
    return place
  }

  byteLength(path: string): number {
    const { type } = this.#place(path)
    return 'size' in type ? type.size : 0
  }

  /** Position and length of a bit field; null for other fields. */
  bits(path: string): { readonly position: number; readonly length: number } | null {
    const { type } = this.#place(path)
    return type.kind === 'bitfield' ? type : null
  }
}

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

  /** Null where the dump does not hold the field. */
  tryValue(path: string): bigint | null {
    try {
      return this.value(path)
    } catch (error) {
      if (error instanceof DebuggerError && error.code === 'MEMORY_ABSENT') return null
      throw error
    }
  }

  text(path: string): string | null {
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

/** Objects of a doubly linked list; ends with an error at a broken link, and after `most` entries. */
export function* listEntries(
  memory: TargetMemory,
  head: bigint,
  linkOffset: number,
  most: number,
): Generator<bigint> {
  let previous = head
  let link = memory.u64(head)
  for (let count = 0; link !== head; count++) {
    if (count === most) {
      throw new DebuggerError('LIST_DAMAGED', `the list at ${hex64(head)} does not end after ${most} entries`)
    }
    const back = memory.u64(link + 8n)
    if (back !== previous) {
      throw new DebuggerError(
        'LIST_DAMAGED',
        `the list at ${hex64(head)} is broken at ${hex64(link)}: it links back to ${hex64(back)}, expected ${hex64(previous)}`,
      )
    }
    yield BigInt.asUintN(64, link - BigInt(linkOffset))
    previous = link
    link = memory.u64(link)
  }
}
