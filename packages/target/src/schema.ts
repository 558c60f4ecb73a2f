// What JSON of ours holds, stated once: the published JSON Schema (2020-12), the TypeScript type and the reader all come from one description.
import { type Facts, HEX_64, MAX_DATE_MS } from './facts.ts'

export type JsonSchema = Readonly<Record<string, unknown>>
/** Gives a named part its place under $defs. */
type Define = (name: string, schema: JsonSchema) => void

export interface Schema<T> {
  json(define: Define): JsonSchema
  /** Throws TargetError RUN_FOLDER_CORRUPT if the value does not match. */
  read(facts: Facts, field: string): T
}

export interface ObjectSchema<T> extends Schema<T> {
  of(facts: Facts): T
}

/** A field that may be absent. */
export interface Optional<T> {
  readonly isOptional: true
  readonly schema: Schema<T>
}

type Field<T> = Schema<T> | Optional<T>
type Fields = Readonly<Record<string, Field<unknown>>>

export type Static<S> = S extends Schema<infer T> ? T : S extends Optional<infer T> ? T : never
type OptionalKey<F> = { [K in keyof F]: F[K] extends Optional<unknown> ? K : never }[keyof F]
type StaticFields<F> = { readonly [K in Exclude<keyof F, OptionalKey<F>>]: Static<F[K]> } & {
  readonly [K in OptionalKey<F>]?: Static<F[K]>
}
type Flat<T> = { [K in keyof T]: T[K] }

/** One for each field of a type that is declared elsewhere: a field that is left out, or is of another type, does not compile. */
type FieldsOf<T> = {
  readonly [K in keyof Required<T>]-?: Record<never, never> extends Pick<T, K>
    ? Optional<Exclude<T[K], undefined>>
    : Schema<T[K]>
}

export const optional = <T>(schema: Schema<T>): Optional<T> => ({ isOptional: true, schema })

export function object<F extends Fields>(
  fields: F,
  description?: string,
): ObjectSchema<Flat<StaticFields<F>>> {
  const schemas = Object.entries(fields)
  const of = (facts: Facts): Flat<StaticFields<F>> => {
    for (const name of facts.names)
      if (!Object.hasOwn(fields, name)) throw facts.wrong(name, 'there', 'no field of that name')
    const read = schemas.flatMap(([name, field]) => {
      if (!isOptional(field)) return [[name, field.read(facts, name)]]
      return facts.isAbsent(name) ? [] : [[name, field.schema.read(facts, name)]]
    })
    return Object.fromEntries(read) as Flat<StaticFields<F>> // field by field, as their schemas say
  }
  return {
    of,
    read: (facts, field) => of(facts.object(field)),
    json: (define) => ({
      ...(description !== undefined && { description }),
      type: 'object',
      required: schemas.filter(([, field]) => !isOptional(field)).map(([name]) => name),
      additionalProperties: false,
      properties: Object.fromEntries(
        schemas.map(([name, field]) => [name, (isOptional(field) ? field.schema : field).json(define)]),
      ),
    }),
  }
}

/** A schema of a type that is declared elsewhere. */
export const objectOf = <T extends object>(fields: FieldsOf<T>, description?: string): ObjectSchema<T> =>
  object(fields as Fields, description) as ObjectSchema<unknown> as ObjectSchema<T> // FieldsOf holds them to be the same

const isOptional = (field: Field<unknown>): field is Optional<unknown> => 'isOptional' in field

type Kinds = Readonly<Record<string, Fields>>
type OneOfKinds<C extends Fields, K extends Kinds> = {
  [N in keyof K]: Flat<{ readonly kind: N } & StaticFields<C> & StaticFields<K[N]>>
}[keyof K]

/** One of several objects, told apart by their `kind`. */
export function byKind<C extends Fields, K extends Kinds>(
  common: C,
  kinds: K,
): ObjectSchema<OneOfKinds<C, K>> {
  const names = Object.keys(kinds)
  const schemas = new Map(
    names.map((name) => [name, object({ ...common, kind: constant(name), ...kinds[name] })]),
  )
  const of = (facts: Facts): OneOfKinds<C, K> => {
    const read: unknown = schemas.get(facts.oneOf('kind', names))!.of(facts)
    return read as OneOfKinds<C, K> // as the schema of its kind says
  }
  return {
    of,
    read: (facts, field) => of(facts.object(field)),
    json: (define) => ({ oneOf: [...schemas.values()].map((schema) => schema.json(define)) }),
  }
}

