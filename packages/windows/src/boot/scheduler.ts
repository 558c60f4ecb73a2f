// Which thread runs where: at boot every processor idles and every other thread waits; the crash needs one to run.
import { gva } from '@dumpstack/bytes'
import { Kprcb, KspecialRegisters, Kthread, KthreadState } from '@dumpstack/nt'
import { layReplacedIdle } from '../stacks/thread-stacks.ts'
import type { KernelImage } from './loaded-images.ts'
import type { KernelMemoryManager } from './memory-manager.ts'
import type { Processor } from './processors.ts'
import { type KernelThread, setThreadState } from './threads-and-processes.ts'

/** Puts `thread` on a processor that idles. */
export function runThread(
  memory: KernelMemoryManager,
  kernel: KernelImage,
  processor: Processor,
  thread: KernelThread,
): void {
  const { space } = memory
  const { idleThread, kprcb } = processor
  // unverified: KTHREAD.State of an idle thread that does not run.
  setThreadState(memory, idleThread, KthreadState.Ready, layReplacedIdle(space, kernel, idleThread))
  setThreadState(memory, thread, KthreadState.Running, thread.stack.base)
  processor.currentThread = thread
  space.setU64(gva(kprcb + BigInt(Kprcb.fields.currentThread.offset)), thread.va)
  space.setU64(gva(kprcb + BigInt(Kprcb.fields.rspBase.offset)), thread.stack.base)
  // In the kernel gs is the KPCR; swapgs brings the thread's TEB back.
  const teb = space.u64(gva(thread.va + BigInt(Kthread.fields.teb.offset)))
  const special = Kprcb.fields.processorState.offset + KspecialRegisters.fields.msrGsSwap.offset
  space.setU64(gva(kprcb + BigInt(special)), teb)
}
