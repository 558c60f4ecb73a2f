// The file around an ISF table: JSON as it is, or packed as .xz, as volatility3 keeps it.
import xz from 'xz-decompress'
import { SymbolsError } from '../errors.ts'
import { IsfFile } from './isf-file.ts'

const XZ_MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]
/** Tables of kernels take 5 to 10 MB, the largest published ones (of Linux) under 60 MB. */
export const MAX_ISF_BYTES = 0x8000000

export const isXz = (bytes: Uint8Array): boolean => XZ_MAGIC.every((byte, i) => bytes[i] === byte)

export async function openIsf(bytes: Uint8Array, origin: string): Promise<IsfFile> {
  const json = isXz(bytes) ? await unpackXz(bytes, origin) : bytes
  if (json.byteLength > MAX_ISF_BYTES) throw tooLarge(origin)
  return new IsfFile(new TextDecoder().decode(json), origin)
}

async function unpackXz(packed: Uint8Array, origin: string): Promise<Uint8Array> {
  const reader = new xz.XzReadableStream(new Blob([Uint8Array.from(packed)]).stream()).getReader()
  const parts: Uint8Array[] = []
  let byteLength = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      parts.push(value)
      byteLength += value.byteLength
      if (byteLength > MAX_ISF_BYTES) break
    }
  } catch (error) {
    throw new SymbolsError(
      'SYMBOLS_DAMAGED',
      `${origin}: the xz stream of ${packed.byteLength} bytes cannot be unpacked after ${byteLength} bytes of output`,
      { origin, byteLength },
      { cause: error },
    )
  }
  if (byteLength > MAX_ISF_BYTES) {
    await reader.cancel()
    throw tooLarge(origin)
  }
  const whole = new Uint8Array(byteLength)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.byteLength
  }
  return whole
}

const tooLarge = (origin: string): SymbolsError =>
  new SymbolsError('SYMBOLS_TOO_LARGE', `${origin} has more than ${MAX_ISF_BYTES} bytes of JSON`, { origin })
