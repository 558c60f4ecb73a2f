// Boots the system in two parts, as a machine does. What a loader leaves is laid in guest RAM: page tables, images, objects,
// the loader block. Then the kernel's own code runs: each processor from KiSystemStartup into its idle loop, lists, threads.
import { endOfRuns, type Gva, gva, pagesInRuns } from '@dumpstack/bytes'
import { DbgkdGetVersion64, KthreadState, type Profile } from '@dumpstack/nt'
import { MAX_CPUS } from '@dumpstack/target'
import { WindowsError } from '../errors.ts'
import type { BootedKernel, BootOptions } from './contract.ts'
import { completeDebuggerData } from './debugger-data.ts'
import { GuestCode } from './guest-code.ts'
import { Kernel } from './kernel.ts'
import { KernelGlobals } from './kernel-globals.ts'
import { initializeListHead, insertTailList } from './linked-list.ts'
import { type KernelImage, LoadedImages } from './loaded-images.ts'
import { KernelMemoryManager } from './memory-manager.ts'
import { PfnDatabase } from './pfn-database.ts'
import { layPhysicalMemoryBlock } from './physical-memory-block.ts'
import { createProcessor, type Processor } from './processors.ts'
import { SystemClock } from './system-clock.ts'
import { createProcess, createThread, type KernelProcess } from './threads-and-processes.ts'
import {
  CRASH_TEST_PROGRAM,
  leaveEndedProcess,
  NO_REQUEST,
  NTDLL_FILE,
  startProgram,
  startUserProcesses,
} from './user-processes.ts'
import { UserSharedData } from './user-shared-data.ts'

export const KERNEL_FILE = 'ntkrnlmp.exe'
/** The loader installs ntkrnlmp.exe under this name, and every list shows it. */
export const KERNEL_NAME = 'ntoskrnl.exe'
const HAL_FILE = 'hal.dll'
const SYSTEM_PROCESS_ID = 4
/** The build in NtBuildNumber; the bits above it tell a free build from a checked one. */
const BUILD_MASK = 0xffff
const SYSTEM_THREAD_COUNT = 4
// A sixteenth of RAM is pool that the kernel owns and has not touched; 1 of 64 pages once belonged to an ended process.
const UNTOUCHED_POOL_SHARE = 16
const ENDED_PROCESS_SHARE = 64
const MAX_ENDED_PAGES = 1024

