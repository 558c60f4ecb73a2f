// C: as an extent map. It is not NTFS: nothing on the disk describes the files, the manifest beside the image does.
// Only page files, and what smss makes of them (DUMPxxxx.tmp), have their bytes on the disk image; other files occupy
// clusters, so that free space is true, and keep their bytes in the host folder.
import type { PageFileExtent } from '@dumpstack/drivers'
import { SeededChoice } from '../boot/seeded-choice.ts'
import { WindowsError } from '../errors.ts'
import { FreeSpace } from './free-space.ts'
import type { Partition } from './gpt.ts'

export const CLUSTER_BYTES = 4096
/** Where a file system keeps its boot sector and tables; nothing is allocated here. */
const RESERVED_BYTES = 1024 * 1024
const MIN_PAGE_FILE_EXTENTS = 3
const MAX_GAP_CLUSTERS = 256

export interface VolumeFile {
  /** `C:\pagefile.sys` */
  readonly path: string
  readonly byteLength: number
  readonly extents: readonly PageFileExtent[]
  readonly onDisk: boolean
  readonly readOnly: boolean
  /** Open without sharing: others get a sharing violation. */
  readonly locked: boolean
  /** Virtual milliseconds since 1970. */
  readonly modifiedAt: number
}

/** What a power off leaves of it. */
export interface SavedVolume {
  /** Where the row of page file places is. */
  readonly pageFilePlaces: number
  /** In the order in which they were made. No file is locked: no program runs that could hold it. */
  readonly files: readonly Omit<VolumeFile, 'locked'>[]
}

export class Volume {
  readonly partition: Partition
  readonly #free: FreeSpace
  readonly #files = new Map<string, VolumeFile>()
  readonly #choice: SeededChoice

  /** Empty, or as the last power off left it; throws WindowsError VOLUME_DAMAGED for files that cannot lie there. */
  constructor(partition: Partition, seed: number, saved: SavedVolume | null = null) {
    this.partition = partition
    const usable = Math.floor((partition.byteLength - RESERVED_BYTES) / CLUSTER_BYTES) * CLUSTER_BYTES
    this.#free = new FreeSpace({ partitionOffset: RESERVED_BYTES, byteLength: usable })
    this.#choice = new SeededChoice(seed, 'page files')
    if (saved === null) return
    this.#choice.position = saved.pageFilePlaces
    for (const file of saved.files) this.#takeSaved(file)
  }

  /** What the next start finds. No file may be locked. */
  saved(): SavedVolume {
    const files = this.files.map(({ locked, ...file }) => {
      if (locked) throw new WindowsError('SHARING_VIOLATION', `${file.path} is open without sharing`)
      return file
    })
    return { pageFilePlaces: this.#choice.position, files }
  }

  get freeBytes(): number {
    return this.#free.byteLength
  }

  get files(): readonly VolumeFile[] {
    return [...this.#files.values()]
  }

  find(path: string): VolumeFile | null {
    return this.#files.get(keyOf(path)) ?? null
  }

  /** A file whose bytes lie in the host folder; replaces one of the same name. Throws DISK_FULL, ACCESS_DENIED. */
  create(path: string, byteLength: number, modifiedAt: number): VolumeFile {
    if (this.find(path) !== null) this.delete(path)
    const runs = this.#free.gather(roundUp(byteLength), Math.floor(this.partition.byteLength / 2))
    if (runs === null) throw this.#full(path, byteLength)
    let fileOffset = 0
    const extents = runs.map((run) => {
      const extent = { fileOffset, ...run }
      fileOffset += run.byteLength
      return extent
    })
    return this.#enter({
      path,
      byteLength,
      extents,
      onDisk: false,
      modifiedAt,
      readOnly: false,
      locked: false,
    })
  }

