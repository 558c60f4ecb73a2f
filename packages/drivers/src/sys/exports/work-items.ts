// What the kernel calls later at PASSIVE_LEVEL: work items, and routines for when all devices have started. Argument lists as documented
// for wdm.h and ntddk.h.
import { type Gva, gva } from '@dumpstack/bytes'
import { PASSIVE_LEVEL } from '../../irql.ts'
import type { CallFrame } from '../call-frame.ts'
import { addressOf, type ExportFamily, exported, NOTHING } from './export.ts'
import { allocatePool } from './pool.ts'

/** IO_WORKITEM is opaque: our choice. */
const WORK_ITEM_BYTES = 0x60n
const DEVICE_OBJECT_AT = 0n
/** WORK_QUEUE_ITEM: after its list entry. */
const WORKER_ROUTINE_AT = 0x10n
const PARAMETER_AT = 0x18n

export const WORK_ITEM_EXPORTS: ExportFamily = {
  IoSizeofWorkItem: exported(0, () => WORK_ITEM_BYTES),
  // (*DeviceObject)
  IoAllocateWorkItem: exported(1, (call) => {
    const item = addressOf(allocatePool(call, gva(0n), Number(WORK_ITEM_BYTES)))
    if (item !== gva(0n)) call.memory.setU64(gva(item + DEVICE_OBJECT_AT), call.u64(0))
    return item
  }),
  // (*IoObject, *IoWorkItem)
  IoInitializeWorkItem: exported(2, (call) => {
    call.memory.setU64(gva(call.va(1) + DEVICE_OBJECT_AT), call.u64(0))
    return NOTHING
  }),
  IoUninitializeWorkItem: exported(1, () => NOTHING),
  // (*IoWorkItem)
  IoFreeWorkItem: exported(1, (call) => {
    call.port.freePool(call.instance.blockAt(gva(0n)), call.instance.blockAt(call.va(0)))
    return NOTHING
  }),
  // (*IoWorkItem, WorkerRoutine, QueueType, Context): the routine gets the device object and the context
  IoQueueWorkItem: exported(4, (call) => {
    const object = call.memory.u64(gva(call.va(0) + DEVICE_OBJECT_AT))
    return queue(call, call.va(0), call.va(1), [object, call.u64(3)])
  }),
  /** As above; the routine gets the work item too. */
  IoQueueWorkItemEx: exported(4, (call) => {
    const object = call.memory.u64(gva(call.va(0) + DEVICE_OBJECT_AT))
    return queue(call, call.va(0), call.va(1), [object, call.u64(3), call.u64(0)])
  }),
  // (*WORK_QUEUE_ITEM, QueueType)
  ExQueueWorkItem: exported(2, (call) => {
    const item = call.va(0)
    const routine = gva(call.memory.u64(gva(item + WORKER_ROUTINE_AT)))
    return queue(call, item, routine, [call.memory.u64(gva(item + PARAMETER_AT))])
  }),
  // (*DriverObject, Routine, Context): once all devices have started
  IoRegisterBootDriverReinitialization: exported(3, reinitialize),
  IoRegisterDriverReinitialization: exported(3, reinitialize),
}

function queue({ instance, port }: CallFrame, item: Gva, routine: Gva, args: readonly bigint[]): bigint {
  port.queueWorkItem(instance.blockAt(gva(0n)), item, () => {
    instance.callBack('the work item', routine, args, PASSIVE_LEVEL)
  })
  return NOTHING
}

/** The routine gets the driver object, the context and how often it was called. */
function reinitialize(call: CallFrame): bigint {
  const { instance, port } = call
  const count = ++instance.reinitializations
  const args = [call.u64(0), call.u64(2), BigInt(count)]
  const routine = call.va(1)
  port.queueWorkItem(instance.blockAt(gva(0n)), instance.newHandle(), () => {
    instance.callBack('the reinitialisation routine', routine, args, PASSIVE_LEVEL)
  })
  return NOTHING
}