export function bootKernel(options: BootOptions): BootedKernel {
  const { machine, profile } = options
  if (machine.cpuCount > MAX_CPUS) {
    throw new WindowsError(
      'TOO_MANY_PROCESSORS',
      `the machine has ${machine.cpuCount} processors, expected at most ${MAX_CPUS}`,
      { cpuCount: machine.cpuCount },
    )
  }
  const clock = new SystemClock(machine, options.epochMs)
  const memory = new KernelMemoryManager(machine.ram, profile)
  const { space, pool, regions } = memory
  const images = new LoadedImages({
    layouts: profile.layouts,
    space,
    pool,
    files: options.images,
    systemTime: () => clock.systemTime,
    hosted: options.hosted ?? new Set(),
  })
  const kernel = images.load(KERNEL_FILE, KERNEL_NAME, regions.kernelImages)
  const globals = new KernelGlobals(kernel, space)

  checkBuild(profile, kernel, globals)
  images.load(HAL_FILE, HAL_FILE, regions.kernelImages)

  completeDebuggerData({ layouts: profile.layouts, space, kernel, globals, pteBase: memory.tables.pteBase })
  globals.setU64('MmPhysicalMemoryBlock', layPhysicalMemoryBlock(memory))
  const pfnDatabase = new PfnDatabase(memory)
  globals.setU64('MmPfnDatabase', pfnDatabase.base)
  globals.setU64('MmPteBase', memory.tables.pteBase)
  globals.setU64('MmLowestPhysicalPage', BigInt(machine.ram.runs[0]!.basePage))
  globals.setU64('MmHighestPhysicalPage', BigInt(endOfRuns(machine.ram.runs) - 1))
  globals.setU64('MmNumberOfPhysicalPages', BigInt(pagesInRuns(machine.ram.runs)))
  const sharedData = new UserSharedData(memory, profile, machine.cpuCount)

  const { directoryTableBase } = memory.tables
  const createTime = clock.systemTime
  const system = createProcess(memory, {
    id: SYSTEM_PROCESS_ID,
    parentId: 0,
    imageName: 'System',
    directoryTableBase,
    createTime,
  })
  const idle = createProcess(memory, {
    id: 0,
    parentId: 0,
    imageName: 'Idle',
    directoryTableBase,
    createTime,
    at: globals.pointer('PsIdleProcess'),
  })
  globals.setU64('PsInitialSystemProcess', system.va)

  const code = new GuestCode({ cpu: options.cpu, memory, globals })
  const loaderBlock = layLoaderBlock(memory, images.loaded)
  const processors = Array.from({ length: machine.cpuCount }, (_, number) => {
    const processor = layProcessor(memory, kernel, globals, idle, number)
    handOver(memory, loaderBlock, processor, idle)
    code.start(processor, loaderBlock)
    return processor
  })
  images.attach(code)
  code.call('PspInsertProcess', system.va, 1n)
  for (let index = 0; index < SYSTEM_THREAD_COUNT; index++) {
    const thread = createThread(memory, {
      id: SYSTEM_PROCESS_ID + 4 * (index + 1),
      process: system,
      startAddress: globals.address('ExpWorkerThread'),
      createTime,
      state: KthreadState.Initialized,
      processor: index % machine.cpuCount,
    })
    code.call('PspInsertThread', system.va, thread.va)
    code.call('KiInitializeContextThread', thread.va, globals.address('ExpWorkerThread'), 0n)
    code.runThread(processors[index % machine.cpuCount]!, thread)
  }
  const userProcesses = startUserProcesses({
    memory,
    clock,
    sharedData,
    parentId: SYSTEM_PROCESS_ID,
    ntdll: images.parse(NTDLL_FILE),
    processorCount: machine.cpuCount,
  })
  // Programs wait for a device that never answers; the test program starts when it is told to crash the system.
  const pending = code.call('IopOpenDevice', code.call('IopGetPendingDriver'))
  for (const program of userProcesses) {
    const { process, thread } = program
    code.call('PspInsertProcess', process.va, 1n)
    code.call('PspInsertThread', process.va, thread.va)
    startProgram({ memory, code, program, file: pending, request: NO_REQUEST })
    if (process.imageName !== CRASH_TEST_PROGRAM) code.runThread(processors[0]!, thread)
  }
  const ramPages = pagesInRuns(machine.ram.runs)
  pool.reserve(Math.floor(ramPages / UNTOUCHED_POOL_SHARE))
  leaveEndedProcess(
    memory,
    'autochk.exe',
    Math.min(Math.floor(ramPages / ENDED_PROCESS_SHARE), MAX_ENDED_PAGES),
  )
  return new Kernel({
    machine,
    clock,
    memory,
    images,
    kernel,
    globals,
    profile,
    processors,
    userProcesses,
    sharedData,
    pfnDatabase,
    secondaryData: [],
    code,
    crashDriver: null,
  })
}

/**
 * The build that the kernel image states, at run time and in a dump: NtBuildNumber, and the block that debuggers
 * ask for a version. The other images say nothing of a build; their imports bind them to this one.
 */
function checkBuild({ name, build }: Profile, kernel: KernelImage, globals: KernelGlobals): void {
  const { minorVersion } = DbgkdGetVersion64.fields
  const stated = [
    ['NtBuildNumber', 0],
    ['KdVersionBlock', minorVersion.offset],
  ] as const
  for (const [variable, offset] of stated) {
    const found = globals.u32(variable, offset) & BUILD_MASK
    if (found === build) continue
    const what = `${variable} of guest image ${kernel.nameOnDisk} states build ${found}, expected ${build} of profile ${name}`
    throw new WindowsError('PROFILE_IMAGES', what, { profile: name, found, expected: build })
  }
}

/** LoadOrderListHead holds what the loader has loaded; the rest is said to each processor in turn. */
function layLoaderBlock(memory: KernelMemoryManager, loaded: readonly KernelImage[]): Gva {
  const { size, fields } = memory.profile.layouts.LoaderParameterBlock
  const block = memory.pool.allocate(size, 'Ldr ')
  const head = gva(block + BigInt(fields.loadOrderListHead.offset))
  initializeListHead(memory.space, head)
  for (const { entry } of loaded) insertTailList(memory.space, head, entry)
  return block
}

function handOver(
  { space, profile }: KernelMemoryManager,
  block: Gva,
  { kprcb, idleThread }: Processor,
  idle: KernelProcess,
): void {
  const { fields } = profile.layouts.LoaderParameterBlock
  space.setU64(gva(block + BigInt(fields.kernelStack.offset)), idleThread.stack.base)
  space.setU64(gva(block + BigInt(fields.prcb.offset)), kprcb)
  space.setU64(gva(block + BigInt(fields.process.offset)), idle.va)
  space.setU64(gva(block + BigInt(fields.thread.offset)), idleThread.va)
}

/** A processor with the idle thread that it runs; the boot processor's is storage of the kernel image. */
function layProcessor(
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
  return createProcessor(memory, {
    number,
    idleThread,
    kdVersionBlock: globals.address('KdVersionBlock'),
    systemCall: kernel.exportAddress('KiSystemCall64'),
  })
}
