// The user half: the session manager's children and the test program, each with tables and private memory of its own, and
// the memory of a process that has ended (free again, but written once).
import { type Gva, gva, PAGE_SIZE, pagesInRuns, pfnToGpa } from '@dumpstack/bytes'
import type { PeImage } from '@dumpstack/image'
import { Owner } from '@dumpstack/machine'
import { KthreadState, MachineFrame } from '@dumpstack/nt'
import { WindowsError } from '../errors.ts'
import { AddressSpace } from './address-space.ts'
import type { GuestCode } from './guest-code.ts'
import { mapImage, shareImage } from './image-mapping.ts'
import type { KernelMemoryManager } from './memory-manager.ts'
import type { PageTables } from './page-tables.ts'
import { ENVIRONMENT_PAGES, layProcessEnvironment } from './process-environment.ts'
import { SeededChoice } from './seeded-choice.ts'
import type { SystemClock } from './system-clock.ts'
import {
  createProcess,
  createThread,
  type KernelProcess,
  type KernelThread,
} from './threads-and-processes.ts'
import { commitUserMemory, drawHeapBase, pageOfText, USER_READ_WRITE } from './user-memory.ts'
import type { UserSharedData } from './user-shared-data.ts'

/** The program that asks the crash driver to crash. */
export const CRASH_TEST_PROGRAM = 'crashdumptest.exe'

// A sixteenth of RAM is user memory and a quarter of that was written; at most 4 MiB, so that a large machine boots fast.
const USER_SHARE = 16
const WRITTEN_SHARE = 4
const MAX_WRITTEN_PAGES = 1024
const FIRST_USER_PROCESS_ID = 0x140

const PROGRAMS: readonly { readonly name: string; readonly weight: number }[] = [
  { name: 'smss.exe', weight: 1 },
  { name: 'csrss.exe', weight: 3 },
  { name: 'wininit.exe', weight: 2 },
  { name: CRASH_TEST_PROGRAM, weight: 2 },
]

export const NTDLL_FILE = 'ntdll.dll'
const NTDLL_LOWEST = 0x7ff800000000n
const USER_STACK_PAGES = 4
const USER_CS = 0x33
const USER_SS = 0x2b
/** Interrupts enabled; bit 1 is always set. */
const EFLAGS_INTERRUPTS_ON = 0x202
const IO_STATUS_BLOCK_BYTES = 16n
/** Return address, home space, arguments 5 to 10. */
const ARGUMENT_BYTES = 0x60n
const FIFTH_ARGUMENT = 0x28n

export interface UserProcess {
  readonly process: KernelProcess
  readonly thread: KernelThread
  readonly tables: PageTables
  /** Its memory. */
  readonly space: AddressSpace
  readonly stack: { readonly base: Gva; readonly limit: Gva }
  /** ntdll!NtDeviceIoControlFile. */
  readonly deviceControl: Gva
}

export interface UserProcessesOptions {
  readonly memory: KernelMemoryManager
  readonly clock: SystemClock
  readonly sharedData: UserSharedData
  readonly parentId: number
  readonly ntdll: PeImage
  readonly processorCount: number
}

