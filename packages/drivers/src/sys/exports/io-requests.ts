// IRPs that a driver builds and sends to another driver, and references to objects. Nothing in this system answers requests: the PCI bus driver
// is not modelled, so each ends with STATUS_INVALID_DEVICE_REQUEST, as a driver answers what it does not support. Layouts as in wdm.h.
import { type Gva, gva } from '@dumpstack/bytes'
import {
  DeviceObject,
  DispatcherHeader,
  IO_TYPE_IRP,
  IoStackLocation,
  IoStatusBlock,
  Irp,
  STATUS_INVALID_PARAMETER,
} from '@dumpstack/nt'
import type { CallFrame } from '../call-frame.ts'
import { addressOf, type ExportFamily, exported, NOTHING } from './export.ts'
import { allocatePool } from './pool.ts'

const STATUS_INVALID_DEVICE_REQUEST = 0xc000_0010
const STATUS_MORE_PROCESSING_REQUIRED = 0xc000_0016n
const STATUS_INVALID_HANDLE = 0xc000_0008n
const IRP_MJ_DEVICE_CONTROL = 0x0e
const IRP_MJ_INTERNAL_DEVICE_CONTROL = 0x0f
/** SL_INVOKE_ON_ERROR: the completion routine wants to know of a failure. */
const SL_INVOKE_ON_ERROR = 0x80
const MAX_STACK = 64

const at = (base: Gva, { offset }: { readonly offset: number }): Gva => gva(base + BigInt(offset))

export const IO_REQUEST_EXPORTS: ExportFamily = {
  // (StackSize, ChargeQuota)
  IoAllocateIrp: exported(2, (call) => allocateIrp(call, call.u8(0))),
  IoFreeIrp: exported(1, (call) => {
    call.port.freePool(call.instance.blockAt(gva(0n)), call.instance.blockAt(call.va(0)))
    return NOTHING
  }),
  // (IoControlCode, *DeviceObject, *Input, InputLength, *Output, OutputLength, IsInternal, *Event, *IoStatusBlock)
  IoBuildDeviceIoControlRequest: exported(9, (call) => {
    const major = call.u8(6) === 0 ? IRP_MJ_DEVICE_CONTROL : IRP_MJ_INTERNAL_DEVICE_CONTROL
    const irp = builtIrp(call, call.va(1), major, call.u64(7), call.u64(8))
    if (irp === gva(0n)) return irp
    const next = nextLocation(call, irp)
    const { outputBufferLength, inputBufferLength, ioControlCode } = IoStackLocation.fields
    call.memory.setU32(at(next, outputBufferLength), call.u32(5))
    call.memory.setU32(at(next, inputBufferLength), call.u32(3))
    call.memory.setU32(at(next, ioControlCode), call.u32(0))
    call.memory.setU64(at(irp, Irp.fields.userBuffer), call.u64(4))
    return irp
  }),
  // (MajorFunction, *DeviceObject, *Buffer, Length, *StartingOffset, *Event, *IoStatusBlock)
  IoBuildSynchronousFsdRequest: exported(7, (call) =>
    builtIrp(call, call.va(1), call.u8(0), call.u64(5), call.u64(6)),
  ),
  // (*DeviceObject, *Irp)
  IofCallDriver: exported(2, complete),
  IoGetAttachedDeviceReference: exported(1, (call) => topOf(call, call.va(0))),
  IoGetAttachedDevice: exported(1, (call) => topOf(call, call.va(0))),

  // References are not counted: what there is stays.
  ObfReferenceObject: exported(1, () => 1n),
  ObfDereferenceObject: exported(1, () => 1n),
  /** No handle of this system stands for an object that a driver could use. */
  ObReferenceObjectByHandle: exported(6, () => STATUS_INVALID_HANDLE),
}

function allocateIrp(call: CallFrame, stackSize: number): Gva {
  const count = Math.min(stackSize, MAX_STACK)
  const byteLength = Irp.size + count * IoStackLocation.size
  const irp = addressOf(allocatePool(call, gva(0n), byteLength))
  if (irp === gva(0n)) return irp
  const bytes = new Uint8Array(byteLength)
  const fields = Irp.of(bytes)
  fields.type = IO_TYPE_IRP
  fields.size = byteLength
  fields.stackCount = count
  fields.currentLocation = count + 1
  fields.currentStackLocation = irp + BigInt(byteLength) // one after the last
  call.memory.write(irp, bytes)
  return irp
}

function builtIrp(call: CallFrame, device: Gva, major: number, event: bigint, status: bigint): Gva {
  const irp = allocateIrp(call, call.memory.u8(at(device, DeviceObject.fields.stackSize)))
  if (irp === gva(0n)) return irp
  call.memory.setU64(at(irp, Irp.fields.userEvent), event)
  call.memory.setU64(at(irp, Irp.fields.userIosb), status)
  call.memory.setU8(at(nextLocation(call, irp), IoStackLocation.fields.majorFunction), major)
  call.instance.keep(call.instance.builtIrps, irp, 'IRPs')
  return irp
}

/** Where the parameters for the driver lie that gets it. */
const nextLocation = ({ memory }: CallFrame, irp: Gva): Gva =>
  gva(memory.u64(at(irp, Irp.fields.currentStackLocation)) - BigInt(IoStackLocation.size))

/** Fails the request: its status, its completion routine, its status block and event. */
function complete(call: CallFrame): bigint {
  const { instance, memory } = call
  const [device, irp] = [call.va(0), call.va(1)]
  if (memory.u16(irp) !== IO_TYPE_IRP) return BigInt(STATUS_INVALID_PARAMETER)
  const failed = BigInt(STATUS_INVALID_DEVICE_REQUEST)
  memory.setU32(at(irp, Irp.fields.status), STATUS_INVALID_DEVICE_REQUEST)
  memory.setU64(at(irp, Irp.fields.information), 0n)
  const next = nextLocation(call, irp)
  const routine = gva(memory.u64(at(next, IoStackLocation.fields.completionRoutine)))
  const isWanted = (memory.u8(at(next, IoStackLocation.fields.control)) & SL_INVOKE_ON_ERROR) !== 0
  if (isWanted && routine !== gva(0n)) {
    const context = memory.u64(at(next, IoStackLocation.fields.context))
    const answer = instance.callBack('the completion routine', routine, [device, irp, context], call.irql)
    if ((answer & 0xffffffffn) === STATUS_MORE_PROCESSING_REQUIRED) return failed
  }
  if (!instance.builtIrps.delete(irp)) return failed
  const block = gva(memory.u64(at(irp, Irp.fields.userIosb)))
  if (block !== gva(0n)) memory.setU32(at(block, IoStatusBlock.fields.status), STATUS_INVALID_DEVICE_REQUEST)
  if (block !== gva(0n)) memory.setU64(at(block, IoStatusBlock.fields.information), 0n)
  const event = gva(memory.u64(at(irp, Irp.fields.userEvent)))
  if (event !== gva(0n)) memory.setU32(at(event, DispatcherHeader.fields.signalState), 1)
  call.port.freePool(instance.blockAt(gva(0n)), instance.blockAt(irp))
  return failed
}

function topOf({ memory }: CallFrame, device: Gva): bigint {
  const above = memory.u64(at(device, DeviceObject.fields.attachedDevice))
  return above === 0n ? device : above // an adapter's stack has two
}