  /**
   * A page file of whole clusters in three to five extents that are not in the order of the file, with gaps between
   * them: a dump stack that takes the file for one piece of the disk is found out. Throws DISK_FULL, PAGE_FILE_SIZE.
   */
  createPageFile(path: string, byteLength: number, modifiedAt: number): VolumeFile {
    const clusters = Math.floor(byteLength / CLUSTER_BYTES)
    if (clusters < MIN_PAGE_FILE_EXTENTS) {
      const least = MIN_PAGE_FILE_EXTENTS * CLUSTER_BYTES
      throw new WindowsError(
        'PAGE_FILE_SIZE',
        `page file ${path} is ${byteLength} bytes, expected at least ${least}`,
        {
          byteLength,
        },
      )
    }
    const choice = this.#choice
    const count = Math.min(clusters, MIN_PAGE_FILE_EXTENTS + choice.below(3))
    const cuts = new Set<number>()
    while (cuts.size < count - 1) {
      // An eighth, a thirty-second, ... of the file at most: a dump that is much smaller than its page file crosses them too.
      const limit = Math.max(count, clusters >>> (3 + 2 * cuts.size))
      cuts.add(1 + choice.below(Math.min(limit, clusters - 1)))
    }
    const ends = [...cuts, clusters].sort((a, b) => a - b)
    const gaps = Array.from({ length: count - 1 }, () => 1 + choice.below(MAX_GAP_CLUSTERS))
    const span = (clusters + gaps.reduce((sum, gap) => sum + gap, 0)) * CLUSTER_BYTES
    const start = this.#free.find(span, 0)
    if (start === null) throw this.#full(path, byteLength)

    const extents: PageFileExtent[] = []
    let at = start
    for (const [place, piece] of shuffled(choice, count).entries()) {
      const first = piece === 0 ? 0 : ends[piece - 1]!
      const length = (ends[piece]! - first) * CLUSTER_BYTES
      extents.push({ fileOffset: first * CLUSTER_BYTES, partitionOffset: at, byteLength: length })
      at += length + (gaps[place] ?? 0) * CLUSTER_BYTES
    }
    extents.sort((a, b) => a.fileOffset - b.fileOffset)
    for (const extent of extents) this.#free.take(extent)
    return this.#enter({
      path,
      byteLength: clusters * CLUSTER_BYTES,
      extents,
      onDisk: true,
      modifiedAt,
      readOnly: false,
      locked: false,
    })
  }

  /** Cuts a file at its end and gives the clusters back. */
  truncate(path: string, byteLength: number, modifiedAt: number): VolumeFile {
    const file = this.#existing(path)
    if (byteLength > file.byteLength) {
      throw new WindowsError(
        'FILE_TOO_SHORT',
        `${path} is ${file.byteLength} bytes, expected at least ${byteLength} to cut it there`,
        { byteLength: file.byteLength },
      )
    }
    const end = roundUp(byteLength)
    const kept: PageFileExtent[] = []
    for (const extent of file.extents) {
      const length = Math.max(0, Math.min(extent.byteLength, end - extent.fileOffset))
      if (length > 0) kept.push({ ...extent, byteLength: length })
      this.#free.give({
        partitionOffset: extent.partitionOffset + length,
        byteLength: extent.byteLength - length,
      })
    }
    return this.#enter({ ...file, byteLength, extents: kept, modifiedAt })
  }

  rename(from: string, to: string): VolumeFile {
    const file = this.#existing(from)
    this.#files.delete(keyOf(from))
    return this.#enter({ ...file, path: to })
  }

  setAttributes(
    path: string,
    attributes: Partial<Pick<VolumeFile, 'readOnly' | 'locked' | 'modifiedAt'>>,
  ): void {
    this.#enter({ ...this.#existing(path), ...attributes })
  }

  /** Throws ACCESS_DENIED for a read-only file and SHARING_VIOLATION for a locked one, as Windows refuses them. */
  delete(path: string): void {
    const file = this.#existing(path)
    if (file.readOnly) throw new WindowsError('ACCESS_DENIED', `${path} is read-only and cannot be deleted`)
    if (file.locked) throw new WindowsError('SHARING_VIOLATION', `${path} is open without sharing`)
    for (const extent of file.extents) this.#free.give(extent)
    this.#files.delete(keyOf(path))
  }

  /**
   * Start of `byteLength` free bytes from the start of the disk, a quarter of the partition on; nothing is reserved.
   * They lie apart from `other`, a file that may be gone by now.
   */
  findFreeDiskOffset(byteLength: number, other: VolumeFile | null): number {
    let from = Math.floor(this.partition.byteLength / 4)
    for (;;) {
      const found = this.#free.find(byteLength, from)
      if (found === null) throw this.#full('free space', byteLength)
      const touched = other?.extents.find(
        (extent) =>
          extent.partitionOffset < found + byteLength && found < extent.partitionOffset + extent.byteLength,
      )
      if (touched === undefined) return this.partition.offset + found
      from = touched.partitionOffset + touched.byteLength
    }
  }

  /** What disk.json holds. */
  manifest(image: string): object {
    return {
      format: 'extent map',
      notice:
        'This volume is not NTFS. Its files are listed here and nowhere on the disk; only files with onDisk have their bytes in the image.',
      image,
      partition: this.partition,
      clusterBytes: CLUSTER_BYTES,
      freeBytes: this.freeBytes,
      files: this.files.map(({ path, byteLength, onDisk, modifiedAt, extents }) => ({
        path,
        byteLength,
        onDisk,
        modifiedAt: new Date(modifiedAt).toISOString(),
        extents: extents.map((extent) => ({
          fileOffset: extent.fileOffset,
          diskOffset: this.partition.offset + extent.partitionOffset,
          length: extent.byteLength,
        })),
      })),
    }
  }

  #takeSaved(file: SavedVolume['files'][number]): void {
    const { path, byteLength, extents } = file
    let fileOffset = 0
    for (const extent of extents) {
      const isWhole = extent.byteLength % CLUSTER_BYTES === 0 && extent.partitionOffset % CLUSTER_BYTES === 0
      if (extent.fileOffset !== fileOffset || !isWhole || !this.#free.has(extent)) {
        throw new WindowsError(
          'VOLUME_DAMAGED',
          `${path}: extent at ${extent.fileOffset} lies at ${extent.partitionOffset}, ${extent.byteLength} bytes, expected whole free clusters in the order of the file`,
        )
      }
      this.#free.take(extent)
      fileOffset += extent.byteLength
    }
    if (fileOffset !== roundUp(byteLength) || this.find(path) !== null) {
      throw new WindowsError(
        'VOLUME_DAMAGED',
        `${path}: extents of ${fileOffset} bytes for ${byteLength}, expected each file once and its clusters`,
      )
    }
    this.#enter({ ...file, locked: false })
  }

  #existing(path: string): VolumeFile {
    const file = this.find(path)
    if (file === null) throw new WindowsError('FILE_NOT_FOUND', `${path} does not exist`)
    return file
  }

  #enter(file: VolumeFile): VolumeFile {
    this.#files.set(keyOf(file.path), file)
    return file
  }

  #full(path: string, byteLength: number): WindowsError {
    return new WindowsError(
      'DISK_FULL',
      `C: has ${this.freeBytes} bytes free, expected ${byteLength} for ${path}`,
      {
        byteLength,
        freeBytes: this.freeBytes,
      },
    )
  }
}

const roundUp = (byteLength: number): number => Math.ceil(byteLength / CLUSTER_BYTES) * CLUSTER_BYTES
/** Names on C: are compared without case. */
const keyOf = (path: string): string => path.toLowerCase()

/** The numbers 0 .. count-1 in an order that is not the ascending one (for two and more). */
function shuffled(choice: SeededChoice, count: number): number[] {
  const order = Array.from({ length: count }, (_, index) => index)
  for (let i = count - 1; i > 0; i--) {
    const j = choice.below(i + 1)
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order.every((value, index) => value === index) ? order.reverse() : order
}
