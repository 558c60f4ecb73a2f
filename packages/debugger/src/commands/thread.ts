import { hex64 } from '@dumpstack/bytes'
import { ContextX64, KswitchFrame } from '@dumpstack/nt'
import type { Command, CommandContext } from '../command.ts'
import { imageName } from '../current-process.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import { type KernelObject, KernelType } from '../kernel-object.ts'
import { requireX64 } from '../processors.ts'
import { Registers } from '../registers.ts'
import type { Session } from '../session.ts'
import { MAX_FRAMES } from '../unwind/stack.ts'
import { printStack } from './k.ts'

/** KTHREAD_STATE of the public types. */
const STATES = [
  'INITIALIZED',
  'READY',
  'RUNNING',
  'STANDBY',
  'TERMINATED',
  'WAIT',
  'TRANSITION',
  'DEFERREDREADY',
  'GATEWAIT',
]
/** KWAIT_REASON of wdm.h, for symbols without the enumeration. */
const WAIT_REASONS = [
  'Executive', 'FreePage', 'PageIn', 'PoolAllocation', 'DelayExecution', 'Suspended', 'UserRequest', 'WrExecutive',
  'WrFreePage', 'WrPageIn', 'WrPoolAllocation', 'WrDelayExecution', 'WrSuspended', 'WrUserRequest', 'WrSpare0', 'WrQueue',
] // biome-ignore format: a list
/** KTHREAD_STATE, Waiting. */
const WAITING = 5
/** KOBJECTS, ThreadObject. */
const THREAD_OBJECT = 6n

/** Flags of the public documentation. */
const FACTS = 2
const STACK = 4
const DEFAULT_FLAGS = FACTS | STACK
const ALL_FLAGS = 0x1f

