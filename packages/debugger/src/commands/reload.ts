import { dots } from '../banner.ts'
import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { type DebugModule, type NoSymbolsFact, noSymbols, noSymbolsFact } from '../modules.ts'

export type ReloadFact =
  | { readonly kind: 'userModules'; readonly count: number }
  | { readonly kind: 'ignoredOption'; readonly option: string }
  | { readonly kind: 'symbols'; readonly module: string; readonly file: string }
  | NoSymbolsFact

export const reload: Command<ReloadFact> = {
  names: ['.reload'],
  help: {
    summary: 'forget symbols and look for them again',
    usage: ['.reload [/f] [MODULE]', '.reload /user'],
    text:
      'Forgets the symbols of all modules, or of one, so that the next use looks for them along the symbol path. /f looks at once ' +
      'and says which were not found, and why. /i would take symbols that do not match: a wrong PDB is never used here, and the ' +
      'command says so. /user reads the list of user-mode modules of the process that crashed (its PEB), which a full dump holds; they ' +
      'are listed by lm from then on, and their names can be used.',
    examples: ['.reload /f nt', '.reload /f'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-reload--reload-module-',
  },
  async *facts(session, { rest }) {
    const words = rest.split(/\s+/).filter((word) => word !== '')
    const options = words.filter((word) => word.startsWith('/')).map((word) => word.toLowerCase())
    const unknown = options.find((option) => !['/f', '/i', '/user', '/v', '/n'].includes(option))
    if (unknown !== undefined) throw new DebuggerError('ARGUMENT', `.reload has no option '${unknown}'`)
    if (options.includes('/user')) {
      session.loadUserModules()
      yield { kind: 'userModules', count: session.modules.all.filter(({ isUser }) => isUser).length }
    }
    if (options.includes('/i')) yield { kind: 'ignoredOption', option: '/i' }
    const isChosen = ({ isUser }: DebugModule) => isUser || !options.includes('/user')
    const name = words.find((word) => !word.startsWith('/'))
    const wanted = name === undefined ? null : session.modules.named(name.replace(/\.(sys|exe|dll)$/i, ''))
    if (name !== undefined && wanted === null)
      throw new DebuggerError('MODULE_UNKNOWN', `no module '${name}'`)
    const modules = wanted === null ? session.modules.all.filter(isChosen) : [wanted]
    for (const module of modules) module.forgetSymbols()
    if (!options.includes('/f')) return
    for await (const module of session.each('modules', modules, modules.length)) {
      await session.loadSymbols(module)
      const { name, symbols } = module
      if (symbols === null) yield noSymbolsFact(module)
      else yield { kind: 'symbols', module: name, file: symbols.origin }
    }
  },
  print(fact, write) {
    switch (fact.kind) {
      case 'userModules':
        write('Loading User Symbols')
        for (const row of dots(fact.count)) write(row)
        return
      case 'ignoredOption':
        write(`${fact.option} has no effect: symbols whose identity differs from the image are never used`)
        return
      case 'symbols':
        write(`${fact.module}: ${fact.file}`)
        return
      case 'noSymbols':
        write(noSymbols(fact))
    }
  },
}
