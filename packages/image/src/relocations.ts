// The base relocation table: PE Format, section "The .reloc Section". x64 images use DIR64 and padding only.
import { hex } from '@dumpstack/bytes'
import { ImageError } from './errors.ts'
import type { Directory, ImageFile } from './image-file.ts'
import { BaseRelocation, REL_BASED_ABSOLUTE, REL_BASED_DIR64 } from './layouts.ts'

export function readRelocations(file: ImageFile, directory: Directory | null, sizeOfImage: number): number[] {
  const relocations: number[] = []
  if (directory === null) return relocations
  const end = directory.rva + directory.byteLength
  let rva = directory.rva
  while (rva < end) {
    const block = file.structAt(BaseRelocation, rva, 'relocation block')
    const { virtualAddress: page, sizeOfBlock } = block
    if (sizeOfBlock < BaseRelocation.size || sizeOfBlock % 2 !== 0 || rva + sizeOfBlock > end) {
      throw new ImageError(
        'IMAGE_BAD_RELOCATION',
        `relocation block at rva ${hex(rva)} has ${hex(sizeOfBlock)} bytes, ${hex(end - rva)} are left`,
        { rva, sizeOfBlock },
      )
    }
    const at = file.offsetOf(rva, sizeOfBlock, 'relocation block')
    for (let entry = at + BaseRelocation.size; entry < at + sizeOfBlock; entry += 2) {
      const word = file.view.getUint16(entry, true)
      const type = word >>> 12
      if (type === REL_BASED_ABSOLUTE) continue
      const place = page + (word & 0xfff)
      if (type !== REL_BASED_DIR64 || place + 8 > sizeOfImage) {
        throw new ImageError(
          'IMAGE_BAD_RELOCATION',
          `relocation of rva ${hex(place)} has type ${type}, expected type ${REL_BASED_DIR64} inside ${hex(sizeOfImage)} bytes`,
          { rva: place, type },
        )
      }
      relocations.push(place)
    }
    rva += sizeOfBlock
  }
  return relocations
}
