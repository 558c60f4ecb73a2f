// KeBugCheckEx as the crash driver reaches it: the test program's thread runs on the machine's processor, from its system call
// through the driver into the bugcheck, which freezes the other processors and enters the broker. What the dump shows of
// it is what that code left.
import { gva, hex } from '@dumpstack/bytes'
import type { DumpFacts } from '@dumpstack/dumpfile'
import type { Bugcheck } from '@dumpstack/nt'
import { ContextX64, ExceptionRecord64, MANUALLY_INITIATED_CRASH, NT_PRODUCT_TYPES } from '@dumpstack/nt'
import type { KernelState, StartedDriver } from '../boot/kernel-state.ts'
import type { KernelImage } from '../boot/loaded-images.ts'
import { CRASH_TEST_PROGRAM, startProgram } from '../boot/user-processes.ts'
import { SUITE_SINGLEUSERTS_TERMINAL } from '../boot/user-shared-data.ts'
import { WindowsError } from '../errors.ts'

export const CRASH_DRIVER = 'crashtst.sys'
const BROKER = 'crashdmp.sys'
/** CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_WRITE_ACCESS): the crash driver's only request. */
const IOCTL_CRASH_TEST_BUGCHECK = 0x22a000
/** What the kernel knows of the broker's state: an address. */
const DUMP_BLOCK_BYTES = 16
const STATUS_BREAKPOINT = 0x80000003

export function startCrashDriver({ code }: KernelState, image: KernelImage): StartedDriver {
  const driver = code.call('IopLoadDriver', image.entry)
  const file = driver === 0n ? 0n : code.call('IopOpenDevice', driver)
  if (file === 0n) throw new WindowsError('DRIVER_NOT_STARTED', `${image.baseName} did not start`)
  return { image, file }
}

/** The kernel has nothing left to do: the broker takes over, or the firmware. */
class KernelIsDone {}

/** Runs until the broker is entered; RAM is then as the dump must show it. */
export function crash(state: KernelState, bugcheck: Bugcheck, cpu: number): DumpFacts {
  const { memory, globals, processors, clock, code, crashDriver } = state
  const { space } = memory
  const program = state.userProcesses.find(({ process }) => process.imageName === CRASH_TEST_PROGRAM)
  if (program === undefined || crashDriver === null) {
    throw new WindowsError('NO_CRASH_DRIVER', `${CRASH_DRIVER} is not loaded: nothing can ask for a bugcheck`)
  }
  if (bugcheck.code !== MANUALLY_INITIATED_CRASH) {
    throw new WindowsError('BUGCHECK_CODE', `${CRASH_DRIVER} raises bugcheck 0xe2, not ${hex(bugcheck.code)}`)
  }
  state.sharedData.tick(clock)
  connectBroker(state)
  const given = bugcheck.parameters.some((value) => value !== 0n)
  startProgram({
    memory,
    code,
    program,
    file: crashDriver.file,
    request: { ioControlCode: IOCTL_CRASH_TEST_BUGCHECK, input: given ? bugcheck.parameters : [] },
  })
  state.pfnDatabase.refresh(state.userProcesses.map(({ tables }) => tables))

  code.cpu.trap(globals.address('HalRequestIpi'), 1, () => {
    const target = processors.find(({ number }) => number === Number(code.cpu.argument(0)))
    if (target !== undefined) code.freeze(target)
    return 0n
  })
  const isDone = (): never => {
    throw new KernelIsDone()
  }
  code.cpu.trap(globals.address('HalReturnToFirmware'), 1, isDone)
  const write = state.images.find(BROKER)?.exportAddress('CrashdmpWrite')
  if (write !== null && write !== undefined) code.cpu.trap(write, 1, isDone)
  const crashing = processors[cpu]!
  try {
    code.runLastThread(crashing, program.thread)
  } catch (error) {
    if (!(error instanceof KernelIsDone)) throw error
  }
  // exception information that is not set keeps the fill of the header
  const exceptionRecord = new TextEncoder().encode('PAGE'.repeat(ExceptionRecord64.size / 4))
  const exception = ExceptionRecord64.of(exceptionRecord)
  exception.exceptionFlags = 0
  exception.exceptionRecord = 0n
  exception.numberParameters = 0
  exception.exceptionCode = STATUS_BREAKPOINT
  exception.exceptionAddress = globals.address('KeBugCheckEx')
  // unverified: whether Windows writes the crashing process' table here or the System process'; both map the kernel.
  const { directoryTableBase } = program.process
  const contextRecord = space.read(crashing.context, ContextX64.size)
  return dumpFactsOf(state, bugcheck, { contextRecord, exceptionRecord, directoryTableBase })
}

/** What a dump of this moment says of the system, after any kind of stop. */
export function dumpFactsOf(
  { profile, globals, processors, memory, clock }: KernelState,
  bugcheck: Bugcheck,
  stopped: Pick<DumpFacts, 'contextRecord' | 'exceptionRecord' | 'directoryTableBase'>,
): DumpFacts {
  return {
    ...stopped,
    build: profile.build,
    processorCount: processors.length,
    bugcheckCode: bugcheck.code,
    bugcheckParameters: bugcheck.parameters,
    pfnDataBase: globals.address('MmPfnDatabase'),
    psLoadedModuleList: globals.address('PsLoadedModuleList'),
    psActiveProcessHead: globals.address('PsActiveProcessHead'),
    kdDebuggerDataBlock: globals.address('KdDebuggerDataBlock'),
    systemTime: clock.systemTime,
    systemUpTime: clock.upTime,
    productType: NT_PRODUCT_TYPES[profile.productType],
    suiteMask: SUITE_SINGLEUSERTS_TERMINAL,
    physicalMemory: memory.ram.runs,
  }
}

/** crashdmp.sys fills the kernel's call table when it is loaded; the kernel writes a dump only through it. */
function connectBroker({ images, code, globals, memory }: KernelState): void {
  const broker = images.find(BROKER)
  if (broker === null) return
  const block = memory.pool.allocate(DUMP_BLOCK_BYTES, 'Dump')
  const entryPoint = gva(broker.base + BigInt(broker.pe.entryPointRva))
  const status = code.enter(entryPoint, block, globals.address('CrashdmpCallTable'))
  if (status !== 0n)
    throw new WindowsError('DRIVER_NOT_STARTED', `${BROKER} did not start: status ${hex(status)}`)
  globals.setU64('CrashdmpDumpBlock', block)
}
