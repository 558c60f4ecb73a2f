// Reads and writes a file of the volume through the disk image, extent by extent.
import type { ByteSource } from '@dumpstack/bytes'
import type { PageFileExtent } from '@dumpstack/drivers'
import type { DiskImage } from '@dumpstack/machine'
import type { VolumeFile } from './volume.ts'

/** Disk offsets of the file's bytes `fileOffset .. fileOffset + byteLength`; extents ascend by file offset. */
export function* diskRanges(
  extents: readonly PageFileExtent[],
  partitionOffset: number,
  fileOffset: number,
  byteLength: number,
): Generator<{ fileOffset: number; diskOffset: number; byteLength: number }> {
  for (const extent of extents) {
    const start = Math.max(fileOffset, extent.fileOffset)
    const end = Math.min(fileOffset + byteLength, extent.fileOffset + extent.byteLength)
    if (start >= end) continue
    yield {
      fileOffset: start,
      diskOffset: partitionOffset + extent.partitionOffset + (start - extent.fileOffset),
      byteLength: end - start,
    }
  }
}

export class VolumeFileSource implements ByteSource {
  readonly #file: VolumeFile
  readonly #partitionOffset: number
  readonly #image: DiskImage

  constructor(file: VolumeFile, partitionOffset: number, image: DiskImage) {
    this.#file = file
    this.#partitionOffset = partitionOffset
    this.#image = image
  }

  get byteLength(): number {
    return this.#file.byteLength
  }

  read(offset: number, into: Uint8Array): number {
    const length = Math.max(0, Math.min(into.byteLength, this.byteLength - offset))
    for (const range of diskRanges(this.#file.extents, this.#partitionOffset, offset, length)) {
      const at = range.fileOffset - offset
      this.#image.read(range.diskOffset, into.subarray(at, at + range.byteLength))
    }
    return length
  }
}
