// A number inside a record: below 0x8000 it is itself, above it names the width of what follows (Microsoft's cvinfo.h,
// "numeric leaf indices").
import { hex } from '@dumpstack/bytes'
import { SymbolsError } from '../errors.ts'
import type { StreamBytes } from './stream-bytes.ts'

const LF_NUMERIC = 0x8000
const LF_CHAR = 0x8000
const LF_SHORT = 0x8001
const LF_USHORT = 0x8002
const LF_LONG = 0x8003
const LF_ULONG = 0x8004
const LF_QUADWORD = 0x8009
const LF_UQUADWORD = 0x800a
const LF_OCTWORD = 0x8017
const LF_UOCTWORD = 0x8018
/** Numbers that are no integers: floating-point and complex ones, decimals and dates. Only constants have such values. */
const OTHER_BYTES: Readonly<Record<number, number>> = {
  [0x8005]: 4, // LF_REAL32
  [0x8006]: 8, // LF_REAL64
  [0x8007]: 10, // LF_REAL80
  [0x8008]: 16, // LF_REAL128
  [0x800b]: 6, // LF_REAL48
  [0x800c]: 8, // LF_COMPLEX32
  [0x800d]: 16, // LF_COMPLEX64
  [0x800e]: 20, // LF_COMPLEX80
  [0x800f]: 32, // LF_COMPLEX128
  [0x8019]: 16, // LF_DECIMAL
  [0x801a]: 8, // LF_DATE
  [0x801c]: 2, // LF_REAL16
}

export interface NumericLeaf {
  readonly value: bigint
  /** Offset of what follows. */
  readonly end: number
}

/** The value of a constant; null where it is no integer. */
export function constantAt(
  stream: StreamBytes,
  offset: number,
): { readonly value: bigint | null; readonly end: number } {
  const byteLength = OTHER_BYTES[stream.u16(offset, 'a number')]
  if (byteLength === undefined) return numericLeafAt(stream, offset)
  stream.need(offset + 2, byteLength, 'a number')
  return { value: null, end: offset + 2 + byteLength }
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
    case LF_OCTWORD:
      return read(16, () => (view.getBigInt64(at + 8, true) << 64n) | view.getBigUint64(at, true))
    case LF_UOCTWORD:
      return read(16, () => (view.getBigUint64(at + 8, true) << 64n) | view.getBigUint64(at, true))
    default:
      throw new SymbolsError(
        'SYMBOLS_UNSUPPORTED',
        `${stream.name} at offset ${hex(offset)}: a number of kind ${hex(leaf)}, which is not read`,
        { stream: stream.name, offset },
      )
  }
}
