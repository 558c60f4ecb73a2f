// StorPortExtendedFunction: newer port routines behind one export, by STORPORT_FUNCTION_CODE of storport.h.
import { type Gva, gva } from '@dumpstack/bytes'
import type { GuestBlock } from '../../miniport.ts'
import {
  STOR_STATUS_NOT_IMPLEMENTED,
  STOR_STATUS_SUCCESS,
  STOR_STATUS_UNSUCCESSFUL,
} from '../../stor-status.ts'
import { addressOf, type ExportFamily, exported, type ImportCall } from '../import-call.ts'
import { DISPATCH_LEVEL } from '../sys-instance.ts'

const ALLOCATE_POOL = 0
const FREE_POOL = 1
const INITIALIZE_PERFORMANCE_OPTIMIZATIONS = 14
const GET_CURRENT_PROCESSOR_NUMBER = 17
const ALLOCATE_CONTIGUOUS_MEMORY = 24
const FREE_CONTIGUOUS_MEMORY = 25
const INITIALIZE_TIMER = 32
const REQUEST_TIMER = 33
const FREE_TIMER = 34
const MARK_DUMP_MEMORY = 45
const QUERY_PERFORMANCE_COUNTER = 47
const ALLOCATE_DMA_MEMORY = 82
const FREE_DMA_MEMORY = 83

const STOR_STATUS_INSUFFICIENT_RESOURCES = 0xc1000005
const STOR_STATUS_INVALID_PARAMETER = 0xc1000006
/** Of the performance counter: 10 MHz, as on systems with an invariant TSC. */
export const COUNTER_FREQUENCY = 10_000_000n
const NS_PER_COUNT = 100

export const EXTENDED_EXPORTS: ExportFamily = {
  // (FunctionCode, HwDeviceExtension, ...)
  StorPortExtendedFunction: exported(6, (call) => BigInt(extended(call))),
  // The two that some headers name directly: (HwDeviceExtension, NumberOfBytes, lowest, highest, boundary, cache type, node, *BufferPointer, *PhysicalAddress)
  StorPortAllocateDmaMemory: exported(9, (call) =>
    BigInt(allocateDma(call, call.instance.blockAt(call.va(0)), call.u32(1), call.va(7), call.va(8))),
  ),
  StorPortFreeDmaMemory: exported(3, (call) =>
    BigInt(call.port.freePool(call.instance.blockAt(call.va(0)), call.instance.blockAt(call.va(1)))),
  ),
}

function extended(call: ImportCall): number {
  const { instance, port, memory } = call
  const extension = instance.blockAt(call.va(1))
  switch (call.u32(0)) {
    case ALLOCATE_POOL: // (NumberOfBytes, Tag, *BufferPointer)
      return allocate(call, extension, call.u32(2), call.va(4))
    case ALLOCATE_CONTIGUOUS_MEMORY: // (NumberOfBytes, lowest, highest, boundary, cache type, node, *BufferPointer)
      return allocate(call, extension, call.u32(2), call.va(8))
    case ALLOCATE_DMA_MEMORY: // (NumberOfBytes, lowest, highest, boundary, cache type, node, *BufferPointer, *PhysicalAddress)
      return allocateDma(call, extension, call.u32(2), call.va(8), call.va(9))
    case FREE_POOL:
    case FREE_CONTIGUOUS_MEMORY:
    case FREE_DMA_MEMORY:
      return port.freePool(extension, instance.blockAt(call.va(2)))
    case INITIALIZE_PERFORMANCE_OPTIMIZATIONS: // (Query, PerfConfigData)
      return port.initializePerfOpts(extension, call.u8(2) !== 0)
    case GET_CURRENT_PROCESSOR_NUMBER: // (*ProcessorNumber): group 0, number 0
      memory.setU32(call.va(2), 0)
      return STOR_STATUS_SUCCESS
    case INITIALIZE_TIMER: {
      // (*TimerHandle)
      const handle = BigInt(instance.timers.size + 1)
      instance.timers.add(handle)
      memory.setU64(call.va(2), handle)
      return STOR_STATUS_SUCCESS
    }
    case REQUEST_TIMER: {
      // (TimerHandle, TimerCallback, CallbackContext, TimerValue, TolerableDelay)
      if (!instance.timers.has(call.u64(2))) return STOR_STATUS_INVALID_PARAMETER
      const routine = call.va(3)
      const context = call.u64(4)
      return port.requestTimer(
        extension,
        () => instance.callBack('HwTimer', routine, [extension.va, context], DISPATCH_LEVEL),
        call.u32(5),
      )
    }
    case FREE_TIMER:
      return instance.timers.delete(call.u64(2)) ? STOR_STATUS_SUCCESS : STOR_STATUS_INVALID_PARAMETER
    case MARK_DUMP_MEMORY: // (Address, Length, Flags)
      return port.markDumpMemory(extension, call.va(2), call.u32(3))
    case QUERY_PERFORMANCE_COUNTER: // (*PerformanceFrequency, *PerformanceCounter)
      if (call.va(2) !== gva(0n)) memory.setU64(call.va(2), COUNTER_FREQUENCY)
      memory.setU64(call.va(3), performanceCounter(call))
      return STOR_STATUS_SUCCESS
    default:
      return STOR_STATUS_NOT_IMPLEMENTED
  }
}

export const performanceCounter = (call: ImportCall): bigint =>
  BigInt(Math.floor(call.machine.nowNs / NS_PER_COUNT))

function allocate(call: ImportCall, extension: GuestBlock, byteLength: number, pointer: Gva): number {
  const block = call.port.allocatePool(extension, byteLength)
  call.memory.setU64(pointer, addressOf(block))
  if (block !== null) return STOR_STATUS_SUCCESS
  return call.instance.life === 'dump' ? STOR_STATUS_UNSUCCESSFUL : STOR_STATUS_INSUFFICIENT_RESOURCES
}

function allocateDma(
  call: ImportCall,
  extension: GuestBlock,
  byteLength: number,
  pointer: Gva,
  physical: Gva,
): number {
  const status = allocate(call, extension, byteLength, pointer)
  if (status !== STOR_STATUS_SUCCESS) return status
  const found = call.port.getPhysicalAddress(extension, null, gva(call.memory.u64(pointer)))
  call.memory.setU64(physical, BigInt(found?.gpa ?? 0))
  return status
}
