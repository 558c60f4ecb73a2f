import { hex64 } from '@dumpstack/bytes'
import type { Command, CommandContext } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import { KernelType, listEntries } from '../kernel-object.ts'
import type { Session } from '../session.ts'

/** A system with more processes than this has a damaged list. */
const MAX_PROCESSES = 0x10000

export const processCommand: Command = {
  names: ['!process'],
  help: {
    summary: 'show a process, or all of them',
    usage: ['!process', '!process ADDRESS', '!process 0 0'],
    text:
      'Shows the process of the current thread, the one at an address, or, with 0 0, every process of the list that starts at ' +
      "nt!PsActiveProcessHead. Fields are read by the types of the kernel's symbols, which must be at hand.",
    examples: ['!process 0 0'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-process',
  },
  async run(context, rest) {
    const { session, print } = context
    const words = rest.split(/\s+/).filter((word) => word !== '')
    if (words.length > 2)
      throw new DebuggerError('ARGUMENT', '!process takes an address and flags: !process 0 0')
    if (words[1] !== undefined && !/^0$/.test(words[1])) {
      throw new DebuggerError('UNSUPPORTED', `!process flags ${words[1]} are not there: only 0 is`)
    }
    const type = await KernelType.load(session, '_EPROCESS')
    const given = words[0] === undefined ? null : await evaluate(session, words[0])
    if (given !== null && given !== 0n) {
      showProcess(context, type, given)
      return
    }
    if (given === null || words.length === 1) {
      showProcess(context, type, await currentProcess(session))
      return
    }
    print('**** NT ACTIVE PROCESS DUMP ****')
    const links = type.offset('ActiveProcessLinks')
    const head = session.dump.header.psActiveProcessHead
    for (const address of listEntries(session.memory, head, links, MAX_PROCESSES)) {
      await session.step()
      showProcess(context, type, address)
      print()
    }
  },
}

export async function currentProcess(session: Session): Promise<bigint> {
  const thread = session.currentThread
  if (thread === null) throw new DebuggerError('MEMORY_ABSENT', 'the current thread is not in the dump')
  return (await KernelType.load(session, '_KTHREAD')).at(session.memory, thread).value('ApcState.Process')
}

function showProcess({ session, print }: CommandContext, type: KernelType, address: bigint): void {
  const process = type.at(session.memory, address)
  // An address that is none of a process must not print as one.
  const dispatcherType = process.value('Pcb.Header.Type')
  if (dispatcherType !== PROCESS_OBJECT) {
    throw new DebuggerError(
      'ARGUMENT',
      `at ${hex64(address)} lies no process: its object type is ${dispatcherType}, expected ${PROCESS_OBJECT}`,
    )
  }
  const short = (path: string) => (process.tryValue(path) ?? 0n).toString(16).padStart(4, '0')
  const wide = (path: string) => (process.tryValue(path) ?? 0n).toString(16)
  print(`PROCESS ${address.toString(16)}`)
  print(
    `    Cid: ${short('UniqueProcessId')}    Peb: ${wide('Peb')}  ParentCid: ${short('InheritedFromUniqueProcessId')}`,
  )
  print(`    DirBase: ${wide('Pcb.DirectoryTableBase')}  ObjectTable: ${wide('ObjectTable')}`)
  print(`    Image: ${process.text('ImageFileName') ?? 'not in the dump'}`)
}

/** KOBJECTS, ProcessObject. */
const PROCESS_OBJECT = 3n
