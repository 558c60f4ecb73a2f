import { hex64 } from '@dumpstack/bytes'
import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { type NoSymbolsFact, noSymbols, noSymbolsFact } from '../modules.ts'
import { wildcard } from './arguments.ts'

export type SymbolFact = {
  readonly kind: 'symbol'
  readonly address: bigint
  readonly module: string
  readonly name: string
}

export const x: Command<SymbolFact | NoSymbolsFact> = {
  names: ['x'],
  help: {
    summary: 'examine symbols',
    usage: ['x MODULE!PATTERN', 'x MODULE!'],
    text: 'Lists the symbols whose names match, by address. Module and name can hold * and ?.',
    examples: ['x nt!KeBugCheck*', 'x *!*TriggerBugcheck'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/x--examine-symbols-',
  },
  async *facts(session, { rest }) {
    const bang = rest.indexOf('!')
    if (bang <= 0) throw new DebuggerError('ARGUMENT', 'x needs MODULE!PATTERN, such as nt!Ke*')
    const isModule = wildcard(rest.slice(0, bang))
    const isName = wildcard(rest.slice(bang + 1).trim() || '*')
    const modules = session.modules.byAddress.filter((module) => isModule(module.name))
    if (modules.length === 0) throw new DebuggerError('MODULE_UNKNOWN', `no module '${rest.slice(0, bang)}'`)
    for await (const module of session.each('modules', modules, modules.length)) {
      await session.loadSymbols(module)
      const found = [...module.names()].filter((symbol) => isName(symbol.name))
      for (const { name, rva } of found.sort((a, b) => a.rva - b.rva || (a.name < b.name ? -1 : 1))) {
        yield { kind: 'symbol', address: module.base + BigInt(rva), module: module.name, name }
      }
      if (modules.length === 1 && module.symbols === null && found.length === 0) yield noSymbolsFact(module)
    }
  },
  print(fact, write) {
    if (fact.kind === 'symbol') write(`${hex64(fact.address)} ${fact.module}!${fact.name}`)
    else write(noSymbols(fact))
  },
}
