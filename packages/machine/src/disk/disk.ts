// A disk's medium: geometry, identity, the image behind it. It knows nothing of controllers; two may share it.
import { MachineError } from '../errors.ts'

/** The bytes behind a disk: a file, memory, an overlay. Offsets in bytes. */
export interface DiskImage {
  readonly byteLength: number
  /** Fills `into` whole; never-written bytes are zero. */
  read(offset: number, into: Uint8Array): void
  /** One gathered write of the parts, end to end. */
  write(offset: number, parts: readonly Uint8Array[]): void
  /** FLUSH commands call sync(); otherwise they are only counted. */
  readonly durable?: boolean
  /** Makes what was written durable. */
  sync(): void
  close(): void
}

export interface Disk {
  readonly name: string
  readonly model: string
  readonly serialNumber: string
  /** 512 (512e) or 4096 (4Kn). */
  readonly logicalSectorBytes: number
  readonly physicalSectorBytes: number
  readonly sectorCount: number
  readonly image: DiskImage
  /** FLUSH commands that reached the disk, and writes that did not stay in its cache. */
  readonly flushCount: number
  /** Writes are in its volatile cache alone: nothing has emptied it since they came. */
  readonly isCacheDirty: boolean
}

export interface DiskOptions {
  readonly name: string
  /** At most 40 ASCII characters. */
  readonly model: string
  /** At most 20 ASCII characters. */
  readonly serialNumber: string
  /** 512 (512e, with physical sectors of 4096) or 4096 (4Kn). */
  readonly logicalSectorBytes: number
  /** 4096 by default; 512 makes a disk of 512-byte sectors a 512n one. */
  readonly physicalSectorBytes?: 512 | 4096
  readonly image: DiskImage
}

const MAX_SECTOR_BYTES = 4096

export class DiskMedium implements Disk {
  readonly name: string
  readonly model: string
  readonly serialNumber: string
  readonly logicalSectorBytes: number
  readonly physicalSectorBytes: number
  readonly sectorCount: number
  readonly image: DiskImage
  #flushCount = 0
  isCacheDirty = false

  constructor(options: DiskOptions) {
    const { name, model, serialNumber, logicalSectorBytes, image } = options
    const physicalSectorBytes = options.physicalSectorBytes ?? MAX_SECTOR_BYTES
    if (logicalSectorBytes !== 512 && logicalSectorBytes !== 4096) {
      throw geometry(name, `has sectors of ${logicalSectorBytes} bytes, expected 512 or 4096`)
    }
    if (physicalSectorBytes < logicalSectorBytes) {
      throw geometry(
        name,
        `has physical sectors of ${physicalSectorBytes} bytes, expected at least one logical one`,
      )
    }
    if (image.byteLength < MAX_SECTOR_BYTES || image.byteLength % MAX_SECTOR_BYTES !== 0) {
      throw geometry(name, `has ${image.byteLength} bytes, expected a multiple of ${MAX_SECTOR_BYTES}`)
    }
    checkAscii(name, 'model', model, 40)
    checkAscii(name, 'serial number', serialNumber, 20)
    this.name = name
    this.model = model
    this.serialNumber = serialNumber
    this.logicalSectorBytes = logicalSectorBytes
    this.physicalSectorBytes = physicalSectorBytes
    this.sectorCount = image.byteLength / logicalSectorBytes
    this.image = image
  }

  get flushCount(): number {
    return this.#flushCount
  }

  /** FLUSH CACHE: recorded. */
  flush(): void {
    this.#flushCount++
    this.emptyCache()
  }

  /** The cache reaches the medium; the host's only when the image asks for it. */
  emptyCache(): void {
    this.isCacheDirty = false
    if (this.image.durable === true) this.image.sync()
  }
}

export function createDisk(options: DiskOptions): Disk {
  return new DiskMedium(options)
}

function checkAscii(disk: string, what: string, text: string, limit: number): void {
  if (text.length > limit || !/^[\x20-\x7e]*$/.test(text)) {
    throw geometry(disk, `has the ${what} '${text}', expected at most ${limit} ASCII characters`)
  }
}

const geometry = (disk: string, text: string): MachineError =>
  new MachineError('DISK_GEOMETRY', `disk '${disk}' ${text}`, { disk })
