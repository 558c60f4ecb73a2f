// The stacks that a crashed system shows: the thread that crashed it, idle processors stopped by the interrupt, threads
// that wait. Names are those of build 19041's functions; the guest kernel exports them and really calls them so.
import { type Gva, gva } from '@dumpstack/bytes'
import type { AddressSpace } from '../boot/address-space.ts'
import type { Bugcheck } from '../boot/contract.ts'
import type { KernelImage } from '../boot/loaded-images.ts'
import type { KernelThread } from '../boot/threads-and-processes.ts'
import {
  EFLAGS_INTERRUPTS_ON,
  KERNEL_CS,
  KERNEL_SS,
  type MachineFrame,
  type StackFunction,
  StackWriter,
} from './stack-writer.ts'

/** Registers of a processor that was stopped. */
export interface StoppedAt {
  readonly rip: Gva
  readonly eFlags: number
  /** General registers by their number in unwind codes; rsp is number 4. */
  readonly registers: BigUint64Array
}

const RCX = 1
const RDX = 2
const RSP = 4
const R8 = 8
const R9 = 9

/** What KiSystemCall64 takes for the arguments of a service, behind its trap frame. */
const SERVICE_ARGUMENT_BYTES = 0x70
const STI_HLT = [0xfb, 0xf4] as const
/** Offsets from rsp at the entry of a function: four home slots, then the fifth argument (x64 calling convention). */
const HOME_SLOTS = [8n, 16n, 24n, 32n] as const
const FIFTH_ARGUMENT = 40n

/** How a program's system call reaches `names`, one kernel function calling the next. */
function systemCall(
  space: AddressSpace,
  kernel: KernelImage,
  thread: KernelThread,
  from: MachineFrame,
): StackWriter {
  const stack = new StackWriter(space, thread.stack.base)
  stack.interrupt(nt(kernel, 'KiSystemServiceCopyEnd'), from)
  stack.reserve(SERVICE_ARGUMENT_BYTES)
  stack.call(nt(kernel, 'NtDeviceIoControlFile'), 'pointer')
  stack.call(nt(kernel, 'IopXxxControlFile'))
  stack.call(nt(kernel, 'IopSynchronousServiceTail'))
  return stack
}

export interface CrashStackOptions {
  readonly kernel: KernelImage
  readonly driver: KernelImage
  readonly thread: KernelThread
  /** Where the test program made its system call. */
  readonly from: MachineFrame
  readonly bugcheck: Bugcheck
}

/** DeviceIoControl of the test program, down to the first instruction of KeBugCheckEx, where the context is captured. */
export function layCrashStack(space: AddressSpace, options: CrashStackOptions): StoppedAt {
  const { kernel, driver, bugcheck } = options
  const stack = systemCall(space, kernel, options.thread, options.from)
  stack.call(nt(kernel, 'IofCallDriver'))
  stack.call({ image: driver, name: 'CrashTestDeviceControl' }, 'pointer')
  stack.call({ image: driver, name: 'CrashTestTriggerBugcheck' })
  const rip = stack.callWithoutProlog(nt(kernel, 'KeBugCheckEx'))
  const [p1, p2, p3, p4] = bugcheck.parameters
  const { registers, rsp } = stack
  registers[RCX] = BigInt(bugcheck.code)
  registers[RDX] = p1
  registers[R8] = p2
  registers[R9] = p3
  const home = [BigInt(bugcheck.code), p1, p2, p3]
  for (const [index, offset] of HOME_SLOTS.entries()) space.setU64(gva(rsp + offset), home[index]!)
  space.setU64(gva(rsp + FIFTH_ARGUMENT), p4)
  return { rip, eFlags: EFLAGS_INTERRUPTS_ON, registers }
}

/** An idle processor, halted, when the interrupt came: what it had in its registers then, and the freeze on its stack. */
export function layFrozenStack(space: AddressSpace, kernel: KernelImage, idle: KernelThread): StoppedAt {
  const stack = new StackWriter(space, idle.stack.base)
  stack.enterFirst(nt(kernel, 'KiIdleLoop'))
  stack.call(nt(kernel, 'PoIdle'))
  stack.call(nt(kernel, 'PpmIdleExecuteTransition'))
  stack.call(nt(kernel, 'PpmIdleDefaultExecute'))
  stack.call(nt(kernel, 'HalProcessorIdle'))
  const rip = stack.ripBehind(STI_HLT)
  const registers = stack.registers.slice()
  stack.interrupt(nt(kernel, 'KiIpiInterrupt'), {
    rip,
    cs: KERNEL_CS,
    eFlags: EFLAGS_INTERRUPTS_ON,
    rsp: registers[RSP]!,
    ss: KERNEL_SS,
  })
  stack.call(nt(kernel, 'KiIpiProcessRequests'))
  stack.call(nt(kernel, 'KiFreezeTargetExecution'))
  return { rip, eFlags: EFLAGS_INTERRUPTS_ON, registers }
}

/** Each returns what KTHREAD.KernelStack of the thread must hold: the address of its switch frame. */
export function layWaitingWorker(space: AddressSpace, kernel: KernelImage, thread: KernelThread): Gva {
  const stack = new StackWriter(space, thread.stack.base)
  stack.enterFirst(nt(kernel, 'KiStartSystemThread'))
  stack.call(nt(kernel, 'PspSystemThreadStartup'))
  stack.call(nt(kernel, 'ExpWorkerThread'), 'pointer')
  stack.call(nt(kernel, 'KeWaitForSingleObject'))
  return switchAway(stack, kernel)
}

/** A program that waits for a device to complete its request. */
export function layWaitingProgram(
  space: AddressSpace,
  kernel: KernelImage,
  thread: KernelThread,
  from: MachineFrame,
): Gva {
  const stack = systemCall(space, kernel, thread, from)
  stack.call(nt(kernel, 'KeWaitForSingleObject'))
  return switchAway(stack, kernel)
}

/** The idle thread of a processor that runs another thread. */
export function layReplacedIdle(space: AddressSpace, kernel: KernelImage, idle: KernelThread): Gva {
  const stack = new StackWriter(space, idle.stack.base)
  stack.enterFirst(nt(kernel, 'KiIdleLoop'))
  return switchAway(stack, kernel)
}

function switchAway(stack: StackWriter, kernel: KernelImage): Gva {
  stack.call(nt(kernel, 'KiSwapThread'))
  stack.call(nt(kernel, 'KiSwapContext'))
  stack.call(nt(kernel, 'SwapContext'))
  return stack.rsp
}

const nt = (kernel: KernelImage, name: string): StackFunction => ({ image: kernel, name })
