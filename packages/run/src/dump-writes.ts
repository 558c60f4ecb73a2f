// writes.bin: a record of fixed size for each write of a dump, little-endian. docs/formats/dump-writes.md.
import { setHalves } from '@dumpstack/bytes'

export const WRITES = 'writes.bin'
export const WRITES_MAGIC = 'DSWRITES'
export const WRITES_FORMAT = 1
export const WRITES_HEADER_BYTES = 16
export const WRITE_RECORD_BYTES = 32
/** A dump of 64 GiB in writes of 64 KiB takes half of this. */
export const MAX_WRITE_RECORDS = 2 ** 21

export function layHeader(view: DataView): void {
  for (let index = 0; index < WRITES_MAGIC.length; index++)
    view.setUint8(index, WRITES_MAGIC.charCodeAt(index))
  view.setUint32(8, WRITES_FORMAT, true)
  view.setUint32(12, WRITE_RECORD_BYTES, true)
}

/** `offset` is that of the record; arguments instead of an object, as there are thousands. */
export function layRecord(
  view: DataView,
  offset: number,
  atNs: number,
  lba: number,
  sectorCount: number,
  sectorBytes: number,
  firstPfn: number,
  srbStatus: number,
): void {
  setHalves(view, offset, atNs)
  setHalves(view, offset + 8, lba)
  setHalves(view, offset + 16, firstPfn)
  view.setUint32(offset + 24, sectorCount, true)
  view.setUint16(offset + 28, sectorBytes, true)
  view.setUint16(offset + 30, srbStatus, true)
}