export const list = <T>(item: Schema<T>, description?: string): Schema<readonly T[]> => ({
  json: (define) => ({ ...described(description), type: 'array', items: item.json(define) }),
  read(facts, field) {
    const items = facts.items(field)
    return items.names.map((name) => item.read(items.facts, name))
  },
})

export const nullable = <T>(schema: Schema<T>, description?: string): Schema<T | null> => ({
  json(define) {
    const inner = schema.json(define)
    const hasOneType = typeof inner['type'] === 'string' && inner['type'] !== 'object'
    return hasOneType
      ? { ...inner, ...described(description), type: [inner['type'], 'null'] }
      : { ...described(description), oneOf: [{ type: 'null' }, inner] }
  },
  read: (facts, field) => (facts.isNull(field) ? null : schema.read(facts, field)),
})

/** Defined once under $defs and referenced by its name. */
export function named<S extends Schema<unknown>>(name: string, schema: S): S {
  return {
    ...schema,
    json(define) {
      define(name, schema.json(define))
      return { $ref: `#/$defs/${name}` }
    },
  }
}

/** The same schema with a description. */
export const about = <T>(description: string, schema: Schema<T>): Schema<T> => ({
  ...schema,
  json: (define) => ({ description, ...schema.json(define) }),
})

export const text: Schema<string> = {
  json: () => ({ type: 'string' }),
  read: (facts, field) => facts.string(field),
}
/** Strings of one form, each of which is a T. */
export const textLike = <T extends string = string>(pattern: string, expected: string): Schema<T> => ({
  json: () => ({ type: 'string', pattern }),
  read: (facts, field) => facts.textLike(field, pattern, expected) as T, // as the pattern says
})
export const flag: Schema<boolean> = {
  json: () => ({ type: 'boolean' }),
  read: (facts, field) => facts.boolean(field),
}
export const number: Schema<number> = {
  json: () => ({ type: 'number', minimum: 0 }),
  read: (facts, field) => facts.number(field),
}
/** A count or an offset. */
export const count: Schema<number> = named('count', {
  json: () => ({ type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  read: (facts, field) => facts.size(field),
})
/** Milliseconds since 1970 on the clock of the system under test. */
export const time: Schema<number> = {
  json: () => ({ type: 'number', minimum: 0, maximum: MAX_DATE_MS }),
  read: (facts, field) => facts.time(field),
}
/** A 64-bit value that is already a string. */
export const hexText = named('hex', textLike(HEX_64, '64 bits in hexadecimal'))
/** 64 bits, as a string in JSON. */
export const hex64: Schema<bigint> = { json: hexText.json, read: (facts, field) => facts.bigint(field) }
export const sha256 = textLike('^[0-9a-f]{64}$', '64 hexadecimal digits')
export const anyObject: Schema<Readonly<Record<string, unknown>>> = {
  json: () => ({ type: 'object' }),
  read: (facts, field) => facts.record(field),
}
export const texts: Schema<Readonly<Record<string, string>>> = {
  json: () => ({ type: 'object', additionalProperties: { type: 'string' } }),
  read: (facts, field) => facts.stringRecord(field),
}

export const oneOf = <const T extends string>(values: readonly T[]): Schema<T> => ({
  json: () => ({ enum: values }),
  read: (facts, field) => facts.oneOf(field, values),
})

export const constant = <const T extends string | number | true>(value: T): Schema<T> => ({
  json: () => ({ const: value }),
  read(facts, field) {
    facts.expect(field, value)
    return value
  },
})

/** Exactly four values. */
export const tuple4 = <T>(item: Schema<T>): Schema<readonly [T, T, T, T]> => ({
  json: (define) => ({ type: 'array', items: item.json(define), minItems: 4, maxItems: 4 }),
  read(facts, field) {
    const { facts: items, names } = facts.items(field)
    if (names.length !== 4) throw facts.wrong(field, `${names.length} values`, 4)
    const [first, second, third, fourth] = names.map((name) => item.read(items, name))
    return [first!, second!, third!, fourth!]
  },
})

const described = (description: string | undefined): JsonSchema =>
  description === undefined ? {} : { description }

/** A file of docs/schema. */
export function document(
  id: string,
  title: string,
  description: string,
  schema: Schema<unknown>,
): JsonSchema {
  const $defs: Record<string, JsonSchema> = {}
  const root = schema.json((name, part) => {
    const known = $defs[name]
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(part))
      throw new Error(`two schemas have the name ${name}`)
    $defs[name] = part
  })
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: id,
    title,
    description,
    ...root,
    $defs,
  }
}
