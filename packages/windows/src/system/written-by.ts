// Which device wrote each byte of a dump: the DMA log, read backwards through the extents of the page file.
import type { PageFileExtent } from '@dumpstack/drivers'
import type { DmaLog } from '@dumpstack/machine'
import type { WrittenRange } from '@dumpstack/target'

const SECTOR_BYTES = 512
const UNWRITTEN = 'none'

/** Ranges of file offsets in ascending order that cover `byteLength` bytes; the last writer of a sector counts. */
export function writtenBy(
  log: DmaLog,
  extents: readonly PageFileExtent[],
  partitionOffset: number,
  byteLength: number,
): WrittenRange[] {
  const devices = [UNWRITTEN]
  const writers = new Uint8Array(Math.ceil(byteLength / SECTOR_BYTES))
  for (let index = 0; index < log.length; index++) {
    const record = log.at(index)
    if (record.direction !== 'toDisk') continue
    for (const extent of extents) {
      const extentStart = partitionOffset + extent.partitionOffset
      const start = Math.max(record.diskOffset, extentStart)
      const end = Math.min(record.diskOffset + record.byteLength, extentStart + extent.byteLength)
      if (start >= end) continue
      const fileOffset = extent.fileOffset + start - extentStart
      let writer = devices.indexOf(record.device)
      if (writer < 0) writer = devices.push(record.device) - 1
      writers.fill(
        writer,
        Math.floor(fileOffset / SECTOR_BYTES),
        Math.ceil((fileOffset + end - start) / SECTOR_BYTES),
      )
    }
  }
  const ranges: WrittenRange[] = []
  for (let sector = 0; sector < writers.length; ) {
    const writer = writers[sector]!
    const first = sector
    while (sector < writers.length && writers[sector] === writer) sector++
    const fileOffset = first * SECTOR_BYTES
    ranges.push({
      fileOffset,
      byteLength: Math.min(sector * SECTOR_BYTES, byteLength) - fileOffset,
      device: devices[writer]!,
    })
  }
  return ranges
}
