// C: as it is kept over a power off: its files and where they lie. Free space is what they leave.
import type { Facts } from '@dumpstack/target'
import type { VolumeFile } from './volume.ts'

export interface SavedVolume {
  /** Where the row of page file places is. */
  readonly pageFilePlaces: number
  /** In the order in which they were made. No file is locked: nobody runs who could hold it. */
  readonly files: readonly Omit<VolumeFile, 'locked'>[]
}

export const savedVolumeOf = (facts: Facts): SavedVolume => ({
  pageFilePlaces: facts.int32('pageFilePlaces'),
  files: facts.objects('files').map((file) => ({
    path: file.string('path'),
    byteLength: file.size('byteLength'),
    extents: file.objects('extents').map((extent) => ({
      fileOffset: extent.size('fileOffset'),
      partitionOffset: extent.size('partitionOffset'),
      byteLength: extent.size('byteLength'),
    })),
    onDisk: file.boolean('onDisk'),
    readOnly: file.boolean('readOnly'),
    modifiedAt: file.time('modifiedAt'),
  })),
})
