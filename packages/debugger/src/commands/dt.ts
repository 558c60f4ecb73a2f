import { hex64 } from '@dumpstack/bytes'
import type { SymbolFile, SymbolType } from '@dumpstack/symbols'
import type { Command, CommandContext } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import { noSymbols, type Session, unreadTypes } from '../session.ts'
import { fieldLines, valueText } from '../typed-value.ts'
import { wildcard } from './arguments.ts'

const MAX_DEPTH = 8
const MAX_ELEMENTS = 1024

export const dt: Command = {
  names: ['dt'],
  help: {
    summary: 'show a type, or what lies at an address as that type',
    usage: ['dt [-rN] [-aN] MODULE!TYPE [FIELD...] [ADDRESS]', 'dt MODULE!PATTERN*'],
    text:
      'Shows the fields of a type with their offsets; with an address, their values. -r opens structures inside it, N levels deep ' +
      '(-r alone: 1); -aN shows N of them behind each other. FIELD shows only those fields, a name with a dot at its end those that ' +
      'begin so. Without a module, the kernel is meant. A pattern lists the names of types.',
    examples: [
      'dt nt!_EPROCESS ImageFileName @$thread',
      'dt -r1 nt!_KPRCB',
      'dt nt!_LIST_ENTRY nt!PsLoadedModuleList',
      'dt nt!_KTHREAD*',
    ],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/dt--display-type-',
  },
  async run(context, rest) {
    const request = parse(rest)
    const { session, print } = context
    const module = session.modules.named(request.module)
    if (module === null) throw new DebuggerError('MODULE_UNKNOWN', `no module '${request.module}'`)
    await session.loadSymbols(module)
    const file = module.symbols
    if (file === null) throw new DebuggerError('TYPE_UNKNOWN', noSymbols(module))
    if (request.type.includes('*')) {
      const isWanted = wildcard(request.type)
      for (const name of file.typeNames()) if (isWanted(name)) print(`          ${module.name}!${name}`)
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
    await show(context, file, `${module.name}!${request.type}`, type, { ...request, fields, address })
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

async function show(
  { session, print }: CommandContext,
  file: SymbolFile,
  title: string,
  type: SymbolType,
  { depth, count, fields, address }: Shown,
): Promise<void> {
  const isWanted = (name: string) =>
    fields.length === 0 || fields.some((wanted) => matchesField(name, wanted))
  if (type.kind === 'enum') {
    const value = address === null ? '' : ` = ${valueText(file, type, address, session.memory)}`
    print(`Enum ${title},  ${type.values.length} total enums${value}`)
    for (const row of type.values) print(`   ${row.name} = 0n${row.value}`)
    return
  }
  const size = 'size' in type ? type.size : 0
  for (let index = 0; index < (count ?? 1); index++) {
    const at = address === null ? null : BigInt.asUintN(64, address + BigInt(index * size))
    print(count === null ? title : `[${index}] @ ${at === null ? '' : hex64(at)}`)
    if (!('fields' in type)) {
      print(`   ${at === null ? type.kind : valueText(file, type, at, session.memory)}`)
      continue
    }
    for (const line of fieldLines(file, type, session.memory, { depth, address: at, isWanted })) {
      print(line)
      await session.step()
    }
  }
}
