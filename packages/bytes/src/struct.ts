// Layouts by declaration: defineStruct(name, size, fields) gives live little-endian views with getters and
// setters on their prototype, so that the code reads next to the specification.
import { toSafeNumber } from './address.ts'

export interface FieldKind<T> {
  readonly offset: number
  readonly byteLength: number
  get(view: DataView, at: number): T
  /** Absent for fields that are views themselves. */
  set?(view: DataView, at: number, value: T): void
}

type Fields = Readonly<Record<string, FieldKind<unknown>>>
type ValueOf<K> = K extends FieldKind<infer T> ? T : never
/** A live view: reading and writing its fields reads and writes the bytes. */
export type StructView<F extends Fields> = { -readonly [K in keyof F]: ValueOf<F[K]> } & {
  readonly view: DataView
  readonly at: number
}

export interface StructType<F extends Fields> {
  readonly structName: string
  readonly size: number
  readonly fields: F
  at(view: DataView, offset?: number): StructView<F>
  of(bytes: Uint8Array, offset?: number): StructView<F>
}
/** The view type of a structure: `type DumpHeader64 = ViewOf<typeof DumpHeader64>`. */
export type ViewOf<S> = S extends StructType<infer F> ? StructView<F> : never

/** Throws a RangeError when a field leaves the structure; `.at` throws one when the structure leaves the view. */
export function defineStruct<F extends Fields>(structName: string, size: number, fields: F): StructType<F> {
  class View {
    readonly view: DataView
    readonly at: number
    constructor(view: DataView, at: number) {
      this.view = view
      this.at = at
    }
  }
  for (const [name, kind] of Object.entries(fields)) {
    if (kind.offset + kind.byteLength > size) {
      throw new RangeError(
        `${structName}.${name} ends at ${kind.offset + kind.byteLength}, past size ${size}`,
      )
    }
    const { get, set, offset } = kind
    Object.defineProperty(View.prototype, name, {
      enumerable: true,
      get(this: View) {
        return get(this.view, this.at + offset)
      },
      ...(set && {
        set(this: View, value: unknown) {
          set(this.view, this.at + offset, value)
        },
      }),
    })
  }
  return {
    structName,
    size,
    fields,
    at(view, offset = 0) {
      if (offset < 0 || offset + size > view.byteLength) {
        throw new RangeError(
          `${structName} of ${size} bytes at offset ${offset} does not fit ${view.byteLength} bytes`,
        )
      }
      return new View(view, offset) as unknown as StructView<F> // the prototype carries F's fields
    },
    of(bytes, offset = 0) {
      return this.at(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset)
    },
  }
}

export const u8 = (offset: number): FieldKind<number> => ({
  offset,
  byteLength: 1,
  get: (view, at) => view.getUint8(at),
  set: (view, at, value) => view.setUint8(at, value),
})
export const u16 = (offset: number): FieldKind<number> => ({
  offset,
  byteLength: 2,
  get: (view, at) => view.getUint16(at, true),
  set: (view, at, value) => view.setUint16(at, value, true),
})
export const u32 = (offset: number): FieldKind<number> => ({
  offset,
  byteLength: 4,
  get: (view, at) => view.getUint32(at, true),
  set: (view, at, value) => view.setUint32(at, value, true),
})
export const i32 = (offset: number): FieldKind<number> => ({
  offset,
  byteLength: 4,
  get: (view, at) => view.getInt32(at, true),
  set: (view, at, value) => view.setInt32(at, value, true),
})
/** 64 bits that may use bit 63: registers, pointers, hashes. */
export const u64 = (offset: number): FieldKind<bigint> => ({
  offset,
  byteLength: 8,
  get: (view, at) => view.getBigUint64(at, true),
  set: (view, at, value) => view.setBigUint64(at, BigInt.asUintN(64, value), true),
})
/** 64 bits that are a size, offset, LBA, PFN or GPA: a number; throws a RangeError above 2^53-1. */
export const size64 = (offset: number): FieldKind<number> => ({
  offset,
  byteLength: 8,
  get: (view, at) => {
    const high = view.getUint32(at + 4, true)
    if (high > 0x1fffff) return toSafeNumber(view.getBigUint64(at, true), `64-bit size at offset ${at}`)
    return high * 0x100000000 + view.getUint32(at, true)
  },
  set: (view, at, value) => {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not a 64-bit size`)
    view.setUint32(at, value >>> 0, true)
    view.setUint32(at + 4, Math.floor(value / 0x100000000), true)
  },
})
/** A field that this layout of a structure lacks: it reads as `value`, writes are ignored, and its offset is no number. */
export const absent = <T>(value: T): FieldKind<T> => ({
  offset: Number.NaN,
  byteLength: 0,
  get: () => value,
  set: () => {},
})
/** A live slice of n bytes. */
export const bytes = (offset: number, n: number): FieldKind<Uint8Array> => ({
  offset,
  byteLength: n,
  get: (view, at) => new Uint8Array(view.buffer, view.byteOffset + at, n),
  set: (view, at, value) => {
    const target = new Uint8Array(view.buffer, view.byteOffset + at, n)
    if (value.byteLength > n) throw new RangeError(`${value.byteLength} bytes do not fit a field of ${n}`)
    target.fill(0, value.byteLength)
    target.set(value)
  },
})
/** n UTF-16 code units, read up to the first NUL, written NUL-filled; throws a RangeError when too long. */
export const utf16 = (offset: number, n: number): FieldKind<string> => ({
  offset,
  byteLength: n * 2,
  get: (view, at) => {
    let text = ''
    for (let i = 0; i < n; i++) {
      const unit = view.getUint16(at + i * 2, true)
      if (unit === 0) break
      text += String.fromCharCode(unit)
    }
    return text
  },
  set: (view, at, value) => {
    if (value.length > n) throw new RangeError(`'${value}' does not fit ${n} characters`)
    for (let i = 0; i < n; i++) view.setUint16(at + i * 2, i < value.length ? value.charCodeAt(i) : 0, true)
  },
})
/** An element accessor: `.get(i)`, `.set(i, value)`, bounded by n. `kind` is a factory such as u64. */
export interface StructArray<T> {
  readonly length: number
  get(index: number): T
  set(index: number, value: T): void
}
export const array = <T>(
  offset: number,
  n: number,
  kind: (offset: number) => FieldKind<T>,
): FieldKind<StructArray<T>> => {
  const element = kind(0)
  return {
    offset,
    byteLength: n * element.byteLength,
    get: (view, at) => {
      const place = (index: number): number => {
        if (!(index >= 0 && index < n)) throw new RangeError(`index ${index} is outside an array of ${n}`)
        return at + index * element.byteLength
      }
      return {
        length: n,
        get: (index) => element.get(view, place(index)),
        set: (index, value) => element.set?.(view, place(index), value),
      }
    },
  }
}
/** A structure inside another. */
export const struct = <F extends Fields>(offset: number, type: StructType<F>): FieldKind<StructView<F>> => ({
  offset,
  byteLength: type.size,
  get: (view, at) => type.at(view, at),
})
