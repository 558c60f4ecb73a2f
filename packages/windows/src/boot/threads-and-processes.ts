// Process and thread objects, as a debugger walks them: EPROCESS in PsActiveProcessHead, ETHREAD in its process' list,
// a kernel stack for each thread. Each object follows an OBJECT_HEADER in nonpaged pool.
// Fields are laid here; the kernel's own code enters objects in its lists (PspInsertProcess, PspInsertThread).
import { type Gpa, type Gva, gva } from '@dumpstack/bytes'
import { KthreadState, ProcessObject, ThreadObject } from '@dumpstack/nt'
import { allocateKernelStack, type KernelStack } from './kernel-stack.ts'
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
  /** Storage that the kernel image has for it; pool otherwise. */
  readonly at?: Gva
}

export function createProcess(memory: KernelMemoryManager, options: ProcessOptions): KernelProcess {
  const { space, profile } = memory
  const { Eprocess, Kprocess } = profile.layouts
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
  const { space, profile } = memory
  const { Ethread } = profile.layouts
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
  return { va, id: options.id, process, stack }
}

function allocateObject(memory: KernelMemoryManager, byteLength: number, tag: string): Gva {
  const header = memory.pool.allocate(OBJECT_HEADER_BYTES + byteLength, tag)
  memory.space.setU64(header, 1n) // PointerCount
  return gva(header + BigInt(OBJECT_HEADER_BYTES))
}
