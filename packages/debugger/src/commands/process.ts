import { hex64 } from '@dumpstack/bytes'
import type { Command, Write } from '../command.ts'
import { currentProcess, imageName } from '../current-process.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import { type KernelObject, KernelType, type NoteFact } from '../kernel-object.ts'
import { listEntries } from '../linked-list.ts'
import type { Session } from '../session.ts'
import { printThread, type ThreadDetail, type ThreadFact, threadFacts } from './thread.ts'

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

export type ProcessFact =
  | NoteFact
  /** The list of all processes begins. */
  | { readonly kind: 'processList' }
  | {
      readonly kind: 'process'
      readonly address: bigint
      readonly processId: bigint | null
      readonly peb: bigint | null
      readonly parentProcessId: bigint | null
      readonly directoryTableBase: bigint | null
      readonly objectTable: bigint | null
      readonly image: string
      /** Null unless they were asked for. */
      readonly statistics: Statistics | null
    }
  /** A thread of the process, which follows where the target holds it. */
  | { readonly kind: 'threadEntry'; readonly address: bigint; readonly detail: ThreadDetail }
  /** All that was asked of a process of the list has been said. */
  | { readonly kind: 'processEnd' }
  | ThreadFact

/** Rows of the documented list, null for those that the symbols and the dump cannot fill; times in 100 ns. */
type Statistics = {
  readonly token: bigint | null
  readonly elapsedTime: bigint | null
  readonly userTime: bigint | null
  readonly kernelTime: bigint | null
  readonly virtualSize: bigint | null
  readonly peakVirtualSize: bigint | null
  readonly basePriority: bigint | null
  readonly commitCharge: bigint | null
}

export const processCommand: Command<ProcessFact> = {
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
  async *facts(session, { rest }) {
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
    if (note !== null) yield { kind: 'note', text: note }
    if (given !== 0n || words.length === 1) {
      const address = given === null || given === 0n ? currentProcess(session) : given
      yield* processFacts(session, type, address, flags)
      return
    }
    yield { kind: 'processList' }
    const links = type.offset('ActiveProcessLinks')
    const head = session.system.psActiveProcessHead
    const image = words[2]?.toLowerCase().slice(0, type.byteLength('ImageFileName') - 1)
    const entries = listEntries(session.memory, head, links, MAX_PROCESSES)
    for await (const address of session.each('processes', entries)) {
      const name = type.at(session.memory, address).text('ImageFileName')
      if (image !== undefined && name?.toLowerCase() !== image) continue
      yield* processFacts(session, type, address, flags)
      yield { kind: 'processEnd' }
    }
  },
  print: printProcess,
}

async function flagsOf(session: Session, text: string): Promise<number> {
  const flags = await evaluate(session, text)
  if (flags > BigInt(ALL_FLAGS)) {
    throw new DebuggerError('UNSUPPORTED', `!process flags ${text} are not there: 0 to ${ALL_FLAGS} are`)
  }
  return Number(flags)
}

async function* processFacts(
  session: Session,
  type: KernelType,
  address: bigint,
  flags: number,
): AsyncGenerator<ProcessFact> {
  const process = type.at(session.memory, address)
  // An address that is none of a process must not print as one.
  const dispatcherType = process.value('Pcb.Header.Type')
  if (dispatcherType !== PROCESS_OBJECT) {
    throw new DebuggerError(
      'ARGUMENT',
      `at ${hex64(address)} lies no process: its object type is ${dispatcherType}, expected ${PROCESS_OBJECT}`,
    )
  }
  yield {
    kind: 'process',
    address,
    processId: process.tryValue('UniqueProcessId'),
    peb: process.tryValue('Peb'),
    parentProcessId: process.tryValue('InheritedFromUniqueProcessId'),
    directoryTableBase: process.tryValue('Pcb.DirectoryTableBase'),
    objectTable: process.tryValue('ObjectTable'),
    image: imageName(session, type, process),
    statistics: flags & STATISTICS ? statisticsOf(session, process) : null,
  }
  if ((flags & (THREADS | THREADS_AND_WAITS)) === 0) return
  const { type: threadType } = await KernelType.loadOrKnown(session, '_ETHREAD')
  const detail =
    (flags & THREADS_AND_WAITS) === 0 ? 'line' : (flags & THREADS) === 0 ? 'wait' : ('stack' as const) // of the three
  const head = process.place('ThreadListHead')
  const entries = listEntries(session.memory, head, threadType.offset('ThreadListEntry'), MAX_THREADS)
  for await (const thread of session.each('threads', entries)) {
    yield { kind: 'threadEntry', address: thread, detail }
    yield* threadFacts(session, threadType, thread, detail)
  }
}

