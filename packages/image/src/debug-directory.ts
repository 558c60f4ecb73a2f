// Which PDB belongs to an image: the CodeView record of the debug directory (PE Format, "Debug Directory").
import { hex } from '@dumpstack/bytes'
import { ImageError } from './errors.ts'
import { type Directory, decodeName, type ImageFile } from './image-file.ts'
import { CodeViewRsds, DEBUG_TYPE_CODEVIEW, DebugDirectory, RSDS_SIGNATURE } from './layouts.ts'

export interface CodeView {
  /** 32 upper-case digits, as symbol stores write it: Data1, Data2 and Data3 as numbers, Data4 as bytes. */
  readonly guid: string
  readonly age: number
  readonly path: string
}

/** What a symbol store knows an image and its PDB by. */
export interface ImageIdentity {
  /** `ntoskrnl.exe` */
  readonly imageName: string
  readonly timeDateStamp: number
  readonly sizeOfImage: number
  /** The CodeView record of the image; null where it is not known. */
  readonly pdb: CodeView | null
}

const digits = (value: number, n: number): string => value.toString(16).toUpperCase().padStart(n, '0')

/** Null where the image names no PDB in the RSDS form. */
export function readCodeView(file: ImageFile, directory: Directory | null): CodeView | null {
  if (directory === null) return null
  const count = Math.floor(directory.byteLength / DebugDirectory.size)
  for (let index = 0; index < count; index++) {
    const what = `debug directory entry ${index}`
    const entry = file.structAt(DebugDirectory, directory.rva + index * DebugDirectory.size, what)
    if (entry.type !== DEBUG_TYPE_CODEVIEW || entry.sizeOfData < CodeViewRsds.size) continue
    file.struct(CodeViewRsds, entry.pointerToRawData, `CodeView record of ${what}`)
    const end = entry.pointerToRawData + entry.sizeOfData
    const found = codeViewOf(
      file.bytes.subarray(entry.pointerToRawData, end),
      `file offset ${hex(entry.pointerToRawData)}`,
    )
    if (found !== null) return found
  }
  return null
}

/** The bytes of one CodeView record; null where it is not in the RSDS form. `place` is for messages. */
export function codeViewOf(bytes: Uint8Array, place: string): CodeView | null {
  const record = CodeViewRsds.of(bytes)
  if (record.signature !== RSDS_SIGNATURE) return null
  const path = bytes.subarray(CodeViewRsds.size)
  const end = path.indexOf(0)
  if (end < 0) {
    throw new ImageError(
      'IMAGE_NAME_UNTERMINATED',
      `PDB path of the CodeView record at ${place} has no end within ${hex(path.byteLength)} bytes`,
      { place },
    )
  }
  const guid =
    digits(record.guidData1, 8) +
    digits(record.guidData2, 4) +
    digits(record.guidData3, 4) +
    Array.from(record.guidData4, (byte) => digits(byte, 2)).join('')
  return { guid, age: record.age, path: decodeName(path.subarray(0, end)) }
}
