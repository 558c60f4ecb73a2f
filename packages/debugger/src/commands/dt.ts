import { hex64 } from '@dumpstack/bytes'
import type { SymbolFile, SymbolType } from '@dumpstack/symbols'
import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import { noSymbols } from '../modules.ts'
import { type Session, unreadTypes } from '../session.ts'
import { type FieldFact, fieldFacts, fieldText, valueText } from '../typed-value.ts'
import { wildcard } from './arguments.ts'

const MAX_DEPTH = 8
const MAX_ELEMENTS = 1024

export type DtFact =
  | { readonly kind: 'typeName'; readonly name: string }
  | {
      readonly kind: 'type'
      readonly name: string
      /** Null unless a number of them was asked for. */
      readonly index: number | null
      readonly address: bigint | null
      readonly size: number
      /** Null where fields follow. */
      readonly value: string | null
    }
  | FieldFact
  | { readonly kind: 'enum'; readonly name: string; readonly count: number; readonly value: string | null }
  | { readonly kind: 'enumValue'; readonly name: string; readonly value: bigint }

export const dt: Command<DtFact> = {
  names: ['dt'],
  help: {
    summary: 'show a type, or what lies at an address as that type',
    usage: ['dt [-rN] [-aN] MODULE!TYPE [FIELD...] [ADDRESS]', 'dt MODULE!PATTERN*'],
    text:
      'Shows the fields of a type with their offsets; with an address, their values. -r opens structures inside it, N levels deep ' +
      '(-r alone: 1); -aN shows N of them in a row. FIELD shows only those fields; a name that ends with a dot, those that ' +
      'begin so. Without a module, the kernel is meant. A pattern lists the names of types.',
    examples: [
      'dt nt!_EPROCESS ImageFileName @$thread',
      'dt -r1 nt!_KPRCB',
      'dt nt!_LIST_ENTRY nt!PsLoadedModuleList',
      'dt nt!_KTHREAD*',
    ],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/dt--display-type-',
  },
  async *facts(session, { rest }) {
    const request = parse(rest)
    const module = session.modules.named(request.module)
    if (module === null) throw new DebuggerError('MODULE_UNKNOWN', `no module '${request.module}'`)
    await session.loadSymbols(module)
    const file = module.symbols
    if (file === null) throw new DebuggerError('TYPE_UNKNOWN', noSymbols(module))
    if (request.type.includes('*')) {
      const isWanted = wildcard(request.type)
      for (const name of file.typeNames()) {
        if (isWanted(name)) yield { kind: 'typeName', name: `${module.name}!${name}` }
      }
      return
    }
    const type = findType(file, request.type)
    if (type === null) {
      throw new DebuggerError(
        'TYPE_UNKNOWN',
        `type ${module.name}!${request.type} is not in ${file.origin}${unreadTypes(file)}`,
      )
    }
    const { fields, address } = await fieldsAndAddress(session, type, request.words)
    yield* typeFacts(session, file, `${module.name}!${request.type}`, type, { ...request, fields, address })
  },
  print(fact, write) {
    switch (fact.kind) {
      case 'typeName':
        write(`          ${fact.name}`)
        return
      case 'type': {
        const at = fact.address === null ? '' : hex64(fact.address)
        write(fact.index === null ? fact.name : `[${fact.index}] @ ${at}`)
        if (fact.value !== null) write(`   ${fact.value}`)
        return
      }
      case 'field':
        write(fieldText(fact))
        return
      case 'enum': {
        const value = fact.value === null ? '' : ` = ${fact.value}`
        write(`Enum ${fact.name},  ${fact.count} total enums${value}`)
        return
      }
      case 'enumValue':
        write(`   ${fact.name} = 0n${fact.value}`)
    }
  },
}

interface Request {
  readonly depth: number
  readonly count: number | null
  readonly module: string
  readonly type: string
  readonly words: readonly string[]
}

function parse(rest: string): Request {
  const words = rest.split(/\s+/).filter((word) => word !== '')
  let depth = 0
  let count: number | null = null
  while (words[0]?.startsWith('-') === true) {
    const match = /^-(r|a)(\d*)$/.exec(words[0])
    if (match === null) throw new DebuggerError('ARGUMENT', `dt has no option '${words[0]}'`)
    if (match[1] === 'r') depth = Math.min(match[2] === '' ? 1 : Number(match[2]), MAX_DEPTH)
    else count = Math.min(match[2] === '' ? 1 : Number(match[2]), MAX_ELEMENTS)
    words.shift()
  }
  const name = words.shift()
  if (name === undefined) throw new DebuggerError('ARGUMENT', 'dt needs a type, such as nt!_EPROCESS')
  const bang = name.indexOf('!')
  return {
    depth,
    count,
    module: bang > 0 ? name.slice(0, bang) : 'nt',
    type: name.slice(bang + 1),
    words,
  }
}

/** EPROCESS is the name that C code uses for _EPROCESS. */
const findType = (file: SymbolFile, name: string): SymbolType | null =>
  file.typeByName(name) ?? file.typeByName(`_${name}`)

/** Words that name fields; the last one, where it names none, is an address. */
async function fieldsAndAddress(
  session: Session,
  type: SymbolType,
  words: readonly string[],
): Promise<{ fields: string[]; address: bigint | null }> {
  const known = 'fields' in type ? type.fields.map((field) => field.name) : []
  const fields: string[] = []
  for (const [index, word] of words.entries()) {
    const isField = known.some((name) => matchesField(name, word))
    if (isField) fields.push(word)
    else return { fields, address: await evaluate(session, words.slice(index).join(' ')) }
  }
  return { fields, address: null }
}

const matchesField = (name: string, wanted: string): boolean =>
  wanted.endsWith('.') ? name.startsWith(wanted.slice(0, -1)) : name === wanted

interface Shown {
  readonly depth: number
  readonly count: number | null
  readonly fields: readonly string[]
  readonly address: bigint | null
}

function* typeFacts(
  { memory }: Session,
  file: SymbolFile,
  name: string,
  type: SymbolType,
  { depth, count, fields, address }: Shown,
): Generator<DtFact> {
  const isWanted = (field: string) =>
    fields.length === 0 || fields.some((wanted) => matchesField(field, wanted))
  if (type.kind === 'enum') {
    const value = address === null ? null : valueText(file, type, address, memory)
    yield { kind: 'enum', name, count: type.values.length, value }
    for (const row of type.values) yield { kind: 'enumValue', name: row.name, value: row.value }
    return
  }
  const size = 'size' in type ? type.size : 0
  for (let index = 0; index < (count ?? 1); index++) {
    const at = address === null ? null : BigInt.asUintN(64, address + BigInt(index * size))
    const place = { kind: 'type', name, index: count === null ? null : index, address: at, size } as const
    if ('fields' in type) {
      yield { ...place, value: null }
      yield* fieldFacts(file, type, memory, { depth, address: at, isWanted })
    } else yield { ...place, value: at === null ? type.kind : valueText(file, type, at, memory) }
  }
}
