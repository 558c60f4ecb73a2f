// MDLs for miniports, extended functions 2 to 5: made in pool over a buffer of nonpaged memory, and the address of a request's data.
import { type Gva, gva, PAGE_SIZE } from '@dumpstack/bytes'
import { MDL_PFN_ARRAY, MDL_SOURCE_IS_NONPAGED_POOL, Mdl } from '@dumpstack/nt'
import {
  STOR_STATUS_INSUFFICIENT_RESOURCES,
  STOR_STATUS_INVALID_PARAMETER,
  STOR_STATUS_SUCCESS,
  STOR_STATUS_UNSUCCESSFUL,
} from '../../stor-status.ts'
import type { ExtendedFunctions } from '../extended-function.ts'
import { addressOf } from './export.ts'
import { dataBufferOf } from './outstanding.ts'
import { allocatePool } from './pool.ts'

const PAGE_MASK = 0xfffn
/** As the field for the size of the whole can count. */
const MAX_SIZE = 0xffff
/** In instructions: what finding the frame of a page takes of the host. */
const PAGE_WORK = 20
const { byteCount, byteOffset, mappedSystemVa, mdlFlags, startVa } = Mdl.fields

export const MDL_FUNCTIONS: ExtendedFunctions = {
  // (BufferPointer, NumberOfBytes, *Mdl)
  AllocateMdl: (call) => {
    const buffer = call.va(2)
    const length = call.u32(3)
    const offset = Number(buffer & PAGE_MASK)
    const size = MDL_PFN_ARRAY + Math.ceil((offset + length) / PAGE_SIZE) * 8
    if (buffer === gva(0n) || length === 0 || size > MAX_SIZE) return STOR_STATUS_INVALID_PARAMETER
    const block = allocatePool(call, call.va(1), size)
    call.memory.setU64(call.va(4), addressOf(block))
    if (block === null) {
      return call.instance.life === 'dump' ? STOR_STATUS_UNSUCCESSFUL : STOR_STATUS_INSUFFICIENT_RESOURCES
    }
    call.memory.write(block.va, new Uint8Array(size))
    const mdl = Mdl.at(block.view)
    mdl.size = size
    mdl.startVa = buffer & ~PAGE_MASK
    mdl.byteOffset = offset
    mdl.byteCount = length
    return STOR_STATUS_SUCCESS
  },
  // (Srb, *SystemAddress)
  GetSystemAddress: (call) => {
    const srb = call.va(2)
    if (!call.instance.outstanding.has(srb)) return STOR_STATUS_INVALID_PARAMETER
    const isMapped = call.port.mapData(call.instance.blockAt(call.va(1)), call.instance.blockAt(srb))
    call.memory.setU64(call.va(3), isMapped ? dataBufferOf(call, srb) : 0n)
    return isMapped ? STOR_STATUS_SUCCESS : STOR_STATUS_INVALID_PARAMETER
  },
  // (Mdl)
  FreeMdl: (call) => call.port.freePool(call.instance.blockAt(call.va(1)), call.instance.blockAt(call.va(2))),
  // (Mdl): the page frame numbers of its buffer
  BuildMdlForNonPagedPool: (call) => {
    const { memory } = call
    const mdl = call.va(2)
    const start = memory.u64(at(mdl, startVa.offset))
    const offset = memory.u32(at(mdl, byteOffset.offset))
    const pages = Math.ceil((offset + memory.u32(at(mdl, byteCount.offset))) / PAGE_SIZE)
    if (MDL_PFN_ARRAY + pages * 8 > MAX_SIZE) return STOR_STATUS_INVALID_PARAMETER
    for (let page = 0; page < pages; page++) {
      call.charge(PAGE_WORK)
      const address = call.translate(gva(start + BigInt(page * PAGE_SIZE)))
      if (address === null) return STOR_STATUS_INVALID_PARAMETER
      memory.setU64(at(mdl, MDL_PFN_ARRAY + page * 8), BigInt(Math.floor(address / PAGE_SIZE)))
    }
    memory.setU64(at(mdl, mappedSystemVa.offset), start + BigInt(offset))
    const flags = at(mdl, mdlFlags.offset)
    memory.setU16(flags, memory.u16(flags) | MDL_SOURCE_IS_NONPAGED_POOL)
    return STOR_STATUS_SUCCESS
  },
}

const at = (mdl: Gva, offset: number): Gva => gva(mdl + BigInt(offset))
