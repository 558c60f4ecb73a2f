// A small JSON Schema validator (2020-12) for tests: the keywords that our published schemas use, and no others. A keyword
// that it does not know is an error, so that nothing passes by being overlooked.

type Json = unknown
type Schema = Readonly<Record<string, Json>>

const ANNOTATIONS = new Set(['$schema', '$id', 'title', 'description', '$defs'])
const isObject = (value: Json): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const same = (a: Json, b: Json): boolean => JSON.stringify(a) === JSON.stringify(b)

/** What is wrong with `value`, each line with its place; empty when valid. */
export function schemaViolations(root: Json, value: Json): string[] {
  return violations(objectOf(root), objectOf(root), value, '$')
}

function objectOf(value: Json): Schema {
  if (!isObject(value)) throw new Error('a schema must be an object')
  return value
}

function violations(root: Schema, schema: Schema, value: Json, place: string): string[] {
  const found: string[] = []
  const check = (isGood: boolean, what: string): void => {
    if (!isGood) found.push(`${place}: ${what}`)
  }
  const inner = (part: Json, item: Json, at: string): string[] => violations(root, objectOf(part), item, at)
  for (const [keyword, rule] of Object.entries(schema)) {
    if (ANNOTATIONS.has(keyword)) continue
    switch (keyword) {
      case '$ref': {
        const name = /^#\/\$defs\/(\w+)$/.exec(String(rule))?.[1] ?? ''
        found.push(...inner(objectOf(root['$defs'])[name], value, place))
        break
      }
      case 'type':
        check(
          [rule].flat().some((type) => hasType(value, String(type))),
          `is not ${[rule].flat().join(' or ')}`,
        )
        break
      case 'const':
        check(same(value, rule), `is not ${JSON.stringify(rule)}`)
        break
      case 'enum':
        check(
          Array.isArray(rule) && rule.some((one) => same(one, value)),
          `is none of ${JSON.stringify(rule)}`,
        )
        break
      case 'pattern':
        check(
          typeof value !== 'string' || new RegExp(String(rule)).test(value),
          `does not match ${String(rule)}`,
        )
        break
      case 'minimum':
        check(typeof value !== 'number' || value >= Number(rule), `is below ${String(rule)}`)
        break
      case 'maximum':
        check(typeof value !== 'number' || value <= Number(rule), `is above ${String(rule)}`)
        break
      case 'minItems':
        check(!Array.isArray(value) || value.length >= Number(rule), `has fewer than ${String(rule)} items`)
        break
      case 'maxItems':
        check(!Array.isArray(value) || value.length <= Number(rule), `has more than ${String(rule)} items`)
        break
      case 'required':
        for (const name of [rule].flat())
          check(!isObject(value) || String(name) in value, `lacks ${String(name)}`)
        break
      case 'properties':
        for (const [name, part] of Object.entries(objectOf(rule))) {
          if (isObject(value) && name in value) found.push(...inner(part, value[name], `${place}.${name}`))
        }
        break
      case 'additionalProperties': {
        if (!isObject(value)) break
        const declared = isObject(schema['properties']) ? schema['properties'] : {}
        for (const name of Object.keys(value).filter((key) => !(key in declared))) {
          if (rule === false) check(false, `has ${name}, which is not declared`)
          else found.push(...inner(rule, value[name], `${place}.${name}`))
        }
        break
      }
      case 'items':
        if (Array.isArray(value)) {
          for (const [index, item] of value.entries()) found.push(...inner(rule, item, `${place}[${index}]`))
        }
        break
      case 'oneOf': {
        const matching = [rule].flat().filter((part) => inner(part, value, place).length === 0)
        check(matching.length === 1, `matches ${matching.length} of the alternatives, expected 1`)
        break
      }
      default:
        throw new Error(`this validator does not know the keyword ${keyword}`)
    }
  }
  return found
}

function hasType(value: Json, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return isObject(value)
    case 'integer':
      return Number.isInteger(value)
    default:
      return typeof value === type
  }
}
