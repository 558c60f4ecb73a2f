import type { Command } from '../command.ts'

export const sympath: Command<{ readonly kind: 'symbolPath'; readonly path: string }> = {
  names: ['.sympath', '.sympath+'],
  help: {
    summary: 'show or set the symbol path',
    usage: ['.sympath', '.sympath PATH', '.sympath+ PATH'],
    text:
      'Shows the symbol path; with one, makes it the path, with + adds to its end. Elements are separated by ; and are folders, ' +
      'SRV*downstream*server, cache*folder. Symbols that are loaded stay: .reload looks for them again.',
    examples: ['.sympath SRV*C:\\Symbols*https://symbols.example', '.sympath+ C:\\MySymbols'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-sympath--set-symbol-path-',
  },
  async *facts(session, { rest, name }) {
    const { symbolSource } = session
    if (rest !== '') {
      const isAdded = name === '.sympath+' && symbolSource.symbolPath !== ''
      symbolSource.setSymbolPath(isAdded ? `${symbolSource.symbolPath};${rest}` : rest)
      for (const module of session.modules.all) if (module.symbols === null) module.forgetSymbols()
    }
    yield { kind: 'symbolPath', path: symbolSource.symbolPath }
  },
  print({ path }, write) {
    write(`Symbol search path is: ${path || '<empty>'}`)
  },
}
