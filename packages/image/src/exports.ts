// The export directory: PE Format, section "The .edata Section".
import { hex } from '@dumpstack/bytes'
import { ImageError } from './errors.ts'
import type { Directory, ImageFile } from './image-file.ts'
import { ExportDirectory } from './layouts.ts'

export interface PeExports {
  readonly byName: ReadonlyMap<string, number>
  readonly forwarders: ReadonlyMap<string, string>
}

export function readExports(file: ImageFile, directory: Directory | null, sizeOfImage: number): PeExports {
  const byName = new Map<string, number>()
  const forwarders = new Map<string, string>()
  if (directory === null) return { byName, forwarders }
  const header = file.structAt(ExportDirectory, directory.rva, 'export directory')
  const count = header.numberOfNames
  if (count === 0) return { byName, forwarders }
  const names = file.offsetOf(header.addressOfNames, count * 4, 'export name table')
  const ordinals = file.offsetOf(header.addressOfNameOrdinals, count * 2, 'export ordinal table')
  const functions = file.offsetOf(
    header.addressOfFunctions,
    header.numberOfFunctions * 4,
    'export address table',
  )
  for (let index = 0; index < count; index++) {
    const name = file.nameAt(file.view.getUint32(names + index * 4, true), `export name ${index}`)
    const ordinal = file.view.getUint16(ordinals + index * 2, true)
    if (ordinal >= header.numberOfFunctions) {
      throw new ImageError(
        'IMAGE_BAD_EXPORT',
        `export ${name} is function ${hex(ordinal)} of ${hex(header.numberOfFunctions)}`,
        { name, ordinal },
      )
    }
    const rva = file.view.getUint32(functions + ordinal * 4, true)
    if (rva >= sizeOfImage) {
      throw new ImageError(
        'IMAGE_BAD_EXPORT',
        `export ${name} is at rva ${hex(rva)}, the image ends at ${hex(sizeOfImage)}`,
        { name, rva },
      )
    }
    // An address inside the directory itself is the text `DLL.Name`.
    if (rva >= directory.rva && rva < directory.rva + directory.byteLength) {
      forwarders.set(name, file.nameAt(rva, `forwarder of ${name}`))
    } else {
      byName.set(name, rva)
    }
  }
  return { byName, forwarders }
}
