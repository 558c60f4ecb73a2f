// JSON of ours: written with 64-bit values as hex strings; read as if it had been damaged, every field asked for by name
// and kind, so that an error says which.
import { KeptRunError } from './errors.ts'

/** What a run writes is nested nine deep; what is handed on as it stands is written again by code that calls itself for each level. */
const MAX_DEPTH = 64

/** ECMA-262, 21.4.1.1: the last time that a Date holds. */
export const MAX_DATE_MS = 8.64e15

/** How bigintAsHex writes a value. */
export const HEX_64 = '^0x[0-9a-f]{1,16}$'

export class Facts {
  readonly #fields: Readonly<Record<string, unknown>>
  readonly #place: string

  private constructor(value: unknown, place: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new KeptRunError('RUN_FOLDER_CORRUPT', `${place} is ${kindOf(value)}, expected an object`)
    }
    this.#fields = value as Readonly<Record<string, unknown>> // an object, as just checked
    this.#place = place
  }

  static parse(json: string, place: string): Facts {
    let value: unknown
    try {
      value = JSON.parse(json)
    } catch (cause) {
      throw new KeptRunError('RUN_FOLDER_CORRUPT', `${place} is not JSON`, {}, { cause })
    }
    if (isDeeperThan(MAX_DEPTH, value)) {
      throw new KeptRunError(
        'RUN_FOLDER_CORRUPT',
        `${place} is nested deeper than ${MAX_DEPTH} levels, expected at most that many`,
      )
    }
    return new Facts(value, place)
  }

  wrong(field: string, found: unknown, expected: unknown): KeptRunError {
    const shown = typeof found === 'object' || found === undefined ? kindOf(found) : String(found)
    return new KeptRunError(
      'RUN_FOLDER_CORRUPT',
      `${this.#place}: ${field} is ${shown}, expected ${expected}`,
    )
  }

  /** Of a file, or of a line of one. Throws KeptRunError RUN_FOLDER_FORMAT. */
  expectFormat(expected: number): void {
    const format = this.number('format')
    if (format === expected) return
    throw new KeptRunError(
      'RUN_FOLDER_FORMAT',
      `${this.#place}: format is ${format}, expected ${expected}: the run is of another version`,
    )
  }

  number(field: string): number {
    const value = this.#fields[field]
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      throw this.wrong(field, value, 'a number of at least 0')
    }
    return value
  }

  /** A count or an offset: it fits in a double. */
  size(field: string): number {
    const value = this.number(field)
    if (!Number.isSafeInteger(value)) throw this.wrong(field, value, 'a whole number below 2^53')
    return value
  }

  int32(field: string): number {
    const value = this.#fields[field]
    if (typeof value !== 'number' || (value | 0) !== value) throw this.wrong(field, value, 'a 32-bit number')
    return value
  }

  optionalNumber(field: string): number | null {
    return this.#fields[field] === undefined || this.#fields[field] === null ? null : this.number(field)
  }

  boolean(field: string): boolean {
    const value = this.#fields[field]
    if (typeof value !== 'boolean') throw this.wrong(field, value, 'true or false')
    return value
  }

  /** Milliseconds since 1970 that a Date can hold. */
  time(field: string): number {
    const value = this.number(field)
    if (value > MAX_DATE_MS) throw this.wrong(field, value, 'milliseconds since 1970')
    return value
  }

  string(field: string): string {
    const value = this.#fields[field]
    if (typeof value !== 'string') throw this.wrong(field, value, 'a string')
    return value
  }

  optionalString(field: string): string | null {
    return this.#fields[field] === undefined || this.#fields[field] === null ? null : this.string(field)
  }

  oneOf<T extends string>(field: string, allowed: readonly T[]): T {
    const value = this.string(field)
    const found = allowed.find((name) => name === value)
    if (found === undefined) throw this.wrong(field, value, `one of ${allowed.join(', ')}`)
    return found
  }

  object(field: string): Facts {
    return new Facts(this.#fields[field], `${this.#place}: ${field}`)
  }

  optional(field: string): Facts | null {
    return this.#fields[field] === undefined || this.#fields[field] === null ? null : this.object(field)
  }

  get names(): readonly string[] {
    return Object.keys(this.#fields)
  }

  isAbsent(field: string): boolean {
    return this.#fields[field] === undefined
  }

  isNull(field: string): boolean {
    return this.#fields[field] === null
  }

  expect(field: string, value: string | number | true): void {
    const found = this.#fields[field]
    if (found !== value) throw this.wrong(field, found, value)
  }

  /** The values of a list as fields, with their names in order. */
  items(field: string): { readonly facts: Facts; readonly names: readonly string[] } {
    const named = this.#list(field).map((value, index): [string, unknown] => [`${field}[${index}]`, value])
    return { facts: new Facts(Object.fromEntries(named), this.#place), names: named.map(([name]) => name) }
  }

  objects(field: string): Facts[] {
    return this.#list(field).map((value, index) => new Facts(value, `${this.#place}: ${field}[${index}]`))
  }

  strings(field: string): string[] {
    return this.#list(field).map((value) => {
      if (typeof value !== 'string') throw this.wrong(field, value, 'strings')
      return value
    })
  }

  numbers(field: string): number[] {
    return this.#list(field).map((value) => {
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
        throw this.wrong(field, value, 'whole numbers of at least 0')
      }
      return value
    })
  }

  /** A value written as a hex string. */
  bigint(field: string): bigint {
    return BigInt(this.textLike(field, HEX_64, '64 bits in hexadecimal'))
  }

  textLike(field: string, pattern: string, expected: string): string {
    const text = this.string(field)
    if (!new RegExp(pattern).test(text)) throw this.wrong(field, text, expected)
    return text
  }

  stringRecord(field: string): Record<string, string> {
    const inner = this.object(field)
    return Object.fromEntries(inner.names.map((key) => [key, inner.string(key)]))
  }

  /** The record unread, for callers that pass it on. */
  record(field: string): Readonly<Record<string, unknown>> {
    return this.object(field).#fields
  }

  #list(field: string): readonly unknown[] {
    const value = this.#fields[field]
    if (!Array.isArray(value)) throw this.wrong(field, value, 'a list')
    return value
  }
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'absent'
  if (value === null) return 'null'
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`
}

/** Level by level: a call for each would end where the stack does. */
function isDeeperThan(most: number, value: unknown): boolean {
  let level = [value].filter(isNested)
  for (let depth = 0; depth < most && level.length > 0; depth++)
    level = level.flatMap((outer) => Object.values(outer).filter(isNested))
  return level.length > 0
}

const isNested = (value: unknown): value is object => typeof value === 'object' && value !== null
