// An image as the loader leaves it in memory: sections at their addresses, relocated. Imports stay unbound: who binds
// them writes the addresses at PeImport's iatRva.
import { type Gva, hex, hex64, PAGE_SIZE } from '@dumpstack/bytes'
import { ImageError } from './errors.ts'
import type { PeImage } from './pe.ts'

/** SizeOfImage bytes. The header in memory names the new base, as loaders leave it. */
export function mapPe(image: PeImage, base: Gva): Uint8Array {
  if (base % BigInt(PAGE_SIZE) !== 0n) {
    throw new ImageError(
      'IMAGE_BAD_BASE',
      `image base ${hex64(base)} is not a multiple of ${hex(PAGE_SIZE)}`,
      {
        base,
      },
    )
  }
  const memory = new Uint8Array(image.sizeOfImage)
  memory.set(image.bytes.subarray(0, image.sizeOfHeaders))
  for (const section of image.sections) {
    memory.set(image.bytes.subarray(section.fileOffset, section.fileOffset + section.fileSize), section.rva)
  }
  const distance = base - image.preferredBase
  if (distance === 0n) return memory
  if (image.relocations.length === 0 && (image.characteristics & IMAGE_FILE_RELOCS_STRIPPED) !== 0) {
    throw new ImageError(
      'IMAGE_NOT_RELOCATABLE',
      `image has no relocations and must lie at ${hex64(image.preferredBase)}, not at ${hex64(base)}`,
      { base },
    )
  }
  const view = new DataView(memory.buffer)
  for (const rva of image.relocations) {
    view.setBigUint64(rva, BigInt.asUintN(64, view.getBigUint64(rva, true) + distance), true)
  }
  view.setBigUint64(image.imageBaseOffset, base, true)
  return memory
}

const IMAGE_FILE_RELOCS_STRIPPED = 1
