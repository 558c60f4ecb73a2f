// What a developer asks a debugger for first: the processors, the thread and the process of the crash, the list of processes
// and the data of the bugcheck, read through the kernel's types, sound in themselves and as RAM had them at the crash. A mini
// dump holds them for the processor of the crash only.

import { DumpstackError, gva, hex, hex64 } from '@dumpstack/bytes'
import { KernelType, listEntries, type Session } from '@dumpstack/debugger'
import { MAX_PROCESSORS } from '@dumpstack/nt'
import { CrashtestError } from '../errors.ts'
import * as messages from '../messages.ts'
import { type Verdict, worst } from '../test-event.ts'
import { TruthMemory } from '../truth-memory.ts'
import { andMore, counted } from './check.ts'
import {
  attempt,
  type DebuggedDump,
  type DebuggerCheck,
  kernelWithSymbols,
  verdictOfError,
} from './debugger-check.ts'

const PROCESSORS = 'the processors (nt!KiProcessorBlock, _KPRCB)'
const THREAD = 'the current thread (_KTHREAD)'
const PROCESS = 'the current process (_EPROCESS)'
const PROCESSES = 'the list of processes (nt!PsActiveProcessHead)'
const BUGCHECK = 'the data of the bugcheck (nt!KiBugCheckData)'
const IN_MINI = [PROCESSORS, THREAD, PROCESS, BUGCHECK]
const ALL = [PROCESSORS, THREAD, PROCESS, PROCESSES, BUGCHECK]

const MAX_PROCESSES = 0x10000
/** KOBJECTS: ProcessObject, ThreadObject. */
const PROCESS_OBJECT = 3n
const THREAD_OBJECT = 6n
const NAMED = 8
/** Bugcheck codes of mini dumps carry it on top, as in SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M. */
const M_SUFFIX = 0x1000_0000n
/** CR3 holds flags in the low bits, and the process' copy of it too. */
const PAGE_FRAME = 0x000f_ffff_ffff_f000n

export const objects: DebuggerCheck = {
  id: 'objects',
  async judge(debugged) {
    const kernel = kernelWithSymbols(debugged)
    if (typeof kernel === 'string') {
      return {
        verdict: 'inconclusive',
        message: `the kernel's objects cannot be read: ${kernel}`,
        unableToGet: debugged.dump.triage === undefined ? ALL : IN_MINI,
      }
    }
    const search = new Search(debugged)
    const found = await search.run()
    const { unable } = search
    if (unable.length === 0) return { verdict: 'pass', message: found.join(', ') }
    const lines = unable.map(({ what, why }) => `${what}: ${why}`)
    return {
      verdict: worst(unable.map(({ verdict }) => verdict)),
      message: `${lines.slice(0, NAMED).join('; ')}${andMore(lines.length, NAMED)}`,
      says: lines.map((line) => messages.unableToGet(line)),
    }
  },
}

class Search {
  readonly unable: { readonly what: string; readonly why: string; readonly verdict: Verdict }[] = []
  readonly #session: Session
  readonly #truth: TruthMemory | null
  readonly #isMini: boolean

  constructor({ session, dump, evidence }: DebuggedDump) {
    this.#session = session
    this.#truth = evidence === null ? null : new TruthMemory(evidence)
    this.#isMini = dump.triage !== undefined
  }

  /** What was found, in words. */
  async run(): Promise<string[]> {
    const found: string[] = []
    const processors = await this.#get(PROCESSORS, () => this.#processors())
    if (processors !== null) found.push(counted(processors.count, 'processor'))
    const thread =
      processors === null ? null : await this.#get(THREAD, () => this.#thread(processors.crashed))
    if (thread !== null) found.push(`thread ${hex64(thread)}`)
    const process = thread === null ? null : await this.#get(PROCESS, () => this.#process(thread))
    if (process !== null) found.push(`process ${process.name} (${hex(process.id)})`)
    if (!this.#isMini && process !== null) {
      const count = await this.#get(PROCESSES, () => this.#processList(process))
      if (count !== null) found.push(`${count} in the list of processes`)
    }
    if (await this.#get(BUGCHECK, () => this.#bugcheckData())) found.push('bugcheck data')
    return found
  }

  /** PRCBs by nt!KiProcessorBlock: each knows its own number. */
  async #processors(): Promise<{ count: number; crashed: bigint }> {
    const session = this.#session
    const { memory, system } = session
    const type = await KernelType.load(session, '_KPRCB')
    const block = session.kernel.byName('KiProcessorBlock')
    if (block === null) throw new Unsound('the symbols do not name it', 'inconclusive')
    const all = Array.from({ length: Math.min(system.processorCount, MAX_PROCESSORS) }, (_, n) => n)
    const numbers = this.#isMini ? [session.crashProcessor] : all
    let crashed = 0n
    for (const number of numbers) {
      await session.step()
      const slot = block + BigInt(number * 8)
      const prcb = this.#pointer(`processor ${number}`, slot, memory.u64(slot))
      const own = type.at(memory, prcb).number('Number')
      if (own !== number) {
        throw new Unsound(`the PRCB of processor ${number} at ${hex64(prcb)} says that it is of ${own}`)
      }
      if (number === session.crashProcessor) crashed = prcb
    }
    if (crashed === 0n) throw new Unsound(`processor ${session.crashProcessor} is none of ${numbers.length}`)
    return { count: numbers.length, crashed }
  }

