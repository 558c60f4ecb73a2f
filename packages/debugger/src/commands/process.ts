import { hex64 } from '@dumpstack/bytes'
import type { Command, CommandContext } from '../command.ts'
import { currentProcess, imageName } from '../current-process.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import { type KernelObject, KernelType, listEntries } from '../kernel-object.ts'
import type { Session } from '../session.ts'
import { showThread } from './thread.ts'

/** A system with more processes than this has a damaged list. */
const MAX_PROCESSES = 0x10000
const MAX_THREADS = 0x10000
/** EX_FAST_REF: the low four bits count references. */
const FAST_REFERENCES = 0xfn
const MIB = 0x10_0000n

/** Flags of the public documentation. */
const STATISTICS = 1
const THREADS_AND_WAITS = 2
const THREADS = 4
const ALL_FLAGS = STATISTICS | THREADS_AND_WAITS | THREADS

export const processCommand: Command = {
  names: ['!process'],
  help: {
    summary: 'show a process, or all of them',
    usage: ['!process', '!process ADDRESS|-1 [FLAGS]', '!process 0 FLAGS [IMAGE]'],
    text:
      'Shows the process of the current thread (also -1), the one at an address, or, with 0 and flags, every process of the list that starts ' +
      'at nt!PsActiveProcessHead, or those of one image. Flags add up: 0 is the process alone, 1 adds times and sizes, 2 its threads and what they ' +
      'wait for, 4 its threads in a line each, 6 its threads with their stacks; 7 is all of it. Fields are read by the types of the ' +
      "kernel's symbols; without them, those fields are shown whose places the dump itself tells, and ? for the others.",
    examples: ['!process 0 0', '!process 0 0 crashdumptest.exe', '!process 0 7'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-process',
  },
  async run(context, rest) {
    const { session, print } = context
    const words = rest.split(/\s+/).filter((word) => word !== '')
    if (words.length > 3) {
      throw new DebuggerError(
        'ARGUMENT',
        '!process takes an address, flags and an image: !process 0 0 System',
      )
    }
    const { type, note } = await KernelType.loadOrKnown(session, '_EPROCESS')
    const isCurrent = words[0] === undefined || words[0] === '-1'
    const given = isCurrent ? null : await evaluate(session, words[0]!)
    const flags = words[1] === undefined ? 0 : await flagsOf(session, words[1])
    if (note !== null) print(note)
    if (given !== 0n) {
      await showProcess(context, type, given ?? currentProcess(session), flags)
      return
    }
    if (words.length === 1) {
      await showProcess(context, type, currentProcess(session), flags)
      return
    }
    print('**** NT ACTIVE PROCESS DUMP ****')
    const links = type.offset('ActiveProcessLinks')
    const head = session.system.psActiveProcessHead
    const image = words[2]?.toLowerCase().slice(0, type.byteLength('ImageFileName') - 1)
    for (const address of listEntries(session.memory, head, links, MAX_PROCESSES)) {
      await session.step()
      const name = type.at(session.memory, address).text('ImageFileName')
      if (image !== undefined && name?.toLowerCase() !== image) continue
      await showProcess(context, type, address, flags)
      print()
    }
  },
}

async function flagsOf(session: Session, text: string): Promise<number> {
  const flags = await evaluate(session, text)
  if (flags > BigInt(ALL_FLAGS)) {
    throw new DebuggerError('UNSUPPORTED', `!process flags ${text} are not there: 0 to ${ALL_FLAGS} are`)
  }
  return Number(flags)
}

async function showProcess(
  context: CommandContext,
  type: KernelType,
  address: bigint,
  flags: number,
): Promise<void> {
  const { session, print } = context
  const process = type.at(session.memory, address)
  // An address that is none of a process must not print as one.
  const dispatcherType = process.value('Pcb.Header.Type')
  if (dispatcherType !== PROCESS_OBJECT) {
    throw new DebuggerError(
      'ARGUMENT',
      `at ${hex64(address)} lies no process: its object type is ${dispatcherType}, expected ${PROCESS_OBJECT}`,
    )
  }
  const short = (path: string) => process.tryValue(path)?.toString(16).padStart(4, '0') ?? '????'
  const wide = (path: string) => process.tryValue(path)?.toString(16) ?? '?'
  print(`PROCESS ${address.toString(16)}`)
  print(
    `    Cid: ${short('UniqueProcessId')}    Peb: ${wide('Peb')}  ParentCid: ${short('InheritedFromUniqueProcessId')}`,
  )
  print(`    DirBase: ${wide('Pcb.DirectoryTableBase')}  ObjectTable: ${wide('ObjectTable')}`)
  print(`    Image: ${imageName(session, type, process)}`)
  if (flags & STATISTICS) for (const line of statistics(session, type, process)) print(line)
  if (flags & (THREADS | THREADS_AND_WAITS)) await showThreads(context, process, flags)
}

async function showThreads(context: CommandContext, process: KernelObject, flags: number): Promise<void> {
  const { session, print } = context
  const { type: threadType } = await KernelType.loadOrKnown(session, '_ETHREAD')
  const head = process.place('ThreadListHead')
  const detail =
    (flags & THREADS_AND_WAITS) === 0 ? 'line' : (flags & THREADS) === 0 ? 'wait' : ('stack' as const) // of the three
  for (const address of listEntries(
    session.memory,
    head,
    threadType.offset('ThreadListEntry'),
    MAX_THREADS,
  )) {
    await session.step()
    if (detail !== 'line') print()
    const indented = { ...context, print: (line = '') => print(line === '' ? '' : `        ${line}`) }
    await showThread(indented, threadType, address, detail)
  }
}

/** Rows of the documented list that the symbols and the dump can fill. */
function* statistics(session: Session, type: KernelType, process: KernelObject): Generator<string> {
  const row = (name: string, value: string) => `    ${name.padEnd(34)}${value}`
  const field = (path: string) => (type.has(path) ? process.tryValue(path) : null)
  const token = field('Token.Value')
  if (token !== null) yield row('Token', (token & ~FAST_REFERENCES).toString(16).padStart(16, '0'))
  const created = field('CreateTime.QuadPart') ?? field('CreateTime')
  if (created !== null) yield row('ElapsedTime', spanText(session.system.systemTime - created))
  const increment = session.kdbg === null ? null : session.memory.tryU32(session.kdbg.keTimeIncrement)
  for (const [name, path] of [
    ['UserTime', 'Pcb.UserTime'],
    ['KernelTime', 'Pcb.KernelTime'],
  ] as const) {
    const ticks = field(path)
    if (ticks !== null && increment !== null) yield row(name, spanText(ticks * BigInt(increment)))
  }
  for (const [name, path] of [
    ['VirtualSize', 'VirtualSize'],
    ['PeakVirtualSize', 'PeakVirtualSize'],
    ['BasePriority', 'Pcb.BasePriority'],
    ['CommitCharge', 'CommitCharge'],
  ] as const) {
    const value = field(path)
    if (value === null) continue
    yield row(name, name.endsWith('Size') ? `${value / MIB} Mb` : value.toString())
  }
}

/** `00:00:42.797`, of a time in 100 ns. */
function spanText(span: bigint): string {
  const ms = span < 0n ? 0n : span / 10_000n
  const two = (value: bigint) => value.toString().padStart(2, '0')
  return `${two(ms / 3_600_000n)}:${two((ms / 60_000n) % 60n)}:${two((ms / 1000n) % 60n)}.${(ms % 1000n).toString().padStart(3, '0')}`
}

/** KOBJECTS, ProcessObject. */
const PROCESS_OBJECT = 3n
