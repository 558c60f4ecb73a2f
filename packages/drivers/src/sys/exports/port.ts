// storport.sys: initialisation, resources, queues. Signatures as documented for storport.h.

import { STATUS_INVALID_PARAMETER, STATUS_REVISION_MISMATCH } from '@dumpstack/nt'
import { DEVICE_LEVEL } from '../../irql.ts'
import type { CallFrame } from '../call-frame.ts'
import { readInitializationData } from '../init-data.ts'
import { addressOf, asBoolean, type ExportFamily, exported, FALSE, NOTHING, TRUE } from './export.ts'
import { STALL } from './stall.ts'

const PCI_CONFIGURATION = 4
const NO_ADDRESS = 0n
/** A port that is busy asks again soon; the requests that it waits for are not counted. */
const BUSY_SECONDS = 0.001
const MAX_BUS_DATA = 0x100
/** In instructions: what a byte of configuration space takes of the host, and a buffer for a value of the registry. */
const CONFIGURATION_WORK = 4
const REGISTRY_WORK = 1000

export const PORT_EXPORTS: ExportFamily = {
  // (Argument1, Argument2, HwInitializationData, HwContext)
  StorPortInitialize: exported(4, (call) => {
    const { instance } = call
    const table = readInitializationData(call.memory, call.va(2))
    if (table === 'size') return BigInt(STATUS_REVISION_MISMATCH)
    if (table === 'routine') return BigInt(STATUS_INVALID_PARAMETER)
    instance.hwContext = call.u64(3)
    return BigInt(instance.initialize(table) >>> 0)
  }),
  // (HwDeviceExtension, BusType, SystemIoBusNumber, IoAddress, NumberOfBytes, InIoSpace)
  StorPortGetDeviceBase: exported(6, (call) => {
    const address = call.u64(3)
    const index = call.instance.accessRangeAt(address)
    // with another bus Windows does not map it: a public driver that left the number unset found no controller behind a bridge
    if (index < 0 || call.u32(2) !== call.instance.systemIoBusNumber) return NO_ADDRESS
    if (call.u8(5) !== 0) return address // port numbers are no memory
    const registers = call.port.getDeviceBase(call.extension, index)
    if (registers === null) return NO_ADDRESS
    return registers.va + (address - call.instance.accessRangeStart(index))
  }),
  StorPortFreeDeviceBase: exported(2, () => NOTHING),
  // (HwDeviceExtension, BusType, SystemIoBusNumber, IoAddress, NumberOfBytes, InIoSpace)
  StorPortValidateRange: exported(6, (call) => asBoolean(call.instance.accessRangeAt(call.u64(3)) >= 0)),
  // (HwDeviceExtension, ConfigInfo, NumberOfBytes)
  StorPortGetUncachedExtension: exported(3, (call) => {
    const { instance } = call
    const config = instance.blockAt(call.va(1))
    const block = call.port.getUncachedExtension(call.extension, config, call.u32(2))
    if (block !== null) instance.uncached = block
    return addressOf(block)
  }),
  // (HwDeviceExtension, Srb, VirtualAddress, *Length)
  StorPortGetPhysicalAddress: exported(4, (call) => {
    const srb = call.va(1) === NO_ADDRESS ? null : call.instance.blockAt(call.va(1))
    const found = call.port.getPhysicalAddress(call.extension, srb, call.va(2))
    if (call.va(3) !== NO_ADDRESS) call.memory.setU32(call.va(3), found?.length ?? 0)
    return found === null ? NO_ADDRESS : BigInt(found.gpa)
  }),
  // (HwDeviceExtension, PhysicalAddress): of memory that the port gave itself
  StorPortGetVirtualAddress: exported(2, (call) => {
    const block = call.instance.uncached
    if (block === null) return NO_ADDRESS
    const offset = call.u64(1) - BigInt(block.gpa)
    return offset >= 0n && offset < BigInt(block.view.byteLength) ? block.va + offset : NO_ADDRESS
  }),
  StorPortConvertUlongToPhysicalAddress: exported(1, (call) => BigInt(call.u32(0))),
  StorPortConvertUlong64ToPhysicalAddress: exported(1, (call) => call.u64(0)),
  StorPortConvertPhysicalAddressToUlong: exported(1, (call) => BigInt(call.u32(0))),
  StorPortConvertPhysicalAddressToUlong64: exported(1, (call) => call.u64(0)),
  // (HwDeviceExtension, Srb)
  StorPortGetScatterGatherList: exported(2, (call) =>
    addressOf(call.port.getScatterGatherList(call.extension, call.instance.blockAt(call.va(1)))),
  ),
  // (HwDeviceExtension, PathId, TargetId, Lun)
  StorPortGetLogicalUnit: exported(4, (call) =>
    addressOf(call.port.getLogicalUnit(call.extension, call.u8(1), call.u8(2), call.u8(3))),
  ),
  // (HwDeviceExtension, BusDataType, SystemIoBusNumber, SlotNumber, Buffer, Length)
  StorPortGetBusData: exported(6, (call) => {
    if (call.u32(1) !== PCI_CONFIGURATION) return 0n
    const length = Math.min(call.u32(5), MAX_BUS_DATA)
    call.charge(length * CONFIGURATION_WORK)
    const bytes = call.port.getBusData(call.extension, call.u32(2), call.u32(3), 0, length)
    call.memory.write(call.va(4), bytes)
    return BigInt(bytes.byteLength)
  }),
  // (HwDeviceExtension, BusDataType, SystemIoBusNumber, SlotNumber, Buffer, Offset, Length)
  StorPortSetBusDataByOffset: exported(7, (call) => {
    if (call.u32(1) !== PCI_CONFIGURATION) return 0n
    const bytes = call.memory.bytes(call.va(4), Math.min(call.u32(6), MAX_BUS_DATA))
    call.charge(bytes.byteLength * CONFIGURATION_WORK)
    return BigInt(call.port.setBusData(call.extension, call.u32(2), call.u32(3), call.u32(5), bytes))
  }),
  // (HwDeviceExtension, PathId, TargetId, Lun, Depth)
  StorPortSetDeviceQueueDepth: exported(5, (call) =>
    asBoolean(call.port.setDeviceQueueDepth(call.extension, call.u8(1), call.u8(2), call.u8(3), call.u32(4))),
  ),
  StorPortPause: exported(2, (call) => asBoolean(call.port.pause(call.extension, call.u32(1)))),
  StorPortPauseDevice: exported(5, (call) => asBoolean(call.port.pause(call.extension, call.u32(4)))),
  StorPortBusy: exported(2, (call) => asBoolean(call.port.pause(call.extension, BUSY_SECONDS))),
  StorPortDeviceBusy: exported(5, (call) => asBoolean(call.port.pause(call.extension, BUSY_SECONDS))),
  StorPortResume: exported(1, resume),
  StorPortResumeDevice: exported(4, resume),
  StorPortReady: exported(1, resume),
  StorPortDeviceReady: exported(4, resume),
  // (HwDeviceExtension, SynchronizedAccessRoutine, Context)
  StorPortSynchronizeAccess: exported(3, (call) => {
    const lock = call.port.acquireSpinLock(call.extension, 'interrupt')
    const { instance } = call
    const result = instance.callBack(
      'SynchronizedAccess',
      call.va(1),
      [call.u64(0), call.u64(2)],
      DEVICE_LEVEL,
    )
    call.port.releaseSpinLock(call.extension, lock)
    return result
  }),
  StorPortStallExecution: STALL,
  // (CurrentTime)
  StorPortQuerySystemTime: exported(1, (call) => {
    call.memory.setU64(call.va(0), call.port.querySystemTime())
    return NOTHING
  }),
  // (HwDeviceExtension, Srb, PathId, TargetId, Lun, ErrorCode, UniqueId)
  StorPortLogError: exported(7, (call) => {
    call.port.logError(call.extension, call.u32(5), call.u32(6))
    return NOTHING
  }),
  // (HwDeviceExtension, *Length)
  StorPortAllocateRegistryBuffer: exported(
    2,
    (call) => addressOf(call.port.allocateRegistryBuffer(call.extension, call.memory.u32(call.va(1)))),
    REGISTRY_WORK,
  ),
  StorPortFreeRegistryBuffer: exported(2, () => NOTHING),
  // (HwDeviceExtension, ValueName, Global, Type, Buffer, *BufferLength)
  StorPortRegistryRead: exported(6, (call) => {
    const value = call.port.registryRead(call.extension, call.memory.string(call.va(1)))
    const room = call.memory.u32(call.va(5))
    call.memory.setU32(call.va(5), value?.byteLength ?? 0)
    if (value === null || value.byteLength > room) return FALSE
    call.memory.write(call.va(4), value)
    return TRUE
  }),
  // (HwDeviceExtension, ValueName, Global, Type, Buffer, BufferLength)
  StorPortRegistryWrite: exported(6, (call) => {
    const length = call.u32(5)
    if (length > MAX_REGISTRY_VALUE) return FALSE
    const value = call.memory.bytes(call.va(4), length)
    return asBoolean(call.port.registryWrite(call.extension, call.memory.string(call.va(1)), value))
  }),
}

const MAX_REGISTRY_VALUE = 0x1_0000

function resume(call: CallFrame): bigint {
  return asBoolean(call.port.resume(call.extension))
}
