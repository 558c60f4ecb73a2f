import { hex64 } from '@dumpstack/bytes'
import type { Command, Write } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import type { DebugModule, SymbolStatus } from '../modules.ts'
import type { Session } from '../session.ts'
import { wildcard } from './arguments.ts'
import { type ImageTime, imageTime, imageTimeText } from './image-time.ts'

const STATUS = {
  deferred: '(deferred)',
  pdb: '(pdb symbols)',
  isf: '(isf symbols)',
  export: '(export symbols)',
  none: '(no symbols)',
} as const satisfies Record<SymbolStatus, string>

export type LmFact =
  /** How many modules follow. */
  | { readonly kind: 'modules'; readonly count: number }
  | {
      readonly kind: 'module'
      readonly start: bigint
      /** First address after it. */
      readonly end: bigint
      readonly name: string
      readonly image: string
      readonly symbols: SymbolStatus
      readonly symbolFile: string | null
      /** Null unless they were asked for. */
      readonly details: ModuleDetails | null
    }
  | { readonly kind: 'damage'; readonly message: string }
  | { readonly kind: 'unloadedModules'; readonly count: number }
  | { readonly kind: 'unloadedModule'; readonly start: bigint; readonly end: bigint; readonly name: string }

type ModuleDetails = {
  readonly path: string
  readonly time: ImageTime
  readonly checkSum: number
  readonly size: number
  /** `ntkrnlmp.pdb 5278AFF86C341677D7D7835C85B7B844 1`, or why it is not known. */
  readonly pdb: string
  readonly hasImageFile: boolean
  /** Why there are no symbols, a line for each place that was tried. */
  readonly why: readonly string[]
}

export const lm: Command<LmFact> = {
  names: ['lm', 'lmv', 'lmm', 'lmvm', 'lmk', 'lmkv', 'lmkm', 'lmkvm', 'lmu', 'lmuv', 'lmum', 'lmuvm'],
  help: {
    summary: 'list loaded modules',
    usage: ['lm [v] [k|u] [m PATTERN] [a ADDRESS]', 'lmvm PATTERN'],
    text:
      'Lists the modules by address, with the state of their symbols, then the unloaded ones. m takes a pattern with * and ?, ' +
      'a the module that holds an address. v adds path, time stamp, check sum, size and the identity of the PDB. k shows kernel ' +
      'modules only, u the user-mode modules of the process that crashed, which a full dump holds; without either, those of them ' +
      'that .reload /user or lm u has read are shown with the others.',
    examples: ['lm', 'lm m dump_*', 'lmvm nt', 'lm a poi(@rsp)', 'lm u'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/lm--list-loaded-modules-',
  },
  async *facts(session, { rest, name }) {
    const options = await parse(session, `${name.slice(2)} ${rest}`)
    if (options.mode === 'user' && !session.modules.all.some(({ isUser }) => isUser))
      session.loadUserModules()
    const shown = session.modules.byAddress.filter(options.isWanted)
    yield { kind: 'modules', count: shown.length }
    for await (const module of session.each('modules', shown, shown.length)) {
      if (options.isVerbose) await session.loadSymbols(module)
      yield {
        kind: 'module',
        start: module.base,
        end: module.end,
        name: module.name,
        image: module.imageName,
        symbols: module.status,
        symbolFile: module.symbols?.origin ?? null,
        details: options.isVerbose ? detailsOf(session, module) : null,
      }
    }
    if (session.modulesDamage !== null) yield { kind: 'damage', message: session.modulesDamage }
    const unloaded = session.unloaded.filter((row) => options.isNameWanted(row.name))
    if (options.hasAddress || options.mode === 'user' || unloaded.length === 0) return
    yield { kind: 'unloadedModules', count: unloaded.length }
    for (const { start, end, name } of unloaded) yield { kind: 'unloadedModule', start, end, name }
  },
  print(fact, write) {
    switch (fact.kind) {
      case 'modules':
        write('start             end                 module name')
        return
      case 'module': {
        const row = `${hex64(fact.start)} ${hex64(fact.end)}   ${fact.name.padEnd(8)}   `
        write(`${row}${STATUS[fact.symbols].padEnd(23)}${fact.symbolFile ?? ''}`.trimEnd())
        if (fact.details !== null) printDetails(fact.image, fact.details, write)
        return
      }
      case 'damage':
        write(`The list of modules is damaged: ${fact.message}`)
        return
      case 'unloadedModules':
        write()
        write('Unloaded modules:')
        return
      case 'unloadedModule':
        write(`${hex64(fact.start)} ${hex64(fact.end)}   ${fact.name}`)
    }
  },
}

interface LmOptions {
  readonly isVerbose: boolean
  readonly hasAddress: boolean
  readonly mode: 'kernel' | 'user' | null
  isWanted(module: DebugModule): boolean
  isNameWanted(name: string): boolean
}

async function parse(session: Session, text: string): Promise<LmOptions> {
  let isVerbose = false
  let matches: (name: string) => boolean = () => true
  let address: bigint | null = null
  let mode: LmOptions['mode'] = null
  const words = text
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '')
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!
    for (const letter of word) {
      switch (letter) {
        case 'v':
          isVerbose = true
          break
        case 'k':
        case 'u':
          mode = letter === 'u' ? 'user' : 'kernel'
          break
        case 'm': {
          const pattern = words[++index]
          if (pattern === undefined) throw new DebuggerError('ARGUMENT', 'lm m needs a pattern')
          matches = wildcard(pattern)
          break
        }
        case 'a': {
          const given = words.slice(index + 1).join(' ')
          address = await evaluate(session, given)
          index = words.length
          break
        }
        default:
          throw new DebuggerError('ARGUMENT', `lm has no option '${letter}' in '${word}'`)
      }
    }
  }
  return {
    isVerbose,
    hasAddress: address !== null,
    mode,
    isWanted: (module) =>
      (matches(module.name) || matches(module.imageName)) &&
      (mode === null || module.isUser === (mode === 'user')) &&
      (address === null || (address >= module.base && address < module.end)),
    isNameWanted: (name) => matches(name),
  }
}

function detailsOf(session: Session, module: DebugModule): ModuleDetails {
  const { fullName, checkSum, size } = module.loaded
  return {
    path: fullName,
    time: imageTime(session, module),
    checkSum,
    size,
    pdb: module.identity(),
    hasImageFile: module.hasImageFile,
    why: module.why,
  }
}

function printDetails(image: string, details: ModuleDetails, write: Write): void {
  const digits = (value: number) => value.toString(16).toUpperCase().padStart(8, '0')
  write(`    Image path: ${details.path}`)
  write(`    Image name: ${image}`)
  write(`    Timestamp:        ${imageTimeText(details.time)}`)
  write(`    CheckSum:         ${digits(details.checkSum)}`)
  write(`    ImageSize:        ${digits(details.size)}`)
  write(`    PDB:              ${details.pdb}`)
  if (details.hasImageFile) write('    Image file:       loaded, for code and unwind information')
  for (const line of details.why) write(`    Symbols:          ${line}`)
}
