// Process and thread objects, as a debugger walks them: EPROCESS in PsActiveProcessHead, ETHREAD in its process' list,
// a kernel stack for each thread. Objects stand behind an OBJECT_HEADER in nonpaged pool.
import { type Gpa, type Gva, gva } from '@dumpstack/bytes'
import {
  Eprocess,
  Ethread,
  Kprocess,
  Kthread,
  KthreadState,
  ProcessObject,
  ThreadObject,
} from '@dumpstack/nt'
import { allocateKernelStack, type KernelStack } from './kernel-stack.ts'
import { initializeListHead, insertTailList } from './linked-list.ts'
import type { KernelMemoryManager } from './memory-manager.ts'

// OBJECT_HEADER: Body at 0x30 on x64; PointerCount at 0, HandleCount at 8.
const OBJECT_HEADER_BYTES = 0x30
const IDEAL_PRIORITY = 8

export interface KernelProcess {
  /** Address of the EPROCESS. */
  readonly va: Gva
  readonly id: number
  readonly imageName: string
  readonly directoryTableBase: Gpa
  /** FILETIME. */
  readonly createTime: bigint
}

export interface KernelThread {
  /** Address of the ETHREAD. */
  readonly va: Gva
  readonly id: number
  readonly process: KernelProcess
  readonly stack: KernelStack
}

export interface ProcessOptions {
  readonly id: number
  readonly parentId: number
  readonly imageName: string
  readonly directoryTableBase: Gpa
  /** FILETIME. */
  readonly createTime: bigint
  /** nt!PsActiveProcessHead; null for the Idle process, which is in no list. */
  readonly activeProcessHead: Gva | null
  /** Storage that the kernel image has for it; pool otherwise. */
  readonly at?: Gva
}

export function createProcess(memory: KernelMemoryManager, options: ProcessOptions): KernelProcess {
  const { space } = memory
  const va = options.at ?? allocateObject(memory, Eprocess.size, 'Proc')
  const bytes = new Uint8Array(Eprocess.size)
  const process = Eprocess.of(bytes)
  process.pcb.header.type = ProcessObject
  process.pcb.header.size = Kprocess.size / 4
  process.pcb.directoryTableBase = BigInt(options.directoryTableBase)
  process.pcb.basePriority = IDEAL_PRIORITY
  process.uniqueProcessId = BigInt(options.id)
  process.inheritedFromUniqueProcessId = BigInt(options.parentId)
  process.createTime = options.createTime
  process.imageFileName = new TextEncoder().encode(options.imageName.slice(0, 14))
  process.priorityClass = 2 // PROCESS_PRIORITY_CLASS_NORMAL
  process.exitStatus = 0x103 // STATUS_PENDING: has not exited
  space.write(va, bytes)
  for (const list of [
    Eprocess.fields.threadListHead.offset,
    Kprocess.fields.threadListHead.offset,
    Kprocess.fields.profileListHead.offset,
    Kprocess.fields.header.offset + 8, // DISPATCHER_HEADER.WaitListHead
  ]) {
    initializeListHead(space, gva(va + BigInt(list)))
  }
  const links = gva(va + BigInt(Eprocess.fields.activeProcessLinks.offset))
  if (options.activeProcessHead === null) initializeListHead(space, links)
  else insertTailList(space, options.activeProcessHead, links)
  const { id, imageName, directoryTableBase, createTime } = options
  return { va, id, imageName, directoryTableBase, createTime }
}

export interface ThreadOptions {
  readonly id: number
  readonly process: KernelProcess
  readonly startAddress: Gva
  /** FILETIME. */
  readonly createTime: bigint
  readonly state: number
  readonly processor: number
  /** Storage that the kernel image has for it; pool otherwise. */
  readonly at?: Gva
}

export function createThread(memory: KernelMemoryManager, options: ThreadOptions): KernelThread {
  const { space } = memory
  const { process } = options
  const stack = allocateKernelStack(space, memory.regions.systemPtes)
  const va = options.at ?? allocateObject(memory, Ethread.size, 'Thre')
  const bytes = new Uint8Array(Ethread.size)
  const thread = Ethread.of(bytes)
  const { tcb } = thread
  tcb.header.type = ThreadObject
  tcb.initialStack = stack.base
  tcb.stackBase = stack.base
  tcb.stackLimit = stack.limit
  tcb.kernelStack = stack.base
  tcb.running = options.state === KthreadState.Running ? 1 : 0
  tcb.state = options.state
  tcb.process = process.va
  tcb.apcProcess = process.va
  tcb.priority = options.id === 0 ? 0 : IDEAL_PRIORITY
  tcb.basePriority = tcb.priority
  tcb.nextProcessor = options.processor
  tcb.idealProcessor = options.processor
  thread.createTime = options.createTime
  thread.startAddress = options.startAddress
  thread.win32StartAddress = options.startAddress
  thread.cid.uniqueProcess = BigInt(process.id)
  thread.cid.uniqueThread = BigInt(options.id)
  space.write(va, bytes)
  for (const list of [
    Kthread.fields.header.offset + 8, // DISPATCHER_HEADER.WaitListHead
    Kthread.fields.apcListHead0.offset,
    Kthread.fields.apcListHead1.offset,
    Ethread.fields.irpList.offset,
  ]) {
    initializeListHead(space, gva(va + BigInt(list)))
  }
  insertTailList(
    space,
    gva(process.va + BigInt(Kprocess.fields.threadListHead.offset)),
    gva(va + BigInt(Kthread.fields.threadListEntry.offset)),
  )
  insertTailList(
    space,
    gva(process.va + BigInt(Eprocess.fields.threadListHead.offset)),
    gva(va + BigInt(Ethread.fields.threadListEntry.offset)),
  )
  const active = gva(process.va + BigInt(Eprocess.fields.activeThreads.offset))
  space.setU32(active, space.u32(active) + 1)
  return { va, id: options.id, process, stack }
}

function allocateObject(memory: KernelMemoryManager, byteLength: number, tag: string): Gva {
  const header = memory.pool.allocate(OBJECT_HEADER_BYTES + byteLength, tag)
  memory.space.setU64(header, 1n) // PointerCount
  return gva(header + BigInt(OBJECT_HEADER_BYTES))
}

/** The dispatcher's view of a thread: KTHREAD_STATE, and where its registers are saved while it does not run. */
export function setThreadState(
  memory: KernelMemoryManager,
  thread: KernelThread,
  state: number,
  kernelStack: Gva,
): void {
  const { fields } = Kthread
  memory.space.write(gva(thread.va + BigInt(fields.state.offset)), Uint8Array.of(state))
  const running = state === KthreadState.Running ? 1 : 0
  memory.space.write(gva(thread.va + BigInt(fields.running.offset)), Uint8Array.of(running))
  memory.space.setU64(gva(thread.va + BigInt(fields.kernelStack.offset)), kernelStack)
}
