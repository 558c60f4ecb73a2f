// C: as it is kept over a power off: its files and where they lie. Free space is what they leave.
import type { Facts } from '@dumpstack/target'
import type { SavedVolume } from './volume.ts'

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
