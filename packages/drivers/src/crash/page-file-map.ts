// Where the page file lies: dump offset to partition offset. Captured when the stack loads, kept in guest RAM, read back from
// there at the crash, because nothing may ask a file system then.
import { defineStruct, hex, PAGE_SIZE, size64 } from '@dumpstack/bytes'
import type { PageFileExtent } from '../dump-stack.ts'
import { DriversError } from '../errors.ts'
import type { GuestBlock } from '../miniport.ts'

/** Our own layout: crashdmp's is not published. */
const MapEntry = defineStruct('PAGE_FILE_EXTENT', 0x18, {
  fileOffset: size64(0x00),
  partitionOffset: size64(0x08),
  byteLength: size64(0x10),
})

export const pageFileMapBytes = (extents: number): number => extents * MapEntry.size

/** Throws DriversError PAGE_FILE_MAP unless the extents cover the file from 0 on without gaps, each inside the disk, none twice. */
export function checkExtents(
  extents: readonly PageFileExtent[],
  partitionOffset: number,
  diskByteLength: number,
): void {
  let fileOffset = 0
  for (const [index, extent] of extents.entries()) {
    const where = `page file extent ${index} at file offset ${hex(extent.fileOffset)}`
    if (extent.fileOffset !== fileOffset)
      throw bad(`${where} does not follow the one before, expected ${hex(fileOffset)}`)
    if (
      extent.byteLength <= 0 ||
      extent.byteLength % PAGE_SIZE !== 0 ||
      extent.partitionOffset % PAGE_SIZE !== 0
    ) {
      throw bad(
        `${where} of ${hex(extent.byteLength)} bytes at partition offset ${hex(extent.partitionOffset)} is not whole pages`,
      )
    }
    if (
      extent.partitionOffset < 0 ||
      partitionOffset + extent.partitionOffset + extent.byteLength > diskByteLength
    ) {
      throw bad(`${where} ends outside the disk of ${hex(diskByteLength)} bytes`)
    }
    fileOffset += extent.byteLength
  }
  if (fileOffset === 0) throw bad('page file has no extents')
  const byPlace = [...extents].sort((a, b) => a.partitionOffset - b.partitionOffset)
  for (const [index, extent] of byPlace.entries()) {
    const previous = byPlace[index - 1]
    if (previous !== undefined && previous.partitionOffset + previous.byteLength > extent.partitionOffset) {
      throw bad(`page file extents overlap at partition offset ${hex(extent.partitionOffset)}`)
    }
  }
}

export function layPageFileMap(block: GuestBlock, extents: readonly PageFileExtent[]): void {
  extents.forEach((extent, index) => {
    const entry = MapEntry.at(block.view, index * MapEntry.size)
    entry.fileOffset = extent.fileOffset
    entry.partitionOffset = extent.partitionOffset
    entry.byteLength = extent.byteLength
  })
}

export class PageFileMap {
  readonly #fileOffsets: Float64Array
  readonly #partitionOffsets: Float64Array
  readonly byteLength: number
  #last = 0

  constructor(block: GuestBlock, extentCount: number) {
    this.#fileOffsets = new Float64Array(extentCount + 1)
    this.#partitionOffsets = new Float64Array(extentCount)
    let end = 0
    for (let i = 0; i < extentCount; i++) {
      const entry = MapEntry.at(block.view, i * MapEntry.size)
      this.#fileOffsets[i] = entry.fileOffset
      this.#partitionOffsets[i] = entry.partitionOffset
      end = entry.fileOffset + entry.byteLength
    }
    this.#fileOffsets[extentCount] = end
    this.byteLength = end
  }

  /** Bytes from `fileOffset` to the end of its extent; 0 past the end of the file. */
  contiguousFrom(fileOffset: number): number {
    return fileOffset < this.byteLength ? this.#fileOffsets[this.#find(fileOffset) + 1]! - fileOffset : 0
  }

  partitionOffset(fileOffset: number): number {
    const index = this.#find(fileOffset)
    return this.#partitionOffsets[index]! + fileOffset - this.#fileOffsets[index]!
  }

  /** Whether all these bytes of the partition belong to the page file. */
  holds(partitionOffset: number, byteLength: number): boolean {
    let at = partitionOffset
    const end = partitionOffset + byteLength
    while (at < end) {
      let next = at
      for (let i = 0; i < this.#partitionOffsets.length; i++) {
        const start = this.#partitionOffsets[i]!
        const length = this.#fileOffsets[i + 1]! - this.#fileOffsets[i]!
        if (at >= start && at < start + length) next = start + length
      }
      if (next === at) return false
      at = next
    }
    return true
  }

  /** A dump is written front to back, so the extent is nearly always the last one or its successor. */
  #find(fileOffset: number): number {
    const offsets = this.#fileOffsets
    let index = this.#last
    if (fileOffset < offsets[index]!) index = 0
    while (fileOffset >= offsets[index + 1]!) index++
    this.#last = index
    return index
  }
}

const bad = (message: string): DriversError => new DriversError('PAGE_FILE_MAP', message)
