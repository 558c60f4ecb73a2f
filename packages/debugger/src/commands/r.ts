import type { Command, Write } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { type InstructionFact, type LabelFact, placeFacts, printPlace } from '../instruction-facts.ts'
import type { RegistersFact } from '../registers.ts'
import { printRegisters } from '../registers-text.ts'

const IP_DIGITS = 16

export type RFact =
  | ContextFact
  | {
      readonly kind: 'values'
      readonly values: readonly { readonly name: string; readonly value: bigint; readonly digits: number }[]
    }

export const r: Command<RFact> = {
  names: ['r'],
  help: {
    summary: 'show registers',
    usage: ['r', 'r REGISTER[,REGISTER...]'],
    text:
      'Shows the registers of the current context and its instruction. That is the context of the current processor, as the ' +
      'freeze of the crash saved it (KPRCB.Context), not the one of the exception: .ecxr and .cxr move there. A dump is read only: ' +
      'registers cannot be set. Registers of ARM64 are shown as well; their layout is unverified.',
    examples: ['r', 'r rip', 'r @rax,rcx', 'r pc'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/r--registers-',
  },
  async *facts(session, { rest }) {
    const registers = session.registerFile
    if (rest === '') {
      yield registers.fact()
      yield* placeFacts(session)
      return
    }
    if (rest.includes('='))
      throw new DebuggerError('READ_ONLY', 'a dump is read only: registers cannot be set')
    const names = rest.split(/[\s,]+/).map((name) => name.replace(/^@/, ''))
    const values = names.map((name) => {
      const value = name === '$ip' ? registers.ip : registers.value(name)
      if (value === null) throw new DebuggerError('ARGUMENT', `register '${name}' is not known`)
      return { name, value, digits: name === '$ip' ? IP_DIGITS : registers.digitsOf(name) }
    })
    yield { kind: 'values', values }
  },
  print(fact, write) {
    if (fact.kind === 'values') {
      const shown = fact.values.map(
        ({ name, value, digits }) => `${name}=${value.toString(16).padStart(digits, '0')}`,
      )
      write(shown.join(' '))
    } else printContext(fact, write)
  },
}

/** The registers of a context and the place that they lead to. */
export type ContextFact = RegistersFact | LabelFact | InstructionFact

export function printContext(fact: ContextFact, write: Write): void {
  if (fact.kind === 'registers') printRegisters(fact, write)
  else printPlace(fact, write)
}
