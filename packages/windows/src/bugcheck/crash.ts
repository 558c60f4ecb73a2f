// KeBugCheckEx as the crash driver reaches it: the stack of the thread that asked for it, every other processor frozen by
// an interrupt, each processor's context saved. Laid, not executed: a report says `executed: false`.
import { gva } from '@dumpstack/bytes'
import type { DumpFacts } from '@dumpstack/dumpfile'
import { ExceptionRecord64, Kprcb } from '@dumpstack/nt'
import type { Bugcheck } from '../boot/contract.ts'
import type { KernelState } from '../boot/kernel-state.ts'
import { runThread } from '../boot/scheduler.ts'
import { CRASH_TEST_PROGRAM } from '../boot/user-processes.ts'
import { NT_PRODUCT_WIN_NT, SUITE_SINGLEUSERTS_TERMINAL } from '../boot/user-shared-data.ts'
import { WindowsError } from '../errors.ts'
import { layCrashStack, layFrozenStack } from '../stacks/thread-stacks.ts'
import { contextRecord, saveProcessorState } from './processor-context.ts'

export const CRASH_DRIVER = 'crashtst.sys'
const STATUS_BREAKPOINT = 0x80000003
const IPI_FROZEN = 2

export function crash(state: KernelState, bugcheck: Bugcheck, cpu: number): DumpFacts {
  const { memory, images, kernel, globals, processors, clock } = state
  const { space } = memory
  const program = state.userProcesses.find(({ process }) => process.imageName === CRASH_TEST_PROGRAM)
  const driver = images.find(CRASH_DRIVER)
  if (program === undefined || driver === null) {
    throw new WindowsError('NO_CRASH_DRIVER', `${CRASH_DRIVER} is not loaded: nothing can ask for a bugcheck`)
  }
  state.sharedData.tick(clock)

  const crashing = processors[cpu]!
  runThread(memory, kernel, crashing, program.thread)
  const stopped = layCrashStack(space, {
    kernel,
    driver,
    thread: program.thread,
    from: program.systemCall,
    bugcheck,
  })
  const context = contextRecord(stopped)
  saveProcessorState(space, crashing, context, program.process.directoryTableBase)

  for (const processor of processors) {
    if (processor === crashing) continue
    const frozen = layFrozenStack(space, kernel, processor.currentThread)
    const { directoryTableBase } = processor.currentThread.process
    saveProcessorState(space, processor, contextRecord(frozen), directoryTableBase)
    space.setU32(gva(processor.kprcb + BigInt(Kprcb.fields.ipiFrozen.offset)), IPI_FROZEN)
  }

  globals.setU32('KiBugCheckActive', 1)
  for (const [index, value] of [BigInt(bugcheck.code), ...bugcheck.parameters].entries()) {
    globals.setElement('KiBugCheckData', index, value)
  }
  state.pfnDatabase.refresh(state.userProcesses.map(({ tables }) => tables))
  // exception information that nobody set keeps the fill of the header
  const exceptionRecord = new Uint8Array(Buffer.alloc(ExceptionRecord64.size, 'PAGE'))
  const exception = ExceptionRecord64.of(exceptionRecord)
  exception.exceptionFlags = 0
  exception.exceptionRecord = 0n
  exception.numberParameters = 0
  exception.exceptionCode = STATUS_BREAKPOINT
  exception.exceptionAddress = globals.address('KeBugCheckEx')
  return {
    build: state.build,
    processorCount: processors.length,
    bugcheckCode: bugcheck.code,
    bugcheckParameters: bugcheck.parameters,
    // unverified: whether Windows writes the crashing process' table here or the System process'; both map the kernel.
    directoryTableBase: program.process.directoryTableBase,
    pfnDataBase: globals.address('MmPfnDatabase'),
    psLoadedModuleList: globals.address('PsLoadedModuleList'),
    psActiveProcessHead: globals.address('PsActiveProcessHead'),
    kdDebuggerDataBlock: globals.address('KdDebuggerDataBlock'),
    contextRecord: context,
    exceptionRecord,
    systemTime: clock.systemTime,
    systemUpTime: clock.upTime,
    productType: NT_PRODUCT_WIN_NT,
    suiteMask: SUITE_SINGLEUSERTS_TERMINAL,
    physicalMemory: memory.ram.runs,
  }
}
