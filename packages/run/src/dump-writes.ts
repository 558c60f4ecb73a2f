// writes.bin: a record of fixed size for each write of a dump, little-endian. docs/formats/dump-writes.md.
import { type ByteSource, getHalves, setHalves } from '@dumpstack/bytes'
import { KeptRunError } from '@dumpstack/target'

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

/** The writes of a dump in order, a column for each field: there are thousands. */
export interface DumpWrites {
  readonly count: number
  readonly atNs: Float64Array
  readonly lba: Float64Array
  readonly sectorCount: Uint32Array
  readonly sectorBytes: Uint16Array
  readonly srbStatus: Uint16Array
}

const RECORDS_AT_ONCE = 2048

/** A last record that was cut off is what a killed run leaves, and is not read. Throws KeptRunError naming `file`. */
export function readDumpWrites(source: ByteSource, file: string): DumpWrites {
  const bytes = new Uint8Array(RECORDS_AT_ONCE * WRITE_RECORD_BYTES)
  const view = new DataView(bytes.buffer)
  const expected = new DataView(new ArrayBuffer(WRITES_HEADER_BYTES))
  layHeader(expected)
  const obtained = source.read(0, bytes.subarray(0, WRITES_HEADER_BYTES))
  for (let at = 0; at < WRITES_HEADER_BYTES; at++) {
    if (at < obtained && bytes[at] === expected.getUint8(at)) continue
    throw new KeptRunError(
      'RUN_FOLDER_CORRUPT',
      `${file}: byte ${at} is not that of a record of writes, expected ${WRITES_MAGIC}, format ${WRITES_FORMAT}, records of ${WRITE_RECORD_BYTES} bytes`,
    )
  }
  const count = Math.min(
    MAX_WRITE_RECORDS,
    Math.floor((source.byteLength - WRITES_HEADER_BYTES) / WRITE_RECORD_BYTES),
  )
  const writes: DumpWrites = {
    count,
    atNs: new Float64Array(count),
    lba: new Float64Array(count),
    sectorCount: new Uint32Array(count),
    sectorBytes: new Uint16Array(count),
    srbStatus: new Uint16Array(count),
  }
  for (let index = 0; index < count; index++) {
    const at = (index % RECORDS_AT_ONCE) * WRITE_RECORD_BYTES
    if (at === 0) source.read(WRITES_HEADER_BYTES + index * WRITE_RECORD_BYTES, bytes)
    writes.atNs[index] = getHalves(view, at)
    writes.lba[index] = getHalves(view, at + 8)
    writes.sectorCount[index] = view.getUint32(at + 24, true)
    writes.sectorBytes[index] = view.getUint16(at + 28, true)
    writes.srbStatus[index] = view.getUint16(at + 30, true)
  }
  return writes
}
