import { hex64 } from '@dumpstack/bytes'
import { ContextX64, KswitchFrame } from '@dumpstack/nt'
import type { Command, Write } from '../command.ts'
import { imageName } from '../current-process.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import { type KernelObject, KernelType, type NoteFact } from '../kernel-object.ts'
import { requireX64 } from '../processors.ts'
import { Registers } from '../registers.ts'
import type { Session } from '../session.ts'
import { printStackFact, type StackFact, stackFacts } from '../stack-facts.ts'
import { MAX_FRAMES } from '../unwind/stack.ts'

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
const DETAILS = 2
const STACK = 4
const DEFAULT_FLAGS = DETAILS | STACK
const ALL_FLAGS = 0x1f

export type ThreadFact =
  | NoteFact
  | {
      readonly kind: 'thread'
      /** By the flags: one line, what it waits for too, or all of it with its stack. */
      readonly detail: ThreadDetail
      readonly address: bigint
      readonly processId: bigint | null
      readonly threadId: bigint | null
      readonly teb: bigint | null
      readonly win32Thread: bigint | null
      readonly state: string
      readonly waitReason: string | null
      /** The processor that it runs on. */
      readonly processor: number | null
    }
  | {
      readonly kind: 'threadDetails'
      readonly process: bigint
      readonly image: string
      readonly contextSwitches: number | null
      readonly startAddress: bigint | null
      readonly startSymbol: string | null
      readonly initialStack: bigint | null
      readonly kernelStack: bigint | null
      readonly stackBase: bigint | null
      readonly stackLimit: bigint | null
      readonly priority: number | null
      readonly basePriority: number | null
    }
  | { readonly kind: 'noStack'; readonly why: string }
  | StackFact

export type ThreadDetail = 'line' | 'wait' | 'stack'

export const thread: Command<ThreadFact> = {
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
  async *facts(session, { rest }) {
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
    if (note !== null) yield { kind: 'note', text: note }
    const isLong = (flags & DETAILS) !== 0
    yield* threadFacts(session, type, address, !isLong ? 'line' : (flags & STACK) === 0 ? 'wait' : 'stack')
  },
  print: printThread,
}

export async function* threadFacts(
  session: Session,
  type: KernelType,
  address: bigint,
  detail: ThreadDetail,
): AsyncGenerator<ThreadFact> {
  const object = type.at(session.memory, address)
  const dispatcherType = object.value('Tcb.Header.Type')
  if (dispatcherType !== THREAD_OBJECT) {
    throw new DebuggerError(
      'ARGUMENT',
      `at ${hex64(address)} lies no thread: its object type is ${dispatcherType}, expected ${THREAD_OBJECT}`,
    )
  }
  const running = session.processors.find(({ currentThread }) => currentThread === address)
  yield {
    kind: 'thread',
    detail,
    address,
    processId: object.tryValue('Cid.UniqueProcess'),
    threadId: object.tryValue('Cid.UniqueThread'),
    teb: object.tryValue('Tcb.Teb'),
    win32Thread: object.tryValue('Tcb.Win32Thread'),
    ...stateOf(type, object),
    processor: running?.number ?? null,
  }
  if (detail === 'line') return
  yield await detailsOf(session, object)
  if (detail === 'wait') return
  const registers = threadRegisters(session, object)
  if (typeof registers === 'string') yield { kind: 'noStack', why: registers }
  else yield* stackFacts(session, registers, { count: MAX_FRAMES, thread: address })
}

function stateOf(type: KernelType, object: KernelObject): { state: string; waitReason: string | null } {
  const state = Number(object.tryValue('Tcb.State') ?? -1n) // a byte
  const reason = state === WAITING && type.has('Tcb.WaitReason') ? object.tryValue('Tcb.WaitReason') : null
  return {
    state: STATES[state] ?? (state < 0 ? 'state ?' : `state ${state}`),
    waitReason:
      reason === null
        ? null
        : (type.enumName('_KWAIT_REASON', reason) ?? WAIT_REASONS[Number(reason)] ?? `${reason}`),
  }
}

async function detailsOf(session: Session, object: KernelObject): Promise<ThreadFact> {
  const process = object.value('Tcb.ApcState.Process')
  const { type: processType } = await KernelType.loadOrKnown(session, '_EPROCESS')
  const startAddress = object.tryValue('StartAddress')
  const small = (path: string): number | null => {
    const value = object.tryValue(path)
    return value === null ? null : Number(value) // 32 bits at most
  }
  return {
    kind: 'threadDetails',
    process,
    image: imageName(session, processType, processType.at(session.memory, process)),
    contextSwitches: small('Tcb.ContextSwitches'),
    startAddress,
    startSymbol: startAddress === null ? null : await session.symbolize(startAddress),
    initialStack: object.tryValue('Tcb.InitialStack'),
    kernelStack: object.tryValue('Tcb.KernelStack'),
    stackBase: object.tryValue('Tcb.StackBase'),
    stackLimit: object.tryValue('Tcb.StackLimit'),
    priority: small('Tcb.Priority'),
    basePriority: small('Tcb.BasePriority'),
  }
}

const digits = (value: bigint | null, width: number): string =>
  value?.toString(16).padStart(width, '0') ?? '?'.repeat(width)
const wide = (value: bigint | null): string => digits(value, 16)

export function printThread(fact: ThreadFact, write: Write): void {
  switch (fact.kind) {
    case 'note':
      write(fact.text)
      return
    case 'thread': {
      // `THREAD ffffc08bde9e1640  Cid 0004.0010  Teb: ... WAIT: (WrQueue)`
      const why = fact.waitReason === null ? '' : `: (${fact.waitReason})`
      const where = fact.processor === null ? '' : ` on processor ${fact.processor}`
      write(
        `THREAD ${fact.address.toString(16)}  Cid ${digits(fact.processId, 4)}.${digits(fact.threadId, 4)}  ` +
          `Teb: ${wide(fact.teb)} Win32Thread: ${wide(fact.win32Thread)} ${fact.state}${why}${where}`,
      )
      return
    }
    case 'threadDetails':
      write(`Owning Process            ${fact.process.toString(16)}       Image:         ${fact.image}`)
      write(`Context Switch Count      ${fact.contextSwitches ?? '?'}`)
      if (fact.startAddress !== null)
        write(`Start Address ${fact.startSymbol} (0x${wide(fact.startAddress)})`)
      write(`Stack Init ${wide(fact.initialStack)} Current ${wide(fact.kernelStack)}`)
      write(`Base ${wide(fact.stackBase)} Limit ${wide(fact.stackLimit)}`)
      write(`Priority ${fact.priority ?? '?'} BasePriority ${fact.basePriority ?? '?'}`)
      return
    case 'noStack':
      write(`The stack is not shown: ${fact.why}`)
      return
    default:
      printStackFact(fact, write)
  }
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
