// storport.sys: the requests that a miniport has and did not complete, by unit and tag, in both kinds of SRB.
import { type Gva, gva } from '@dumpstack/bytes'
import {
  ScsiRequestBlock,
  SRB_FUNCTION_STORAGE_REQUEST_BLOCK,
  StorAddressBtl8,
  StorageRequestBlock,
} from '@dumpstack/nt'
import type { CallFrame } from '../call-frame.ts'
import type { GuestMemory } from '../guest-memory.ts'
import { type ExportFamily, exported, NOTHING } from './export.ts'

const NO_REQUEST = 0n
/** In both kinds of SRB. */
const SRB_STATUS_AT = BigInt(ScsiRequestBlock.fields.srbStatus.offset)

export const OUTSTANDING_EXPORTS: ExportFamily = {
  // (HwDeviceExtension, PathId, TargetId, Lun, SrbStatus): every request for that unit that the miniport still has
  StorPortCompleteRequest: exported(5, (call) => {
    const { instance, memory } = call
    const had = Array.from(instance.outstanding) // a completion may bring the next request
    for (const srb of had) {
      if (!isFor(call, srb)) continue
      memory.setU8(gva(srb + SRB_STATUS_AT), call.u8(4))
      instance.outstanding.delete(srb)
      call.port.notificationRequestComplete(call.extension, instance.blockAt(srb))
    }
    return NOTHING
  }),
  // (HwDeviceExtension, PathId, TargetId, Lun, QueueTag): the request of that tag that the miniport has, the first where it has none
  StorPortGetSrb: exported(5, (call) => {
    const tag = call.u32(4)
    for (const srb of call.instance.outstanding) {
      if (isFor(call, srb) && (isUntagged(tag) || tagOf(call, srb) === tag)) return srb
    }
    return NO_REQUEST
  }),
}

/** SP_UNTAGGED: a path, target, unit or tag that stands for any. */
const ANY = 0xff
const isUntagged = (tag: number): boolean => tag === ANY || tag === 0xffff_ffff

/** Whether a request is for the unit that arguments 1 to 3 name. */
function isFor(call: CallFrame, srb: Gva): boolean {
  const address = unitOf(call, srb)
  return address.every((number, index) => call.u8(index + 1) === ANY || call.u8(index + 1) === number)
}

/** PathId, TargetId and Lun. */
function unitOf({ memory }: CallFrame, srb: Gva): readonly [number, number, number] {
  const { pathId, targetId, lun } = ScsiRequestBlock.fields
  if (!isExtended(memory, srb)) {
    return [byteAt(memory, srb, pathId), byteAt(memory, srb, targetId), byteAt(memory, srb, lun)]
  }
  const address = gva(
    srb + BigInt(memory.u32(gva(srb + BigInt(StorageRequestBlock.fields.addressOffset.offset)))),
  )
  const { path, target, lun: unit } = StorAddressBtl8.fields
  return [byteAt(memory, address, path), byteAt(memory, address, target), byteAt(memory, address, unit)]
}

/** DataBuffer of either kind. */
export function dataBufferOf({ memory }: CallFrame, srb: Gva): bigint {
  const { dataBuffer } = (isExtended(memory, srb) ? StorageRequestBlock : ScsiRequestBlock).fields
  return memory.u64(gva(srb + BigInt(dataBuffer.offset)))
}

function tagOf({ memory }: CallFrame, srb: Gva): number {
  if (!isExtended(memory, srb)) return byteAt(memory, srb, ScsiRequestBlock.fields.queueTag)
  return memory.u32(gva(srb + BigInt(StorageRequestBlock.fields.requestTag.offset)))
}

const isExtended = (memory: GuestMemory, srb: Gva): boolean =>
  byteAt(memory, srb, ScsiRequestBlock.fields.function) === SRB_FUNCTION_STORAGE_REQUEST_BLOCK

const byteAt = (memory: GuestMemory, va: Gva, { offset }: { readonly offset: number }): number =>
  memory.u8(gva(va + BigInt(offset)))
