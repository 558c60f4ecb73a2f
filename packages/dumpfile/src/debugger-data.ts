// KDDEBUGGER_DATA64 of any build. The block grew with Windows, and its Size says how far it goes: 0x360 in genuine dumps of
// build 9600, 0x380 in those of 17763, 19041 and 22000 (55 minidumps). Fields that a block does not cover are 0.
import type { Gva } from '@dumpstack/bytes'
import { KDBG_TAG, KddebuggerData64 } from '@dumpstack/nt'

const { ownerTag, size, kernBase } = KddebuggerData64.fields
/** List, tag and size: without these there is no block. */
const HEAD_BYTES = kernBase.offset

/** Null where the block cannot be read as far as its Size says, or has no tag. `read` takes bytes from its start on. */
export function readDebuggerData(read: (into: Uint8Array) => number): KddebuggerData64 | null {
  const bytes = new Uint8Array(KddebuggerData64.size)
  if (read(bytes.subarray(0, HEAD_BYTES)) < HEAD_BYTES) return null
  const view = new DataView(bytes.buffer)
  if (view.getUint32(ownerTag.offset, true) !== KDBG_TAG) return null
  const covered = Math.min(view.getUint32(size.offset, true), KddebuggerData64.size)
  if (covered < HEAD_BYTES || read(bytes.subarray(0, covered)) < covered) return null
  return KddebuggerData64.of(bytes)
}

/** The debugger data block of a dump, at the address that the header gives. */
export const readKdbg = (
  kdDebuggerDataBlock: Gva,
  space: { read(gva: Gva, into: Uint8Array): number },
): KddebuggerData64 | null => readDebuggerData((into) => space.read(kdDebuggerDataBlock, into))