export function startUserProcesses(options: UserProcessesOptions): readonly UserProcess[] {
  const { memory, clock } = options
  const choice = new SeededChoice(memory.ram.seed, 'user processes')
  const userPages = Math.floor(pagesInRuns(memory.ram.runs) / USER_SHARE)
  const weights = PROGRAMS.reduce((sum, program) => sum + program.weight, 0)
  const { ntdll } = options
  const ntdllBase = gva(NTDLL_LOWEST + BigInt(choice.below(0x1000) * 0x10000))
  const at = (rva: number): Gva => gva(ntdllBase + BigInt(rva))
  let first: PageTables | null = null
  let id = FIRST_USER_PROCESS_ID
  let parentId = options.parentId
  return PROGRAMS.map(({ name, weight }) => {
    // Processes and threads take their ids from one table: the thread's follows its process'.
    id += 8 + 4 * choice.below(32)
    const tables = memory.tables.newProcess()
    options.sharedData.mapInto(tables)
    const pageCount = Math.floor((userPages * weight) / weights)
    const space = new AddressSpace(memory.ram, memory.pages, tables)
    if (first === null) mapImage(space, ntdll, ntdllBase, Owner.user, true)
    else shareImage(first, tables, ntdll, ntdllBase)
    first ??= tables
    const heap = drawHeapBase(choice)
    const written = Math.min(Math.floor(pageCount / WRITTEN_SHARE), MAX_WRITTEN_PAGES)
    commitUserMemory(space, name, heap, pageCount, written)
    const limit = gva(heap - BigInt((USER_STACK_PAGES + 1) * PAGE_SIZE))
    const stack = { limit, base: gva(limit + BigInt(USER_STACK_PAGES * PAGE_SIZE)) }
    space.commitZeroed(limit, USER_STACK_PAGES, Owner.user, USER_READ_WRITE)
    const process = createProcess(memory, {
      id,
      parentId,
      imageName: name,
      directoryTableBase: tables.directoryTableBase,
      createTime: clock.systemTime,
    })
    if (name === 'smss.exe') parentId = id
    const thread = createThread(memory, {
      id: id + 4,
      process,
      startAddress: at(exportedRva(ntdll, 'RtlUserThreadStart')),
      createTime: clock.systemTime,
      state: KthreadState.Initialized,
      processor: 0,
    })
    layProcessEnvironment({
      space,
      base: gva(limit - BigInt((ENVIRONMENT_PAGES + 1) * PAGE_SIZE)),
      thread,
      stack,
      module: { name: NTDLL_FILE, base: ntdllBase, pe: ntdll },
      profile: memory.profile,
      processorCount: options.processorCount,
    })
    return {
      process,
      thread,
      tables,
      space,
      stack,
      deviceControl: at(exportedRva(ntdll, 'NtDeviceIoControlFile')),
    }
  })
}

/** What a program asks of its device. */
export interface DeviceRequest {
  readonly ioControlCode: number
  readonly input: readonly bigint[]
}
export const NO_REQUEST: DeviceRequest = { ioControlCode: 0, input: [] }

/**
 * Readies the program's thread: its first instruction in user mode is that of ntdll!NtDeviceIoControlFile, whose arguments
 * lie on its stack as a compiled caller leaves them. The program's own frames are not modelled: there is no return address.
 */
export function startProgram(options: {
  readonly memory: KernelMemoryManager
  readonly code: GuestCode
  readonly program: UserProcess
  /** A handle of this kernel is the file object's address. */
  readonly file: bigint
  readonly request: DeviceRequest
}): void {
  const { memory, code, program, request } = options
  const { space, stack } = program
  const input = stack.base - BigInt(request.input.length * 8)
  const ioStatusBlock = input - IO_STATUS_BLOCK_BYTES
  const rsp = gva(((ioStatusBlock - ARGUMENT_BYTES) & ~0xfn) - 8n)
  request.input.forEach((value, index) => {
    space.setU64(gva(input + BigInt(index * 8)), value)
  })
  const inputBytes = BigInt(request.input.length * 8)
  const arguments5To10 = [
    ioStatusBlock,
    BigInt(request.ioControlCode),
    inputBytes === 0n ? 0n : input,
    inputBytes,
    0n,
    0n,
  ]
  arguments5To10.forEach((value, index) => {
    space.setU64(gva(rsp + FIFTH_ARGUMENT + BigInt(index * 8)), value)
  })
  const bytes = new Uint8Array(MachineFrame.size)
  const frame = MachineFrame.of(bytes)
  frame.rip = program.deviceControl
  frame.segCs = USER_CS
  frame.eFlags = EFLAGS_INTERRUPTS_ON
  frame.rsp = rsp
  frame.segSs = USER_SS
  const at = memory.pool.allocate(MachineFrame.size, 'PsCr')
  memory.space.write(at, bytes)
  code.call('KiInitializeUserContextThread', program.thread.va, at, options.file)
}

function exportedRva(image: PeImage, name: string): number {
  const rva = image.exports.get(name)
  if (rva !== undefined) return rva
  throw new WindowsError('SYMBOL_NOT_FOUND', `${NTDLL_FILE} does not export ${name}`, { name })
}

/** Pages of a process that ran and ended: free again, and still holding what it wrote. */
export function leaveEndedProcess(memory: KernelMemoryManager, name: string, pageCount: number): void {
  const left = Array.from({ length: pageCount }, () => memory.pages.take(Owner.user))
  for (const [index, page] of left.entries()) {
    memory.ram.write(pfnToGpa(page), pageOfText(`${name} ended, its page ${index}`))
    memory.pages.release(page, 1)
  }
}
