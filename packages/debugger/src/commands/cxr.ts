import { hex64 } from '@dumpstack/bytes'
import { CONTEXT_AMD64, ContextX64 } from '@dumpstack/nt'
import type { Command, CommandContext } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import { instructionLines } from '../instruction-lines.ts'
import { requireX64 } from '../processors.ts'
import { Registers } from '../registers.ts'

export const cxr: Command = {
  names: ['.cxr'],
  help: {
    summary: 'move to a context record, or back',
    usage: ['.cxr ADDRESS', '.cxr'],
    text: "Makes the CONTEXT at an address the current one: r, k, u and expressions then use its registers. Without an address, goes back to the processor's own.",
    examples: ['.cxr 0xffff850429891720'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-cxr--display-context-record-',
  },
  async run({ session, print }, rest) {
    if (rest === '' || rest === '0') {
      session.resetContext()
      print('Resetting default scope')
      return
    }
    requireX64(session.dump)
    const address = await evaluate(session, rest)
    const registers = Registers.of(session.memory.bytes(address, ContextX64.size))
    const { contextFlags } = registers.context
    if ((contextFlags & CONTEXT_AMD64) === 0) {
      throw new DebuggerError(
        'CONTEXT_ABSENT',
        `at ${hex64(address)} lies no CONTEXT of x64: its flags are 0x${contextFlags.toString(16)}, expected bit 0x100000`,
        { address },
      )
    }
    session.setContext(registers)
    await show({ session, print })
  },
}

export const ecxr: Command = {
  names: ['.ecxr'],
  help: {
    summary: 'move to the context of the exception',
    usage: ['.ecxr'],
    text:
      'Makes the registers that the header of the dump keeps the current ones: those of the exception that led to the bugcheck, ' +
      'or, where there was none, of the call of KeBugCheckEx. .cxr goes back.',
    follows:
      'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-ecxr--display-exception-context-record-',
  },
  async run({ session, print }) {
    session.setContext(session.exceptionRegisters())
    await show({ session, print })
  },
}

async function show({ session, print }: Pick<CommandContext, 'session' | 'print'>): Promise<void> {
  for (const line of session.registerFile.lines()) print(line)
  for (const line of await instructionLines(session)) print(line)
}
