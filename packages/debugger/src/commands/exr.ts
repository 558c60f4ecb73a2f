import { describeBugcheck } from '@dumpstack/nt'
import {
  type ExceptionFact,
  exceptionFact,
  exceptionOf,
  printException,
  readExceptionRecord,
} from '../analysis/exception.ts'
import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'

export const exr: Command<ExceptionFact> = {
  names: ['.exr'],
  help: {
    summary: 'show an exception record',
    usage: ['.exr ADDRESS', '.exr -1'],
    text: 'Shows the EXCEPTION_RECORD at an address, or, with -1, that of the bugcheck, which names it or left it on the stack: where it was raised, the meaning of its code, and what was read, written or executed.',
    examples: ['.exr -1', '.exr 0xffff850429891ee8'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-exr--display-exception-record-',
  },
  async *facts(session, { rest }) {
    if (rest === '') throw new DebuggerError('ARGUMENT', '.exr needs an address, or -1')
    const { bugcheckCode, bugcheckParameters } = session.system
    const description = rest === '-1' ? describeBugcheck(bugcheckCode, bugcheckParameters) : null
    const record =
      rest === '-1'
        ? description && (exceptionOf(session, description)?.record ?? null)
        : readExceptionRecord(session, await evaluate(session, rest))
    if (record === null) {
      throw new DebuggerError('EXCEPTION_ABSENT', 'the dump holds no exception record of the bugcheck')
    }
    yield await exceptionFact(session, record)
  },
  print: printException,
}
