// Data transfers that completed: columns of growable typed arrays, because a dump makes tens of thousands of records.
import { type Gpa, gpa, hex } from '@dumpstack/bytes'
import { MachineError } from './errors.ts'

const FIRST_CAPACITY = 1024
/** diskOffset, byteLength, gpa, atNs */
const COLUMNS = 4

export interface DmaRecord {
  /** ControllerOptions.name */
  readonly device: string
  /** Disk.name */
  readonly disk: string
  readonly direction: 'toDisk' | 'fromDisk'
  /** Bytes from the start of the disk. */
  readonly diskOffset: number
  readonly byteLength: number
  /** Address of the first segment. */
  readonly gpa: Gpa
  readonly atNs: number
}
/** Data transfers that completed, one record a command. */
export interface DmaLog {
  readonly length: number
  at(index: number): DmaRecord
  clear(): void
}

/** A disk behind a controller, both by name. */
export interface DmaOrigin {
  readonly device: string
  readonly disk: string
}

export class ColumnarDmaLog implements DmaLog {
  readonly #origins: readonly DmaOrigin[]
  #length = 0
  #numbers = new Float64Array(FIRST_CAPACITY * COLUMNS)
  /** Index of the origin times two, plus one for toDisk. */
  #sources = new Uint16Array(FIRST_CAPACITY)

  constructor(origins: readonly DmaOrigin[]) {
    this.#origins = origins
  }

  get length(): number {
    return this.#length
  }

  add(
    origin: number,
    toDisk: boolean,
    diskOffset: number,
    byteLength: number,
    first: number,
    atNs: number,
  ): void {
    const index = this.#length++
    if (index === this.#sources.length) this.#grow()
    this.#sources[index] = origin * 2 + (toDisk ? 1 : 0)
    const at = index * COLUMNS
    this.#numbers[at] = diskOffset
    this.#numbers[at + 1] = byteLength
    this.#numbers[at + 2] = first
    this.#numbers[at + 3] = atNs
  }

  at(index: number): DmaRecord {
    if (!(Number.isInteger(index) && index >= 0 && index < this.#length)) {
      throw new MachineError(
        'BUS_ACCESS',
        `record ${index} is outside a DMA log of ${hex(this.#length)} records`,
      )
    }
    const source = this.#sources[index]!
    const { device, disk } = this.#origins[source >>> 1]!
    const at = index * COLUMNS
    return {
      device,
      disk,
      direction: (source & 1) === 1 ? 'toDisk' : 'fromDisk',
      diskOffset: this.#numbers[at]!,
      byteLength: this.#numbers[at + 1]!,
      gpa: gpa(this.#numbers[at + 2]!),
      atNs: this.#numbers[at + 3]!,
    }
  }

  clear(): void {
    this.#length = 0
  }

  #grow(): void {
    const numbers = new Float64Array(this.#numbers.length * 2)
    numbers.set(this.#numbers)
    this.#numbers = numbers
    const sources = new Uint16Array(this.#sources.length * 2)
    sources.set(this.#sources)
    this.#sources = sources
  }
}
