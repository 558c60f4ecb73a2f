// A value of a JSON table together with its place in it, so that each refusal names the place.
import { SymbolsError } from '../errors.ts'

export type JsonObject = Readonly<Record<string, unknown>>

export class JsonPlace {
  readonly value: unknown
  /** The file and the keys from its root: `nt.json: user_types/_EPROCESS/size`. */
  readonly place: string

  constructor(value: unknown, place: string) {
    this.value = value
    this.place = place
  }

  /** A key of an object; its value is undefined where there is none. Names from `__proto__` on are only names. */
  at(key: string): JsonPlace {
    const object = this.object()
    return new JsonPlace(
      Object.hasOwn(object, key) ? object[key] : undefined,
      `${this.place}${this.place.endsWith(':') ? ' ' : '/'}${key}`,
    )
  }

  object(): JsonObject {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) {
      throw this.damaged('an object')
    }
    return this.value as JsonObject // neither null nor an array
  }

  string(): string {
    if (typeof this.value !== 'string') throw this.damaged('a text')
    return this.value
  }

  integer(least: number, most: number): number {
    if (
      typeof this.value !== 'number' ||
      !Number.isSafeInteger(this.value) ||
      this.value < least ||
      this.value > most
    ) {
      throw this.damaged(`an integer from ${least} to ${most}`)
    }
    return this.value
  }

  boolean(): boolean {
    if (typeof this.value !== 'boolean') throw this.damaged('true or false')
    return this.value
  }

  damaged(expected: string): SymbolsError {
    return new SymbolsError(
      'SYMBOLS_DAMAGED',
      `${this.place} is ${describe(this.value)}, expected ${expected}`,
      {
        place: this.place,
      },
    )
  }
}

const MAX_SHOWN = 40

function describe(value: unknown): string {
  if (value === undefined) return 'absent'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  const text = JSON.stringify(value)
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text
}
