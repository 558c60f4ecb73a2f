import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { type InstructionFact, instructionAt, type LabelFact, printPlace } from '../instruction-facts.ts'
import type { Session } from '../session.ts'
import { addressRange } from './arguments.ts'

const DEFAULT_COUNT = 8
const nextAddress = new WeakMap<Session, bigint>()

export const u: Command<LabelFact | InstructionFact> = {
  names: ['u'],
  help: {
    summary: 'disassemble',
    usage: ['u [ADDRESS] [L COUNT]', 'u ADDRESS END'],
    text:
      'Disassembles instructions, eight where no count is given; without an address, after the last ones or at the instruction ' +
      'pointer. Code that the dump does not hold comes from the image file, where the symbol path has the one that agrees in time ' +
      'stamp and size.',
    examples: ['u nt!KeBugCheckEx', 'u . L1'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/u--unassemble-',
  },
  async *facts(session, { rest }) {
    if (session.disassembler === null) throw new DebuggerError('UNSUPPORTED', 'there is no disassembler')
    const fallback = nextAddress.get(session) ?? session.registers.rip
    const gap = /^(\S+)\s+([^lL\s]\S*)$/.exec(rest)
    const { address, count } = await addressRange(session, gap === null ? rest : gap[1]!, fallback, 1)
    const end = gap === null ? null : (await addressRange(session, gap[2]!, null, 1)).address
    const limit = end === null ? (count ?? DEFAULT_COUNT) : Number.POSITIVE_INFINITY
    let at = address
    let label: string | null = null
    for (let index = 0; index < limit && (end === null || at <= end); index++) {
      const symbol = await session.symbolize(at)
      const name = symbol.replace(/\+0x[0-9a-f]+$/, '')
      if (name !== label) yield { kind: 'label', address: at, symbol }
      label = name
      const instruction = await instructionAt(session, at)
      yield instruction
      if (instruction.mnemonic === null) break
      at = BigInt.asUintN(64, at + BigInt(instruction.bytes.length / 2))
    }
    nextAddress.set(session, at)
  },
  print: printPlace,
}
