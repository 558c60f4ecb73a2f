import { hex64 } from '@dumpstack/bytes'
import type { Command, CommandContext } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import type { DebugModule } from '../modules.ts'
import { wildcard } from './arguments.ts'
import { imageDate } from './image-date.ts'

const STATUS = {
  deferred: '(deferred)',
  pdb: '(pdb symbols)',
  isf: '(isf symbols)',
  export: '(export symbols)',
  none: '(no symbols)',
} as const

export const lm: Command = {
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
  async run({ session, print }, rest, name) {
    const options = await parse(session, `${name.slice(2)} ${rest}`)
    if (options.mode === 'user' && !session.modules.all.some(({ isUser }) => isUser))
      session.loadUserModules()
    print('start             end                 module name')
    const shown = session.modules.byAddress.filter(options.isWanted)
    for (const module of shown) {
      await session.step()
      if (options.isVerbose) await session.loadSymbols(module)
      const file = module.symbols === null ? '' : module.symbols.origin
      const row = `${hex64(module.base)} ${hex64(module.end)}   ${module.name.padEnd(8)}   `
      print(`${row}${STATUS[module.status].padEnd(23)}${file}`.trimEnd())
      if (options.isVerbose) printDetails(session, module, print)
    }
    if (session.modulesDamage !== null) print(`The list of modules is damaged: ${session.modulesDamage}`)
    const unloaded = session.unloaded.filter((row) => options.isNameWanted(row.name))
    if (options.hasAddress || options.mode === 'user' || unloaded.length === 0) return
    print()
    print('Unloaded modules:')
    for (const row of unloaded) {
      print(`${hex64(row.start)} ${hex64(row.end)}   ${row.name}`)
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

async function parse(session: CommandContext['session'], text: string): Promise<LmOptions> {
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

function printDetails(
  session: CommandContext['session'],
  module: DebugModule,
  print: CommandContext['print'],
): void {
  const { loaded } = module
  const digits = (value: number) => value.toString(16).toUpperCase().padStart(8, '0')
  print(`    Image path: ${loaded.fullName}`)
  print(`    Image name: ${loaded.baseName}`)
  print(`    Timestamp:        ${imageDate(session, module)}`)
  print(`    CheckSum:         ${digits(loaded.checkSum)}`)
  print(`    ImageSize:        ${digits(loaded.size)}`)
  print(`    PDB:              ${module.identity()}`)
  if (module.hasImageFile) print('    Image file:       loaded, for code and unwind information')
  for (const line of module.why) print(`    Symbols:          ${line}`)
}