  async #thread(prcb: bigint): Promise<bigint> {
    const { memory } = this.#session
    const type = await KernelType.load(this.#session, '_KPRCB')
    const field = type.at(memory, prcb)
    const thread = this.#pointer('it', field.place('CurrentThread'), field.value('CurrentThread'))
    const object = (await KernelType.load(this.#session, '_KTHREAD')).at(memory, thread)
    const kind = object.value('Header.Type')
    if (kind !== THREAD_OBJECT) {
      throw new Unsound(`at ${hex64(thread)} lies no thread: object type ${kind}, expected ${THREAD_OBJECT}`)
    }
    return thread
  }

  /** The process' page tables are those that the header names: without them no address of it can be looked up. */
  async #process(thread: bigint): Promise<{ address: bigint; name: string; id: bigint }> {
    const session = this.#session
    const { memory, system } = session
    const field = (await KernelType.load(session, '_KTHREAD')).at(memory, thread)
    const path = 'ApcState.Process'
    const address = this.#pointer('it', field.place(path), field.value(path))
    const process = (await KernelType.load(session, '_EPROCESS')).at(memory, address)
    const kind = process.value('Pcb.Header.Type')
    if (kind !== PROCESS_OBJECT) {
      throw new Unsound(
        `at ${hex64(address)} lies no process: object type ${kind}, expected ${PROCESS_OBJECT}`,
      )
    }
    const table = process.value('Pcb.DirectoryTableBase')
    this.#pointer('its directory table base', process.place('Pcb.DirectoryTableBase'), table)
    const header = BigInt(system.directoryTableBase)
    if ((table & PAGE_FRAME) !== header) {
      throw new Unsound(`its page tables are at ${hex(table & PAGE_FRAME)}, the dump's at ${hex(header)}`)
    }
    const name = process.text('ImageFileName') ?? ''
    return { address, name, id: process.value('UniqueProcessId') }
  }

  async #processList(process: { readonly address: bigint; readonly id: bigint }): Promise<number> {
    const session = this.#session
    const type = await KernelType.load(session, '_EPROCESS')
    const head = session.kernel.byName('PsActiveProcessHead')
    if (head === null) throw new Unsound('the symbols do not name it', 'inconclusive')
    let count = 0
    // The idle process is in no list.
    let isListed = process.id === 0n
    const links = type.offset('ActiveProcessLinks')
    for (const address of listEntries(session.memory, head, links, MAX_PROCESSES)) {
      await session.step()
      count++
      isListed ||= address === process.address
    }
    if (!isListed) throw new Unsound(`the current process ${hex64(process.address)} is none of its ${count}`)
    return count
  }

  /** nt!KiBugCheckData: code and parameters, as the header repeats them. False where a mini dump does not hold it. */
  async #bugcheckData(): Promise<boolean> {
    const { kernel, memory, system } = this.#session
    const at = kernel.byName('KiBugCheckData')
    if (at === null) throw new Unsound('the symbols do not name it', 'inconclusive')
    if (this.#isMini && memory.tryU64(at) === null) return false
    const found = [0n, 8n, 16n, 24n, 32n].map((offset) => memory.u64(at + offset))
    const { bugcheckCode, bugcheckParameters } = system
    const expected = [BigInt(bugcheckCode), ...bugcheckParameters]
    const plain = (values: readonly bigint[]): string =>
      values.map((value, index) => hex(index === 0 ? value & ~M_SUFFIX : value)).join(', ')
    if (plain(found) !== plain(expected)) {
      throw new Unsound(`it is ${plain(found)}, the header says ${plain(expected)}`)
    }
    return true
  }

  /** A value that the debugger read at `at`, which RAM at the crash must have had there. */
  #pointer(what: string, at: bigint, value: bigint): bigint {
    const expected = this.#truth?.u64(gva(at)) ?? null
    if (expected !== null && expected !== value) {
      throw new Unsound(`${what} at ${hex64(at)} is ${hex64(value)}, at the crash it was ${hex64(expected)}`)
    }
    return value
  }

  async #get<T>(what: string, work: () => Promise<T>): Promise<T | null> {
    const result = await attempt(work)
    if (!(result instanceof DumpstackError)) return result
    const verdict = result instanceof Unsound ? result.verdict : verdictOfError(result)
    this.unable.push({ what, why: result.message, verdict })
    return null
  }
}

/** An object that is there and contradicts itself, the dump or RAM. */
class Unsound extends CrashtestError {
  readonly verdict: Verdict
  constructor(message: string, verdict: Verdict = 'fail') {
    super('OBJECT_UNSOUND', message)
    this.verdict = verdict
  }
}
