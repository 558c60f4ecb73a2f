import { describeBugcheck } from '@dumpstack/nt'
import { exceptionOf, readExceptionRecord, recordLines } from '../analysis/exception.ts'
import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'

export const exr: Command = {
  names: ['.exr'],
  help: {
    summary: 'show an exception record',
    usage: ['.exr ADDRESS', '.exr -1'],
    text: 'Shows the EXCEPTION_RECORD at an address, or, with -1, that of the bugcheck, which names it or left it on the stack: where it was raised, the meaning of its code, and what was read, written or executed.',
    examples: ['.exr -1', '.exr 0xffff850429891ee8'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-exr--display-exception-record-',
  },
  async run({ session, print }, rest) {
    if (rest === '') throw new DebuggerError('ARGUMENT', '.exr needs an address, or -1')
    const { bugcheckCode, bugcheckParameters } = session.system
    const description = rest === '-1' ? describeBugcheck(bugcheckCode, bugcheckParameters) : null
    const facts =
      rest === '-1'
        ? description && (exceptionOf(session, description)?.facts ?? null)
        : readExceptionRecord(session, await evaluate(session, rest))
    if (facts === null) {
      throw new DebuggerError('EXCEPTION_ABSENT', 'the dump holds no exception record of the bugcheck')
    }
    for (const line of await recordLines(session, facts)) print(line)
  },
}
