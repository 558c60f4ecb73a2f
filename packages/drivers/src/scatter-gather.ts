// The scatter/gather list that a port builds for an SRB: a STOR_SCATTER_GATHER_LIST in guest RAM, filled again for each
// SRB. Pieces that follow each other in RAM become one element.
import { type Gpa, type Gva, getHalves, gpa, setHalves } from '@dumpstack/bytes'
import { StorScatterGatherElement, StorScatterGatherList } from '@dumpstack/nt'
import type { GuestBlock, ScatterGatherList } from './miniport.ts'

const COUNT = StorScatterGatherList.fields.numberOfElements.offset
const ADDRESS = StorScatterGatherElement.fields.physicalAddress.offset
const LENGTH = StorScatterGatherElement.fields.length.offset

export const scatterGatherBytes = (elements: number): number =>
  StorScatterGatherList.size + elements * StorScatterGatherElement.size

export class GuestScatterGatherList implements ScatterGatherList {
  readonly block: GuestBlock
  readonly #view: DataView
  readonly #capacity: number
  #end = -1

  constructor(block: GuestBlock) {
    this.block = block
    this.#view = block.view
    this.#capacity = Math.floor(
      (block.view.byteLength - StorScatterGatherList.size) / StorScatterGatherElement.size,
    )
  }

  get va(): Gva {
    return this.block.va
  }

  get numberOfElements(): number {
    return this.#view.getUint32(COUNT, true)
  }

  physicalAddress(index: number): Gpa {
    const at = this.#at(index) + ADDRESS
    return gpa(getHalves(this.#view, at))
  }

  length(index: number): number {
    return this.#view.getUint32(this.#at(index) + LENGTH, true)
  }

  clear(): void {
    this.#view.setUint32(COUNT, 0, true)
    this.#end = -1
  }

  /** False when the list is full. */
  append(address: number, length: number): boolean {
    const count = this.#view.getUint32(COUNT, true)
    if (address === this.#end) {
      const at = this.#at(count - 1) + LENGTH
      this.#view.setUint32(at, this.#view.getUint32(at, true) + length, true)
    } else {
      if (count === this.#capacity) return false
      const at = this.#at(count)
      setHalves(this.#view, at + ADDRESS, address)
      this.#view.setUint32(at + LENGTH, length, true)
      this.#view.setUint32(COUNT, count + 1, true)
    }
    this.#end = address + length
    return true
  }

  #at(index: number): number {
    return StorScatterGatherList.size + index * StorScatterGatherElement.size
  }
}
