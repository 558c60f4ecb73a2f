import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import type { Registers } from '../registers.ts'
import type { Session } from '../session.ts'
import { printStackFact, type StackFact, stackFacts } from '../stack-facts.ts'
import { MAX_FRAMES } from '../unwind/stack.ts'

export const k: Command<StackFact> = {
  names: ['k', 'kn', 'kv', 'kb', 'kp', 'kvn'],
  help: {
    summary: 'show the stack',
    usage: ['k [COUNT]', 'kn [COUNT]', 'kv [COUNT]', 'k = RSP RIP [COUNT]'],
    text:
      'Walks the stack of the current context (see r) and names each place. Brackets say how a frame was found: unwind, by ' +
      'the unwind information of the frame below; frame, recorded as such by a register context or a trap; call, the caller of ' +
      'KeBugCheckEx, whose return address lies at rsp; code, by code of the frame below that runs straight to a ret; scan, a guess, the next value on the stack that has a call before it or lies ' +
      'in a function, with what was missing: an image, its unwind information, a page. A guess can be wrong, and frames can be ' +
      'missing before it. Values that point into modules whose code is not at hand are no frames: they are listed apart. n numbers the frames, v adds what lies where callers leave room ' +
      'for four arguments (in optimised code these are seldom the arguments).',
    examples: ['k', 'kn 5', 'kv'],
    follows:
      'learn.microsoft.com/windows-hardware/drivers/debuggercmds/k--kb--kc--kd--kp--kp--kv--display-stack-backtrace-; ' +
      'the bracket at the end of a line is ours',
  },
  async *facts(session, { rest, name }) {
    if (name === 'kb' || name === 'kp') {
      throw new DebuggerError('UNSUPPORTED', `${name} is not there: k, kn and kv are`)
    }
    const { start, count } = await parse(session, rest)
    yield* stackFacts(session, start, {
      count,
      isNumbered: name.includes('n'),
      hasArguments: name.includes('v'),
    })
  },
  print: printStackFact,
}

async function parse(session: Session, rest: string): Promise<{ start: Registers; count: number }> {
  const words = rest.split(/\s+/).filter((word) => word !== '')
  const start = session.registers.clone()
  if (words[0] === '=') {
    if (words.length < 3) throw new DebuggerError('ARGUMENT', 'k = needs RSP and RIP')
    start.context.rsp = await evaluate(session, words[1]!)
    start.context.rip = await evaluate(session, words[2]!)
    words.splice(0, 3)
  }
  const count = words[0] === undefined ? MAX_FRAMES : Number(await evaluate(session, words[0]))
  if (!(count > 0 && count <= MAX_FRAMES)) {
    throw new DebuggerError('ARGUMENT', `k shows 1 to 0x${MAX_FRAMES.toString(16)} frames`)
  }
  return { start, count }
}