function statisticsOf({ system, kdbg, memory }: Session, process: KernelObject): Statistics {
  const created = process.tryValue('CreateTime.QuadPart') ?? process.tryValue('CreateTime')
  const token = process.tryValue('Token.Value')
  const increment = kdbg === null ? null : memory.tryU32(kdbg.keTimeIncrement)
  const time = (path: string): bigint | null => {
    const ticks = process.tryValue(path)
    return ticks === null || increment === null ? null : ticks * BigInt(increment)
  }
  return {
    token: token === null ? null : token & ~FAST_REFERENCES,
    elapsedTime: created === null ? null : system.systemTime - created,
    userTime: time('Pcb.UserTime'),
    kernelTime: time('Pcb.KernelTime'),
    virtualSize: process.tryValue('VirtualSize'),
    peakVirtualSize: process.tryValue('PeakVirtualSize'),
    basePriority: process.tryValue('Pcb.BasePriority'),
    commitCharge: process.tryValue('CommitCharge'),
  }
}

function printProcess(fact: ProcessFact, write: Write): void {
  switch (fact.kind) {
    case 'processList':
      write('**** NT ACTIVE PROCESS DUMP ****')
      return
    case 'process': {
      const short = (value: bigint | null) => value?.toString(16).padStart(4, '0') ?? '????'
      const wide = (value: bigint | null) => value?.toString(16) ?? '?'
      write(`PROCESS ${fact.address.toString(16)}`)
      write(
        `    Cid: ${short(fact.processId)}    Peb: ${wide(fact.peb)}  ParentCid: ${short(fact.parentProcessId)}`,
      )
      write(`    DirBase: ${wide(fact.directoryTableBase)}  ObjectTable: ${wide(fact.objectTable)}`)
      write(`    Image: ${fact.image}`)
      if (fact.statistics !== null) printStatistics(fact.statistics, write)
      return
    }
    case 'processEnd':
      write()
      return
    case 'threadEntry':
      if (fact.detail !== 'line') write()
      return
    case 'note':
      printThread(fact, write)
      return
    default:
      printThread(fact, (line = '') => write(line === '' ? '' : `        ${line}`))
  }
}

function printStatistics(statistics: Statistics, write: Write): void {
  const row = (name: string, value: bigint | null, text: (value: bigint) => string): void => {
    if (value !== null) write(`    ${name.padEnd(34)}${text(value)}`)
  }
  const megabytes = (value: bigint) => `${value / MIB} Mb`
  row('Token', statistics.token, (value) => value.toString(16).padStart(16, '0'))
  row('ElapsedTime', statistics.elapsedTime, spanText)
  row('UserTime', statistics.userTime, spanText)
  row('KernelTime', statistics.kernelTime, spanText)
  row('VirtualSize', statistics.virtualSize, megabytes)
  row('PeakVirtualSize', statistics.peakVirtualSize, megabytes)
  row('BasePriority', statistics.basePriority, String)
  row('CommitCharge', statistics.commitCharge, String)
}

/** `00:00:42.797`, of a time in 100 ns. */
function spanText(span: bigint): string {
  const ms = span < 0n ? 0n : span / 10_000n
  const two = (value: bigint) => value.toString().padStart(2, '0')
  return `${two(ms / 3_600_000n)}:${two((ms / 60_000n) % 60n)}:${two((ms / 1000n) % 60n)}.${(ms % 1000n).toString().padStart(3, '0')}`
}

/** KOBJECTS, ProcessObject. */
const PROCESS_OBJECT = 3n
