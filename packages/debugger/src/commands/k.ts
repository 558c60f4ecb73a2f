import { hex64 } from '@dumpstack/bytes'
import type { Command, CommandContext } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import type { Registers } from '../registers.ts'
import type { Session } from '../session.ts'
import { MAX_FRAMES, type OpenValue, type StackFrame, walkStack } from '../unwind/stack.ts'

export const k: Command = {
  names: ['k', 'kn', 'kv', 'kb', 'kp', 'kvn'],
  help: {
    summary: 'show the stack',
    usage: ['k [COUNT]', 'kn [COUNT]', 'kv [COUNT]', 'k = RSP RIP [COUNT]'],
    text:
      'Walks the stack of the current context (see r) and names each place. In brackets stands how a frame was found: unwind, by ' +
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
  async run(context, rest, name) {
    if (name === 'kb' || name === 'kp') {
      throw new DebuggerError('UNSUPPORTED', `${name} is not there: k, kn and kv are`)
    }
    const { start, count } = await parse(context.session, rest)
    await printStack(context, start, count, { numbered: name.includes('n'), verbose: name.includes('v') })
  },
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

export async function printStack(
  { session, print }: Pick<CommandContext, 'session' | 'print'>,
  start: Registers,
  count: number,
  options: { readonly numbered: boolean; readonly verbose: boolean; readonly thread?: bigint },
): Promise<void> {
  const { numbered, verbose, thread = session.currentThread } = options
  // One more than asked for: the last line shows where it returns to.
  const { frames, open, stopped, missingImages } = await walkStack(
    session,
    start,
    Math.min(count + 1, MAX_FRAMES),
    thread,
  )
  const number = numbered ? ' # ' : ''
  const argumentsHead = verbose ? `: ${'Args to Child'.padEnd(67)} : ` : ''
  print(`${number}Child-SP          RetAddr               ${argumentsHead}Call Site`)
  for (const [index, frame] of frames.entries()) {
    if (index === count) break
    await session.step()
    const place = await session.symbolize(frame.ip)
    const line = session.modules.at(frame.ip)?.symbols?.lineAt(rvaOf(session, frame.ip))
    const source = line == null ? '' : ` [${line.file} @ ${line.line}]`
    const head = `${numbered ? `${index.toString(16).padStart(2, '0')} ` : ''}${hex64(frame.childSp)}`
    const isEnd = index + 1 === frames.length && stopped !== null
    const returns = isEnd ? UNKNOWN : hex64(frames[index + 1]?.ip ?? 0n)
    const values = verbose ? `: ${argumentValues(session, frame)} : ` : ''
    print(`${head} ${returns}     ${values}${place}${source} [${foundBy(frame)}]`)
  }
  if (stopped !== null && frames.length <= count) print(`The walk ends here: ${stopped}`)
  if (missingImages.length > 0) {
    const guesses = frames.some(({ foundBy }) => foundBy === 'scan') ? 'Frames by scan are guesses. ' : ''
    print(`${guesses}On the symbol path, these images would let the walk unwind:`)
    for (const { imageName, loaded } of missingImages) {
      const key = `${loaded.timeDateStamp.toString(16).toUpperCase().padStart(8, '0')}${loaded.size.toString(16)}`
      print(`    ${imageName}/${key}/${imageName}`)
    }
  }
  if (frames.length <= count) await printOpenValues({ session, print }, open)
}

/** What lies on the stack and may be return addresses: what a reader would look for with dps. */
export async function printOpenValues(
  { session, print }: Pick<CommandContext, 'session' | 'print'>,
  open: readonly OpenValue[],
): Promise<void> {
  if (open.length === 0) return
  print(
    'On the stack, in modules whose code is not at hand; nothing tells which of them are return addresses:',
  )
  for (const { address, value } of open.slice(0, SHOWN_VALUES)) {
    await session.step()
    print(`    ${hex64(address)} ${await session.symbolize(value)}`)
  }
  const next = open[SHOWN_VALUES]
  if (next !== undefined) print(`    ${open.length - SHOWN_VALUES} more: dps ${hex64(next.address)}`)
}

const SHOWN_VALUES = 24
const UNKNOWN = '????????`????????'

const foundBy = ({ foundBy, missing }: StackFrame): string =>
  missing === null ? foundBy : `${foundBy}: ${missing}`

const rvaOf = (session: Session, address: bigint): number =>
  Number(address - (session.modules.at(address)?.base ?? address)) // inside the module

function argumentValues(session: Session, { argumentsAt }: StackFrame): string {
  return [0n, 8n, 16n, 24n]
    .map((offset) => {
      const value = argumentsAt === null ? null : session.memory.tryU64(argumentsAt + offset)
      return value === null ? UNKNOWN : hex64(value)
    })
    .join(' ')
}
