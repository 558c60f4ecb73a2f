// The WMI library that port drivers export to their miniports (scsiwmi.h). The ports here send no SRB of function WMI, so that a miniport has
// nothing to dispatch but what it makes itself: controls of events and collection are served, and requests for data are not.
import { type Gva, gva, hex } from '@dumpstack/bytes'
import { SRB_STATUS_ERROR, SRB_STATUS_SUCCESS } from '@dumpstack/nt'
import { NotJudged } from '../../guest-fault.ts'
import { PASSIVE_LEVEL } from '../../irql.ts'
import type { CallFrame } from '../call-frame.ts'
import { type ExportFamily, exported, FALSE, NOTHING } from './export.ts'

// SCSI_WMILIB_CONTEXT
const GUID_COUNT = 0n
const GUID_LIST = 8n
const WMI_FUNCTION_CONTROL = 0x38n
// SCSIWMIGUIDREGINFO: the address of the GUID comes first
const REGISTRATION_BYTES = 0x10n
const MAX_GUIDS = 0x1000
const GUID_BYTES = 16
/** In instructions: what looking at one takes of the host. */
const GUID_WORK = 60
// SCSIWMI_REQUEST_CONTEXT
const BUFFER_SIZE = 8n
const BUFFER = 0x10n
const MINOR_FUNCTION = 0x18n
const RETURN_STATUS = 0x19n
const RETURN_SIZE = 0x1cn

/** IRP_MN_ENABLE_EVENTS to IRP_MN_DISABLE_COLLECTION: SCSIWMI_ENABLE_DISABLE_CONTROL, and whether it enables. */
const CONTROLS: Readonly<Record<number, readonly [control: bigint, enable: bigint]>> = {
  4: [0n, 1n],
  5: [0n, 0n],
  6: [1n, 1n],
  7: [1n, 0n],
}

export const WMI_EXPORTS: ExportFamily = {
  // (WmiLibInfo, MinorFunction, DeviceContext, RequestContext, DataPath, BufferSize, Buffer): TRUE where the request is pending
  ScsiPortWmiDispatchFunction: exported(7, dispatch),
  // (RequestContext, SrbStatus, BufferUsed)
  ScsiPortWmiPostProcess: exported(3, (call) => {
    complete(call, call.va(0), call.u8(1), call.u32(2))
    return NOTHING
  }),
  // (HwDeviceExtension, PathId, TargetId, Lun, Guid, InstanceIndex, EventDataSize, EventData): no consumer is modelled
  ScsiPortWmiFireLogicalUnitEvent: exported(8, () => NOTHING),
}

function dispatch(call: CallFrame): bigint {
  const { instance, memory } = call
  const library = call.va(0)
  const minorFunction = call.u8(1)
  const context = call.va(3)
  memory.setU32(field(context, BUFFER_SIZE), call.u32(5))
  memory.setU64(field(context, BUFFER), call.u64(6))
  memory.setU8(field(context, MINOR_FUNCTION), minorFunction)
  const index = guidIndex(call, library, call.va(4))
  if (index < 0) {
    complete(call, context, SRB_STATUS_ERROR, 0) // unverified: which failure an unregistered GUID gets
    return FALSE
  }
  const control = CONTROLS[minorFunction]
  if (control === undefined) {
    throw new NotJudged(
      'UNKNOWN_IMPORT',
      `${instance.image.baseName} called ScsiPortWmiDispatchFunction for minor function ${hex(minorFunction)}, which is not modelled`,
      { driver: instance.image.baseName, minorFunction },
    )
  }
  complete(call, context, SRB_STATUS_SUCCESS, 0)
  const routine = memory.u64(field(library, WMI_FUNCTION_CONTROL))
  if (routine === 0n) return FALSE
  const args = [call.u64(2), context, BigInt(index), ...control]
  return instance.callBack('HwScsiWmiFunctionControl', gva(routine), args, PASSIVE_LEVEL) & 0xffn
}

/** The place of `guid` among those that the miniport registered; -1 where it is none. */
function guidIndex(call: CallFrame, library: Gva, guid: Gva): number {
  const { memory } = call
  const wanted = memory.bytes(guid, GUID_BYTES)
  const count = Math.min(memory.u32(field(library, GUID_COUNT)), MAX_GUIDS)
  const list = memory.u64(field(library, GUID_LIST))
  for (let index = 0; index < count; index++) {
    call.charge(GUID_WORK)
    const known = memory.bytes(gva(memory.u64(gva(list + BigInt(index) * REGISTRATION_BYTES))), GUID_BYTES)
    if (known.every((byte, at) => byte === wanted[at])) return index
  }
  return -1
}

function complete({ memory }: CallFrame, context: Gva, srbStatus: number, size: number): void {
  memory.setU8(field(context, RETURN_STATUS), srbStatus)
  memory.setU32(field(context, RETURN_SIZE), size)
}

const field = (structure: Gva, offset: bigint): Gva => gva(structure + offset)
