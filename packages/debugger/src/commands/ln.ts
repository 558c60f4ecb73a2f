import { hex64 } from '@dumpstack/bytes'
import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import { noSymbols } from '../modules.ts'

export type NearestFact = {
  readonly kind: 'nearest'
  readonly module: string
  readonly name: string
  readonly address: bigint
  /** Bytes from the symbol to the address that was asked for. */
  readonly displacement: number
  readonly next: { readonly name: string; readonly address: bigint } | null
  readonly source: { readonly file: string; readonly line: number } | null
}

export const ln: Command<NearestFact> = {
  names: ['ln'],
  help: {
    summary: 'list nearest symbols',
    usage: ['ln [ADDRESS]'],
    text: 'Shows the symbol at or before an address and the one after it; without an address, those around the instruction pointer.',
    examples: ['ln poi(@rsp)'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/ln--list-nearest-symbols-',
  },
  async *facts(session, { rest }) {
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
    const next = module.next(address)
    const line = module.symbols?.lineAt(Number(address - module.base)) // inside the module
    yield {
      kind: 'nearest',
      module: module.name,
      name: near.name,
      address: address - BigInt(near.displacement),
      displacement: near.displacement,
      next: next === null ? null : { name: next.name, address: module.base + BigInt(next.rva) },
      source: line == null ? null : { file: line.file, line: line.line },
    }
  },
  print({ module, name, address, displacement, next, source }, write) {
    const offset = displacement === 0 ? '' : `+0x${displacement.toString(16)}`
    const after = next === null ? '' : `   |  (${hex64(next.address)})   ${module}!${next.name}`
    write(`(${hex64(address)})   ${module}!${name}${offset}${after}`)
    if (displacement === 0) {
      write('Exact matches:')
      write(`    ${module}!${name}`)
    }
    if (source !== null) write(`    [${source.file} @ ${source.line}]`)
  },
}
