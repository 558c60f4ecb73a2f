// What follows a minidump in its file: `DumpBlob`, then blobs under GUIDs, as drivers and the system add them.
import { ascii } from './built-modules.ts'

export interface BuiltBlob {
  /** `2B88B710-1C93-4F7C-B06C-655ECC50DECC` */
  readonly tag: string
  readonly byteLength: number
  readonly prePad?: number
  readonly postPad?: number
}

export interface SecondaryRecipe {
  readonly blobs: readonly BuiltBlob[]
  /** Bytes after a header of zeros that ends the list; without them the list ends with the file. */
  readonly unused?: number
  /** RequiredDumpSpace: the length of the file when absent. */
  readonly requiredDumpSpace?: number
  readonly build?: number
  /** DUMP_FILE_ATTRIBUTES; unset when absent. */
  readonly attributes?: number
}

/** GUID of the buffers of the event loggers, which newer builds write last. */
export const EVENT_LOGGERS = '2B88B710-1C93-4F7C-B06C-655ECC50DECC'

/** The minidump with its secondary data. */
export function withSecondaryData(minidump: Uint8Array, recipe: SecondaryRecipe): Uint8Array {
  const parts: Uint8Array[] = [minidump]
  const head = new Uint8Array(0x10)
  head.set(ascii('DumpBlob'))
  new DataView(head.buffer).setUint32(8, 0x10, true)
  new DataView(head.buffer).setUint32(12, 0xf0004a61, true)
  parts.push(head)
  for (const { tag, byteLength, prePad = 0, postPad = 0 } of recipe.blobs) {
    const header = new Uint8Array(0x20)
    const view = new DataView(header.buffer)
    view.setUint32(0, 0x20, true)
    header.set(guidBytes(tag), 4)
    view.setUint32(0x14, byteLength, true)
    view.setUint32(0x18, prePad, true)
    view.setUint32(0x1c, postPad, true)
    parts.push(header, new Uint8Array(prePad), new Uint8Array(byteLength).fill(0xb1), new Uint8Array(postPad))
  }
  if (recipe.unused !== undefined) parts.push(new Uint8Array(0x20), new Uint8Array(recipe.unused).fill(0x77))
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0xfa0, BigInt(recipe.requiredDumpSpace ?? bytes.length), true)
  if (recipe.build !== undefined) view.setUint32(0xc, recipe.build, true)
  if (recipe.attributes !== undefined) view.setUint32(0x1050, recipe.attributes, true)
  return bytes
}

/** A GUID as it lies in memory: three numbers, then eight bytes. */
function guidBytes(tag: string): Uint8Array {
  const [a, b, c, ...rest] = tag.split('-')
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, Number.parseInt(a ?? '', 16), true)
  view.setUint16(4, Number.parseInt(b ?? '', 16), true)
  view.setUint16(6, Number.parseInt(c ?? '', 16), true)
  for (const [index, pair] of (rest.join('').match(/../g) ?? []).entries())
    bytes[8 + index] = Number.parseInt(pair, 16)
  return bytes
}
