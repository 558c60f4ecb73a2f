import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import { type FrameFact, frameFact, printStackFact } from '../stack-facts.ts'
import { MAX_FRAMES, stackFrames } from '../unwind/stack.ts'

export const frame: Command<FrameFact> = {
  names: ['.frame'],
  help: {
    summary: 'choose the frame whose locals dv shows',
    usage: ['.frame [NUMBER]'],
    text: 'Frames are numbered as kn numbers them; without a number, shows the one that is chosen: the innermost one at first, and after .cxr, .ecxr, .trap and ~.',
    examples: ['.frame 2'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-frame--set-local-context-',
  },
  async *facts(session, { rest }) {
    const wanted = rest === '' ? (session.scope?.number ?? 0) : Number(await evaluate(session, rest))
    if (!(wanted < MAX_FRAMES))
      throw new DebuggerError(
        'ARGUMENT',
        `frame 0x${wanted.toString(16)} is not one of 0x${MAX_FRAMES.toString(16)}`,
      )
    const walk = stackFrames(
      session,
      session.registers,
      Math.min(wanted + 2, MAX_FRAMES),
      session.currentThread,
    )
    let number = 0
    for await (const found of walk) {
      if (number++ < wanted) continue
      session.setScope({ number: wanted, frame: found })
      yield await frameFact(session, found, wanted, false)
      return
    }
    throw new DebuggerError(
      'ARGUMENT',
      `the stack has 0x${number.toString(16)} frames, frame 0x${wanted.toString(16)} is not one of them`,
    )
  },
  print: printStackFact,
}
