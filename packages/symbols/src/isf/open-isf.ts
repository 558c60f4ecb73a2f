// The file around an ISF table: JSON as it is, or packed as .xz or .gz, as volatility3 keeps it. It is counted while it is
// unpacked, so that a small file never becomes large memory.
import { SymbolsError } from '../errors.ts'
import { IsfFile } from './isf-file.ts'
import { JsonBudget, MAX_ISF_BYTES } from './json-budget.ts'

type Packing = 'xz' | 'gzip' | 'bzip2'
const MAGICS: readonly (readonly [packing: Packing, magic: readonly number[]])[] = [
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]],
  ['gzip', [0x1f, 0x8b, 8]],
  ['bzip2', [0x42, 0x5a, 0x68]],
]
const OPENING_BRACE = 0x7b

const packingOf = (bytes: Uint8Array): Packing | null =>
  MAGICS.find(([, magic]) => magic.every((byte, i) => bytes[i] === byte))?.[0] ?? null

/** Whether a file that begins so may be an ISF table; it takes the first six bytes. */
export const isIsf = (head: Uint8Array): boolean => head[0] === OPENING_BRACE || packingOf(head) !== null

export async function openIsf(bytes: Uint8Array, origin: string): Promise<IsfFile> {
  if (bytes.byteLength > MAX_ISF_BYTES) {
    throw new SymbolsError(
      'SYMBOLS_TOO_LARGE',
      `${origin} has ${bytes.byteLength} bytes, no table of Windows symbols has`,
      {
        origin,
      },
    )
  }
  const budget = new JsonBudget(origin)
  const json = await unpacked(bytes, origin, budget)
  return new IsfFile(new TextDecoder().decode(json), origin)
}

async function unpacked(bytes: Uint8Array, origin: string, budget: JsonBudget): Promise<Uint8Array> {
  const packing = packingOf(bytes)
  switch (packing) {
    case null:
      budget.take(bytes)
      return bytes
    case 'xz': {
      const { default: xz } = await import('xz-decompress')
      return read(new xz.XzReadableStream(streamOf(bytes)), packing, bytes.byteLength, origin, budget)
    }
    case 'gzip':
      return read(
        streamOf(bytes).pipeThrough(new DecompressionStream('gzip')),
        packing,
        bytes.byteLength,
        origin,
        budget,
      )
    case 'bzip2':
      throw new SymbolsError(
        'SYMBOLS_UNSUPPORTED',
        `${origin} is packed by bzip2, which is not read: unpack it, or pack it as .xz or .gz`,
        { origin },
      )
  }
}

const streamOf = (bytes: Uint8Array): ReadableStream<Uint8Array<ArrayBuffer>> =>
  new Blob([Uint8Array.from(bytes)]).stream()

async function read(
  stream: ReadableStream<Uint8Array>,
  packing: Packing,
  packedBytes: number,
  origin: string,
  budget: JsonBudget,
): Promise<Uint8Array> {
  const reader = stream.getReader()
  const parts: Uint8Array[] = []
  let byteLength = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      budget.take(value)
      parts.push(value)
      byteLength += value.byteLength
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined) // it failed already, or is not wanted any more
    if (error instanceof SymbolsError) throw error
    throw new SymbolsError(
      'SYMBOLS_DAMAGED',
      `${origin}: the ${packing} stream of ${packedBytes} bytes cannot be unpacked after ${byteLength} bytes of output: ${error instanceof Error ? error.message : error}`,
      { origin, byteLength },
      { cause: error },
    )
  }
  const whole = new Uint8Array(byteLength)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.byteLength
  }
  return whole
}
