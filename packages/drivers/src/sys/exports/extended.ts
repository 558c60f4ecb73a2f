// StorPortExtendedFunction: newer port routines behind one export, by STORPORT_FUNCTION_CODE of storport.h. Each reads its arguments behind
// function code and device extension. What has no routine here is answered as a system does that is older than the function.
import { type Gva, gva } from '@dumpstack/bytes'
import { DISPATCH_LEVEL, PASSIVE_LEVEL } from '../../irql.ts'
import {
  STOR_STATUS_BUSY,
  STOR_STATUS_INSUFFICIENT_RESOURCES,
  STOR_STATUS_INVALID_PARAMETER,
  STOR_STATUS_NOT_IMPLEMENTED,
  STOR_STATUS_SUCCESS,
  STOR_STATUS_UNSUCCESSFUL,
} from '../../stor-status.ts'
import type { CallFrame } from '../call-frame.ts'
import { type ExtendedFunctions, extendedFunctionName } from '../extended-function.ts'
import { addressOf, type ExportFamily, exported } from './export.ts'
import { MDL_FUNCTIONS } from './mdl.ts'
import { MESSAGE_FUNCTIONS } from './messages.ts'
import { allocatePool } from './pool.ts'
import { LIST_FUNCTIONS } from './singly-linked-list.ts'
import { stall } from './stall.ts'

/** Of the performance counter: 10 MHz, as on systems with an invariant TSC. */
export const COUNTER_FREQUENCY = 10_000_000n
const NS_PER_COUNT = 100
const GROUP_AFFINITY_BYTES = 0x10

export const EXTENDED_EXPORTS: ExportFamily = {
  // (FunctionCode, HwDeviceExtension, ...)
  StorPortExtendedFunction: exported(10, (call) => {
    const name = extendedFunctionName(call.u32(0))
    const serve = name === null ? undefined : FUNCTIONS[name]
    return BigInt(serve?.(call) ?? STOR_STATUS_NOT_IMPLEMENTED)
  }),
  // The two that some headers name directly, without a function code.
  StorPortAllocateDmaMemory: exported(9, (call) =>
    BigInt(allocateDma(call, call.va(0), call.u64(1), call.va(7), call.va(8))),
  ),
  StorPortFreeDmaMemory: exported(5, (call) => BigInt(free(call, call.va(0), call.va(1)))),
}