export const thread: Command = {
  names: ['!thread'],
  help: {
    summary: 'show a thread and its stack',
    usage: ['!thread', '!thread ADDRESS|-1 [FLAGS]'],
    text:
      'Shows the current thread of the processor, or the one at an address: its identity, state, owner, start and stack. A running ' +
      "thread's stack starts at its processor's registers, that of a waiting one at the frame that switching away left on it. Fields " +
      "are read by the types of the kernel's symbols; without them, those are shown whose places the dump itself tells. Flags add up: 0 is one line, 2 adds owner, start and times, " +
      '2 and 4 (6, and without flags) the stack; 10, the stack of the program in its own process, is taken only as far as the dump has ' +
      'the page tables: those of the process that crashed.',
    examples: ['!thread', '!thread -1 2'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-thread',
  },
  async run(context, rest) {
    const { session } = context
    const [, first = '', second] = /^(\S*)(?:\s+(\S+))?$/.exec(rest) ?? ['', rest]
    const isCurrent = first === '' || first === '-1'
    const address = isCurrent ? session.currentThread : await evaluate(session, first)
    const flags = second === undefined ? DEFAULT_FLAGS : Number(await evaluate(session, second))
    if (flags > ALL_FLAGS) {
      throw new DebuggerError(
        'UNSUPPORTED',
        `!thread flags ${second} are not there: 0 to ${ALL_FLAGS.toString(16)} are`,
      )
    }
    if (address === null) throw new DebuggerError('MEMORY_ABSENT', 'the current thread is not in the dump')
    const { type, note } = await KernelType.loadOrKnown(session, '_ETHREAD')
    if (note !== null) context.print(note)
    const isLong = (flags & FACTS) !== 0
    await showThread(context, type, address, !isLong ? 'line' : (flags & STACK) === 0 ? 'wait' : 'stack')
  },
}

/** By the flags of !process: one line, what it waits for, or all of it with its stack. */
export async function showThread(
  context: CommandContext,
  type: KernelType,
  address: bigint,
  detail: 'line' | 'wait' | 'stack',
): Promise<void> {
  const { session, print } = context
  const object = type.at(session.memory, address)
  const dispatcherType = object.value('Tcb.Header.Type')
  if (dispatcherType !== THREAD_OBJECT) {
    throw new DebuggerError(
      'ARGUMENT',
      `at ${hex64(address)} lies no thread: its object type is ${dispatcherType}, expected ${THREAD_OBJECT}`,
    )
  }
  print(headline(session, type, object))
  if (detail === 'line') return
  await printFacts(context, object)
  if (detail === 'wait') return
  const registers = threadRegisters(session, object)
  if (typeof registers === 'string') print(`The stack is not shown: ${registers}`)
  else await printStack(context, registers, MAX_FRAMES, { numbered: false, verbose: false, thread: address })
}

/** `THREAD ffffc08bde9e1640  Cid 0004.0010  Teb: ... WAIT: (WrQueue)` */
function headline(session: Session, type: KernelType, object: KernelObject): string {
  const short = (path: string) => object.tryValue(path)?.toString(16).padStart(4, '0') ?? '????'
  const wide = (path: string) => wideText(object, path)
  const state = Number(object.tryValue('Tcb.State') ?? -1n) // a byte
  const running = session.processors.find(({ currentThread }) => currentThread === object.address)
  const where = running === undefined ? '' : ` on processor ${running.number}`
  const reason = state === WAITING && type.has('Tcb.WaitReason') ? object.tryValue('Tcb.WaitReason') : null
  const why =
    reason === null
      ? ''
      : `: (${type.enumName('_KWAIT_REASON', reason) ?? WAIT_REASONS[Number(reason)] ?? reason})`
  return (
    `THREAD ${object.address.toString(16)}  Cid ${short('Cid.UniqueProcess')}.${short('Cid.UniqueThread')}  ` +
    `Teb: ${wide('Tcb.Teb')} Win32Thread: ${wide('Tcb.Win32Thread')} ${STATES[state] ?? (state < 0 ? 'state ?' : `state ${state}`)}${why}${where}`
  )
}

const wideText = (object: KernelObject, path: string): string =>
  object.tryValue(path)?.toString(16).padStart(16, '0') ?? '????????????????'

async function printFacts({ session, print }: CommandContext, object: KernelObject): Promise<void> {
  const wide = (path: string) => wideText(object, path)
  const process = object.value('Tcb.ApcState.Process')
  const { type: processType } = await KernelType.loadOrKnown(session, '_EPROCESS')
  const name = imageName(session, processType, processType.at(session.memory, process))
  print(`Owning Process            ${process.toString(16)}       Image:         ${name}`)
  print(`Context Switch Count      ${object.tryValue('Tcb.ContextSwitches') ?? '?'}`)
  const start = object.tryValue('StartAddress')
  if (start !== null) print(`Start Address ${await session.symbolize(start)} (0x${wide('StartAddress')})`)
  print(`Stack Init ${wide('Tcb.InitialStack')} Current ${wide('Tcb.KernelStack')}`)
  print(`Base ${wide('Tcb.StackBase')} Limit ${wide('Tcb.StackLimit')}`)
  print(
    `Priority ${object.tryValue('Tcb.Priority') ?? '?'} BasePriority ${object.tryValue('Tcb.BasePriority') ?? '?'}`,
  )
}

/** Where the stack of a thread starts; a text says why that is not known. */
function threadRegisters(session: Session, object: KernelObject): Registers | string {
  const running = session.processors.find(({ currentThread }) => currentThread === object.address)
  try {
    if (running !== undefined) {
      requireX64(session)
      return session.target.registers(running.number) as Registers // those of x64, as required
    }
    const at = object.value('Tcb.KernelStack')
    const frame = KswitchFrame.of(session.memory.bytes(at, KswitchFrame.size))
    const registers = Registers.of(new Uint8Array(ContextX64.size))
    registers.context.rip = frame.return
    registers.context.rbp = frame.rbp
    registers.context.rsp = at + BigInt(KswitchFrame.size)
    return registers
  } catch (error) {
    if (error instanceof DebuggerError) return error.message
    throw error
  }
}
