import { dots } from '../banner.ts'
import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import type { DebugModule } from '../modules.ts'
import { noSymbols } from '../session.ts'

export const reload: Command = {
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
  async run({ session, print }, rest) {
    const words = rest.split(/\s+/).filter((word) => word !== '')
    const options = words.filter((word) => word.startsWith('/')).map((word) => word.toLowerCase())
    const unknown = options.find((option) => !['/f', '/i', '/user', '/v', '/n'].includes(option))
    if (unknown !== undefined) throw new DebuggerError('ARGUMENT', `.reload has no option '${unknown}'`)
    if (options.includes('/user')) {
      session.loadUserModules()
      print('Loading User Symbols')
      for (const row of dots(session.modules.all.filter(({ isUser }) => isUser).length)) print(row)
    }
    if (options.includes('/i')) {
      print('/i has no effect: symbols whose identity differs from the image are never used')
    }
    const isChosen = ({ isUser }: DebugModule) => isUser || !options.includes('/user')
    const name = words.find((word) => !word.startsWith('/'))
    const wanted = name === undefined ? null : session.modules.named(name.replace(/\.(sys|exe|dll)$/i, ''))
    if (name !== undefined && wanted === null)
      throw new DebuggerError('MODULE_UNKNOWN', `no module '${name}'`)
    const modules = wanted === null ? session.modules.all.filter(isChosen) : [wanted]
    for (const module of modules) module.forgetSymbols()
    if (!options.includes('/f')) return
    for (const module of modules) {
      await session.step()
      await session.loadSymbols(module)
      if (module.symbols === null) print(noSymbols(module))
      else print(`${module.name}: ${module.symbols.origin}`)
    }
  },
}