const FUNCTIONS: ExtendedFunctions = {
  ...MDL_FUNCTIONS,
  ...LIST_FUNCTIONS,
  ...MESSAGE_FUNCTIONS,

  // (NumberOfBytes, Tag, *BufferPointer)
  AllocatePool: (call) => allocate(call, call.va(1), BigInt(call.u32(2)), call.va(4)),
  // (BufferPointer)
  FreePool: (call) => free(call, call.va(1), call.va(2)),
  // (NumberOfBytes, lowest, highest, boundary, cache type, node, *BufferPointer)
  AllocateContiguousMemorySpecifyCacheNode: (call) => allocate(call, call.va(1), call.u64(2), call.va(8)),
  // (BaseAddress, NumberOfBytes, cache type)
  FreeContiguousMemorySpecifyCache: (call) => free(call, call.va(1), call.va(2)),
  // (NumberOfBytes, lowest, highest, boundary, cache type, node, *BufferPointer, *PhysicalAddress)
  AllocateDmaMemory: (call) => allocateDma(call, call.va(1), call.u64(2), call.va(8), call.va(9)),
  // (BaseAddress, NumberOfBytes, cache type, PhysicalAddress)
  FreeDmaMemory: (call) => free(call, call.va(1), call.va(2)),
  // (Address, Length, Flags)
  MarkDumpMemory: (call) => call.port.markDumpMemory(extensionOf(call), call.va(2), call.u32(3)),

  // (*AdapterDeviceObject, *PhysicalDeviceObject, *LowerDeviceObject): the lower one is the physical one
  GetDeviceObjects: (call) => {
    const found = call.port.getDeviceObjects(extensionOf(call))
    if (found === null) return STOR_STATUS_NOT_IMPLEMENTED
    call.memory.setU64(call.va(2), found.functional)
    call.memory.setU64(call.va(3), found.physical)
    call.memory.setU64(call.va(4), found.physical)
    return STOR_STATUS_SUCCESS
  },

  // (Query, PerfConfigData)
  InitializePerformanceOptimizations: (call) =>
    call.port.initializePerfOpts(extensionOf(call), call.u8(2) !== 0),

  // (*ProcessorNumber): group 0
  GetCurrentProcessorNumber: (call) => stored32(call, call.va(2), call.port.currentProcessor() << 16),
  GetCurrentProcessorIndex: (call) => stored32(call, call.va(2), call.port.currentProcessor()),
  // (ProcessorNumber, *Index): one group, so the number is the index
  GetProcessorIndexFromNumber: (call) => stored32(call, call.va(3), call.memory.u8(gva(call.va(2) + 2n))),
  GetActiveGroupCount: (call) => {
    call.memory.setU16(call.va(2), 1)
    return STOR_STATUS_SUCCESS
  },
  GetActiveNodeCount: (call) => stored32(call, call.va(2), 1),
  GetHighestNodeNumber: (call) => stored32(call, call.va(2), 0),
  // (GroupNumber, *Affinity), (NodeNumber, *GROUP_AFFINITY)
  GetGroupAffinity: (call) => {
    if ((call.u32(2) & 0xffff) !== 0) return STOR_STATUS_INVALID_PARAMETER
    call.memory.setU64(call.va(3), allProcessors(call))
    return STOR_STATUS_SUCCESS
  },
  GetNodeAffinity: (call) => {
    if (call.u32(2) !== 0) return STOR_STATUS_INVALID_PARAMETER
    call.memory.write(call.va(3), new Uint8Array(GROUP_AFFINITY_BYTES))
    call.memory.setU64(call.va(3), allProcessors(call))
    return STOR_STATUS_SUCCESS
  },

  // (*Worker)
  InitializeWorker: (call) =>
    newHandle(call, call.port.initializeWorker(extensionOf(call)), call.instance.workers),
  // (WorkItemCallback, Worker, Context)
  QueueWorkItem: (call) => {
    const { instance, port } = call
    const extension = extensionOf(call)
    const routine = call.va(2)
    const worker = call.u64(3)
    const context = call.u64(4)
    // In a dump a driver has no worker that it could ask for: what is queued all the same is its mistake.
    if (instance.life === 'runtime' && !instance.workers.has(worker)) return STOR_STATUS_INVALID_PARAMETER
    const run = (): void =>
      void instance.callBack('HwWorkItem', routine, [extension.va, context, worker], PASSIVE_LEVEL)
    if (port.queueWorkItem(extension, worker, run)) return STOR_STATUS_SUCCESS
    return instance.life === 'dump' ? STOR_STATUS_UNSUCCESSFUL : STOR_STATUS_BUSY
  },
  FreeWorker: (call) =>
    call.instance.workers.delete(call.u64(2)) ? STOR_STATUS_SUCCESS : STOR_STATUS_UNSUCCESSFUL,

  // (*TimerHandle)
  InitializeTimer: (call) =>
    newHandle(call, call.port.initializeTimer(extensionOf(call)), call.instance.timers),
  // (TimerHandle, TimerCallback, CallbackContext, TimerValue, TolerableDelay)
  RequestTimer: (call) => {
    const { instance, port } = call
    const extension = extensionOf(call)
    const timer = call.u64(2)
    const routine = call.va(3)
    const context = call.u64(4)
    if (instance.life === 'runtime' && !instance.timers.has(timer)) return STOR_STATUS_INVALID_PARAMETER
    const run = (): void =>
      void instance.callBack('HwTimer', routine, [extension.va, context], DISPATCH_LEVEL)
    return port.requestTimer(extension, run, Number(call.u64(5)), timer)
  },
  FreeTimer: (call) => {
    const timer = call.u64(2)
    if (!call.instance.timers.delete(timer)) return STOR_STATUS_INVALID_PARAMETER
    return call.port.requestTimer(extensionOf(call), () => {}, 0, timer)
  },

  // (*PerformanceFrequency, *PerformanceCounter)
  QueryPerformanceCounter: (call) => {
    if (call.va(2) !== gva(0n)) call.memory.setU64(call.va(2), COUNTER_FREQUENCY)
    call.memory.setU64(call.va(3), performanceCounter(call))
    return STOR_STATUS_SUCCESS
  },
  // (DelayInMicroseconds): waits where it may, and stalls where it may not
  DelayExecution: (call) => {
    stall(call, call.u32(2))
    return STOR_STATUS_SUCCESS
  },

  // (*SpinLock): of the interlocked lists
  InitializeSpinlock: (call) => {
    call.memory.setU64(call.va(2), 0n)
    return STOR_STATUS_SUCCESS
  },

  // Harmless in both lives; no tracing session is modelled.
  LogSystemEvent: () => STOR_STATUS_SUCCESS,
  MiniportEtwEvent2: () => STOR_STATUS_SUCCESS,
  MiniportEtwEvent4: () => STOR_STATUS_SUCCESS,
  MiniportEtwEvent8: () => STOR_STATUS_SUCCESS,
  MiniportChannelEtwEvent2: () => STOR_STATUS_SUCCESS,
  MiniportChannelEtwEvent4: () => STOR_STATUS_SUCCESS,
  MiniportChannelEtwEvent8: () => STOR_STATUS_SUCCESS,
  MiniportTelemetry: () => STOR_STATUS_SUCCESS,
  MiniportTelemetryEx: () => STOR_STATUS_SUCCESS,
  /** Caches of x64 see what a controller moves. */
  FlushDataBufferMdl: () => STOR_STATUS_SUCCESS,
  SetAdapterBusType: () => STOR_STATUS_SUCCESS,
}

