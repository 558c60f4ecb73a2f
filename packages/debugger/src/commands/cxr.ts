import { hex64 } from '@dumpstack/bytes'
import { CONTEXT_AMD64, ContextX64 } from '@dumpstack/nt'
import { exceptionContext, readTrapFrame } from '../analysis/crash-context.ts'
import type { Command, Write } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import { placeFacts } from '../instruction-facts.ts'
import { requireX64 } from '../processors.ts'
import { Registers } from '../registers.ts'
import type { Session } from '../session.ts'
import { type ContextFact, printContext } from './r.ts'

export type CxrFact = { readonly kind: 'defaultContext' } | ContextFact

export const cxr: Command<CxrFact> = {
  names: ['.cxr'],
  help: {
    summary: 'move to a context record, or back',
    usage: ['.cxr ADDRESS', '.cxr'],
    text: "Makes the CONTEXT at an address the current one: r, k, u and expressions then use its registers. Without an address, goes back to the processor's own.",
    examples: ['.cxr 0xffff850429891720'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-cxr--display-context-record-',
  },
  async *facts(session, { rest }) {
    if (rest === '' || rest === '0') {
      session.resetContext()
      yield { kind: 'defaultContext' }
      return
    }
    requireX64(session)
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
    yield* contextFacts(session)
  },
  print,
}

export const ecxr: Command<CxrFact> = {
  names: ['.ecxr'],
  help: {
    summary: 'move to the context of the exception',
    usage: ['.ecxr'],
    text:
      'Makes the registers of the exception that led to the bugcheck the current ones: those of the context record or trap frame that ' +
      'the bugcheck names, or of a trap frame on the stack that holds the address of the code at fault; where the dump has none of ' +
      'these, those that its header keeps. .cxr goes back.',
    follows:
      'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-ecxr--display-exception-context-record-',
  },
  async *facts(session) {
    session.setContext(exceptionContext(session).registers)
    yield* contextFacts(session)
  },
  print,
}

export const trap: Command<CxrFact> = {
  names: ['.trap'],
  help: {
    summary: 'move to a trap frame, or back',
    usage: ['.trap ADDRESS', '.trap'],
    text:
      "Makes the registers of the trap frame (KTRAP_FRAME) at an address the current ones. Without an address, goes back to the processor's " +
      'own. A trap frame holds no rbx, rsi, rdi and r12 to r15: they are shown as ?.',
    examples: ['.trap 0xffffd0003558b4b0'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-trap--display-trap-frame-',
  },
  async *facts(session, { rest }) {
    if (rest === '' || rest === '0') {
      session.resetContext()
      yield { kind: 'defaultContext' }
      return
    }
    requireX64(session)
    const address = await evaluate(session, rest)
    const registers = readTrapFrame(session, address)
    if (registers === null) {
      session.memory.bytes(address, 1)
      throw new DebuggerError('CONTEXT_ABSENT', `at ${hex64(address)} lies no KTRAP_FRAME of x64`, {
        address,
      })
    }
    session.setContext(registers)
    yield* contextFacts(session)
  },
  print,
}

async function* contextFacts(session: Session): AsyncGenerator<CxrFact> {
  yield session.registerFile.fact()
  yield* placeFacts(session)
}

function print(fact: CxrFact, write: Write): void {
  if (fact.kind === 'defaultContext') write('Resetting default scope')
  else printContext(fact, write)
}
