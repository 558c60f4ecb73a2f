import { hex64 } from '@dumpstack/bytes'
import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import { noSymbols } from '../session.ts'

export const ln: Command = {
  names: ['ln'],
  help: {
    summary: 'list nearest symbols',
    usage: ['ln [ADDRESS]'],
    text: 'Shows the symbol at or before an address and the one behind it; without an address, those around the instruction pointer.',
    examples: ['ln poi(@rsp)'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/ln--list-nearest-symbols-',
  },
  async run({ session, print }, rest) {
    const address = rest === '' ? session.registerFile.ip : await evaluate(session, rest)
    const module = session.modules.at(address)
    if (module === null) throw new DebuggerError('MODULE_UNKNOWN', `no module holds ${hex64(address)}`)
    await session.loadSymbols(module)
    const near = module.near(address)
    if (near === null) {
      const isNamed = module.next(module.base) !== null
      throw new DebuggerError(
        'SYMBOL_UNKNOWN',
        isNamed ? `${module.name} has no name for ${hex64(address)}` : noSymbols(module),
      )
    }
    const offset = near.displacement === 0 ? '' : `+0x${near.displacement.toString(16)}`
    const next = module.next(address)
    const behind =
      next === null ? '' : `   |  (${hex64(module.base + BigInt(next.rva))})   ${module.name}!${next.name}`
    const start = address - BigInt(near.displacement)
    print(`(${hex64(start)})   ${module.name}!${near.name}${offset}${behind}`)
    if (near.displacement === 0) {
      print('Exact matches:')
      print(`    ${module.name}!${near.name}`)
    }
    const line = module.symbols?.lineAt(Number(address - module.base)) // inside the module
    if (line != null) print(`    [${line.file} @ ${line.line}]`)
  },
}