export const performanceCounter = (call: CallFrame): bigint => BigInt(Math.floor(call.nowNs / NS_PER_COUNT))

const extensionOf = (call: CallFrame): ReturnType<CallFrame['instance']['blockAt']> =>
  call.instance.blockAt(call.va(1))

const allProcessors = (call: CallFrame): bigint => (1n << BigInt(call.cpuCount)) - 1n

function stored32(call: CallFrame, at: Gva, value: number): number {
  call.memory.setU32(at, value)
  return STOR_STATUS_SUCCESS
}

/** Of a timer or a worker. */
function newHandle(call: CallFrame, isSupported: boolean, handles: Set<bigint>): number {
  if (!isSupported) {
    call.memory.setU64(call.va(2), 0n)
    return STOR_STATUS_NOT_IMPLEMENTED
  }
  const handle = call.instance.newHandle()
  call.instance.keep(handles, handle, 'timers or workers')
  call.memory.setU64(call.va(2), handle)
  return STOR_STATUS_SUCCESS
}

function allocate(call: CallFrame, extension: Gva, byteLength: bigint, pointer: Gva): number {
  if (byteLength === 0n) return STOR_STATUS_INVALID_PARAMETER
  const length = Number(byteLength) // above 2^53 it only has to stay too large
  const block = allocatePool(call, extension, length)
  call.memory.setU64(pointer, addressOf(block))
  if (block !== null) return STOR_STATUS_SUCCESS
  return call.instance.life === 'dump' ? STOR_STATUS_UNSUCCESSFUL : STOR_STATUS_INSUFFICIENT_RESOURCES
}

function allocateDma(
  call: CallFrame,
  extension: Gva,
  byteLength: bigint,
  pointer: Gva,
  physical: Gva,
): number {
  const status = allocate(call, extension, byteLength, pointer)
  if (status !== STOR_STATUS_SUCCESS) return status
  const block = call.instance.blockAt(extension)
  const found = call.port.getPhysicalAddress(block, null, gva(call.memory.u64(pointer)))
  call.memory.setU64(physical, BigInt(found?.gpa ?? 0))
  return status
}

const free = (call: CallFrame, extension: Gva, block: Gva): number =>
  call.port.freePool(call.instance.blockAt(extension), call.instance.blockAt(block))
