// Boots the kernel half of the system: page tables, images, processors, processes, all laid out in guest RAM as a running
// 19041 machine has them. The kernel image comes first, because its variables say where everything else is entered.
import { endOfRuns, pagesInRuns } from '@dumpstack/bytes'
import { KthreadState } from '@dumpstack/nt'
import { WindowsError } from '../errors.ts'
import { layWaitingProgram, layWaitingWorker } from '../stacks/thread-stacks.ts'
import type { BootedKernel, BootOptions } from './contract.ts'
import { completeDebuggerData } from './debugger-data.ts'
import { Kernel } from './kernel.ts'
import { KernelGlobals } from './kernel-globals.ts'
import { type KernelImage, LoadedImages } from './loaded-images.ts'
import { KernelMemoryManager } from './memory-manager.ts'
import { PfnDatabase } from './pfn-database.ts'
import { layPhysicalMemoryBlock } from './physical-memory-block.ts'
import { createProcessor, type Processor } from './processors.ts'
import { SystemClock } from './system-clock.ts'
import { createProcess, createThread, type KernelProcess, setThreadState } from './threads-and-processes.ts'
import { leaveEndedProcess, NTDLL_FILE, startUserProcesses } from './user-processes.ts'
import { UserSharedData } from './user-shared-data.ts'

const KERNEL_FILE = 'ntkrnlmp.exe'
/** The loader installs ntkrnlmp.exe under this name, and every list shows it. */
const KERNEL_NAME = 'ntoskrnl.exe'
const HAL_FILE = 'hal.dll'
/** One processor group. */
const MAXIMUM_PROCESSORS = 64
const SYSTEM_PROCESS_ID = 4
const SYSTEM_THREAD_COUNT = 4
// A sixteenth of RAM is pool that the kernel has and nobody touched; 1 of 64 pages once belonged to an ended process.
const UNTOUCHED_POOL_SHARE = 16
const ENDED_PROCESS_SHARE = 64
const MAXIMUM_ENDED_PAGES = 1024

export function bootKernel(options: BootOptions): BootedKernel {
  const { machine } = options
  if (machine.cpuCount > MAXIMUM_PROCESSORS) {
    throw new WindowsError(
      'TOO_MANY_PROCESSORS',
      `the machine has ${machine.cpuCount} processors, expected at most ${MAXIMUM_PROCESSORS}`,
      { cpuCount: machine.cpuCount },
    )
  }
  const clock = new SystemClock(machine, options.epochMs)
  const memory = new KernelMemoryManager(machine.ram)
  const { space, pool, regions } = memory
  const images = new LoadedImages({
    space,
    pool,
    files: options.images,
    systemTime: () => clock.systemTime,
    hosted: options.hosted ?? new Set(),
  })
  const kernel = images.load(KERNEL_FILE, KERNEL_NAME, regions.kernelImages)
  const globals = new KernelGlobals(kernel, space)

  images.attach({
    loadedHead: globals.address('PsLoadedModuleList'),
    unloadedRows: globals.pointer('MmUnloadedDrivers'),
    lastUnloaded: globals.address('MmLastUnloadedDriver'),
  })
  images.load(HAL_FILE, HAL_FILE, regions.kernelImages)

  const build = space.u32(globals.address('NtBuildNumber')) & 0xffff
  completeDebuggerData({ space, kernel, globals, pteBase: memory.tables.pteBase })
  globals.setU64('MmPhysicalMemoryBlock', layPhysicalMemoryBlock(memory))
  const pfnDatabase = new PfnDatabase(memory)
  globals.setU64('MmPfnDatabase', pfnDatabase.base)
  globals.setU64('MmPteBase', memory.tables.pteBase)
  globals.setU64('MmLowestPhysicalPage', BigInt(machine.ram.runs[0]!.basePage))
  globals.setU64('MmHighestPhysicalPage', BigInt(endOfRuns(machine.ram.runs) - 1))
  globals.setU64('MmNumberOfPhysicalPages', BigInt(pagesInRuns(machine.ram.runs)))
  globals.setU32('KeNumberProcessors', machine.cpuCount)
  const sharedData = new UserSharedData(memory, build, machine.cpuCount)

  const activeProcessHead = globals.address('PsActiveProcessHead')
  const { directoryTableBase } = memory.tables
  const createTime = clock.systemTime
  const system = createProcess(memory, {
    id: SYSTEM_PROCESS_ID,
    parentId: 0,
    imageName: 'System',
    directoryTableBase,
    createTime,
    activeProcessHead,
  })
  const idle = createProcess(memory, {
    id: 0,
    parentId: 0,
    imageName: 'Idle',
    directoryTableBase,
    createTime,
    activeProcessHead: null,
    at: globals.pointer('PsIdleProcess'),
  })
  globals.setU64('PsInitialSystemProcess', system.va)

  const processors = Array.from({ length: machine.cpuCount }, (_, number) =>
    startProcessor(memory, kernel, globals, idle, number),
  )
  for (let index = 0; index < SYSTEM_THREAD_COUNT; index++) {
    const thread = createThread(memory, {
      id: SYSTEM_PROCESS_ID + 4 * (index + 1),
      process: system,
      startAddress: globals.address('ExpWorkerThread'),
      createTime,
      state: KthreadState.Waiting,
      processor: index % machine.cpuCount,
    })
    setThreadState(memory, thread, KthreadState.Waiting, layWaitingWorker(space, kernel, thread))
  }
  const userProcesses = startUserProcesses({
    memory,
    clock,
    sharedData,
    activeProcessHead,
    parentId: SYSTEM_PROCESS_ID,
    ntdll: images.parse(NTDLL_FILE),
    build,
    processorCount: machine.cpuCount,
  })
  for (const { thread, systemCall } of userProcesses) {
    setThreadState(memory, thread, KthreadState.Waiting, layWaitingProgram(space, kernel, thread, systemCall))
  }
  const ramPages = pagesInRuns(machine.ram.runs)
  pool.reserve(Math.floor(ramPages / UNTOUCHED_POOL_SHARE))
  leaveEndedProcess(
    memory,
    'autochk.exe',
    Math.min(Math.floor(ramPages / ENDED_PROCESS_SHARE), MAXIMUM_ENDED_PAGES),
  )
  return new Kernel({
    machine,
    clock,
    memory,
    images,
    kernel,
    globals,
    build,
    processors,
    userProcesses,
    sharedData,
    pfnDatabase,
    secondaryData: [],
  })
}

/** A processor with the idle thread that it runs; the boot processor's is storage of the kernel image. */
function startProcessor(
  memory: KernelMemoryManager,
  kernel: KernelImage,
  globals: KernelGlobals,
  idle: KernelProcess,
  number: number,
): Processor {
  const idleThread = createThread(memory, {
    id: 0,
    process: idle,
    startAddress: globals.address('KiIdleLoop'),
    createTime: idle.createTime,
    state: KthreadState.Running,
    processor: number,
    ...(number === 0 && { at: globals.address('KiInitialThread') }),
  })
  const processor = createProcessor(memory, {
    number,
    idleThread,
    kdVersionBlock: globals.address('KdVersionBlock'),
    systemCall: kernel.exportAddress('KiSystemCall64'),
  })
  globals.setElement('KiProcessorBlock', number, processor.kprcb)
  return processor
}
