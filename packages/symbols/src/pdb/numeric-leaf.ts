// A number inside a record: below 0x8000 it is itself, above it names the width of what follows.
import { hex } from '@dumpstack/bytes'
import type { StreamBytes } from './stream-bytes.ts'

const LF_NUMERIC = 0x8000
const LF_CHAR = 0x8000
const LF_SHORT = 0x8001
const LF_USHORT = 0x8002
const LF_LONG = 0x8003
const LF_ULONG = 0x8004
const LF_QUADWORD = 0x8009
const LF_UQUADWORD = 0x800a

export interface NumericLeaf {
  readonly value: bigint
  /** Offset of what follows. */
  readonly end: number
}

export function numericLeafAt(stream: StreamBytes, offset: number): NumericLeaf {
  const leaf = stream.u16(offset, 'a number')
  const at = offset + 2
  if (leaf < LF_NUMERIC) return { value: BigInt(leaf), end: at }
  const { view } = stream
  const read = (byteLength: number, get: () => number | bigint): NumericLeaf => {
    stream.need(at, byteLength, 'a number')
    return { value: BigInt(get()), end: at + byteLength }
  }
  switch (leaf) {
    case LF_CHAR:
      return read(1, () => view.getInt8(at))
    case LF_SHORT:
      return read(2, () => view.getInt16(at, true))
    case LF_USHORT:
      return read(2, () => view.getUint16(at, true))
    case LF_LONG:
      return read(4, () => view.getInt32(at, true))
    case LF_ULONG:
      return read(4, () => view.getUint32(at, true))
    case LF_QUADWORD:
      return read(8, () => view.getBigInt64(at, true))
    case LF_UQUADWORD:
      return read(8, () => view.getBigUint64(at, true))
    default:
      throw stream.damaged(
        offset,
        `a number of kind ${hex(leaf)}, expected 0x8000 to 0x8004, 0x8009 or 0x800a`,
      )
  }
}
