// The memory of a command as its PRP entries describe it (NVM Express 1.4 section 4.3): the first may begin inside a page, the second is
// the second page or a list, and the last entry of a full page of a list names the next page of it.
import { fromHalves, gpa, PAGE_SIZE } from '@dumpstack/bytes'
import {
  NVME_PRP_ENTRY_BYTES,
  NVME_SC_DATA_TRANSFER_ERROR,
  NVME_SC_DNR,
  NVME_SC_PRP_OFFSET_INVALID,
  NVME_SC_SUCCESS,
} from '@dumpstack/registers'
import type { DmaRam } from '../../ram.ts'
import type { MemoryClaims } from '../memory-claims.ts'
import type { NvmeRequest } from './request.ts'

const ENTRIES = PAGE_SIZE / NVME_PRP_ENTRY_BYTES
const NOT_RAM = NVME_SC_DATA_TRANSFER_ERROR | NVME_SC_DNR
const BAD_OFFSET = NVME_SC_PRP_OFFSET_INVALID | NVME_SC_DNR
/** 4.3: bits 1:0 of an address of data, 2:0 of one of a list. */
const DATA_ALIGNMENT = 4

export class PrpList {
  readonly #ram: DmaRam
  readonly #claims: MemoryClaims
  readonly #bytes = new Uint8Array(PAGE_SIZE)
  readonly #view = new DataView(this.#bytes.buffer)
  /** Entries of the list of the command that was read last. */
  entryCount = 0
  #deviceWrites = false

  constructor(ram: DmaRam, claims: MemoryClaims) {
    this.#ram = ram
    this.#claims = claims
  }

  /** Gathers `byteLength` bytes into the segments of the request; a status field. */
  gather(request: NvmeRequest, byteLength: number, deviceWrites: boolean): number {
    const { prp1, prp2, segments } = request
    segments.clear()
    this.#deviceWrites = deviceWrites
    this.entryCount = 0
    const first = Math.min(byteLength, PAGE_SIZE - (prp1 % PAGE_SIZE))
    if (prp1 % DATA_ALIGNMENT !== 0) return BAD_OFFSET
    if (!this.#append(request, prp1, first)) return NOT_RAM
    const left = byteLength - first
    if (left === 0) return NVME_SC_SUCCESS
    if (left > PAGE_SIZE) return this.#follow(request, prp2, left)
    if (prp2 % PAGE_SIZE !== 0) return BAD_OFFSET
    return this.#append(request, prp2, left) ? NVME_SC_SUCCESS : NOT_RAM
  }

  #follow(request: NvmeRequest, list: number, byteLength: number): number {
    let at = list
    let left = byteLength
    if (at % NVME_PRP_ENTRY_BYTES !== 0) return BAD_OFFSET
    for (;;) {
      const inPage = ENTRIES - (at % PAGE_SIZE) / NVME_PRP_ENTRY_BYTES
      const wanted = Math.ceil(left / PAGE_SIZE)
      const isChained = wanted > inPage
      const count = isChained ? inPage : wanted
      const bytes = count === ENTRIES ? this.#bytes : this.#bytes.subarray(0, count * NVME_PRP_ENTRY_BYTES)
      if (this.#ram.read(gpa(at), bytes) < bytes.byteLength) return NOT_RAM
      this.entryCount += count
      const pages = isChained ? count - 1 : count
      for (let index = 0; index < pages; index++) {
        const page = this.#entry(index)
        if (page % PAGE_SIZE !== 0) return BAD_OFFSET
        const length = Math.min(left, PAGE_SIZE)
        if (!this.#append(request, page, length)) return NOT_RAM
        left -= length
      }
      if (!isChained) return NVME_SC_SUCCESS
      at = this.#entry(pages)
      if (at % PAGE_SIZE !== 0) return BAD_OFFSET
    }
  }

  #entry(index: number): number {
    const at = index * NVME_PRP_ENTRY_BYTES
    return fromHalves(this.#view.getUint32(at + 4, true), this.#view.getUint32(at, true))
  }

  #append(request: NvmeRequest, at: number, length: number): boolean {
    if (!this.#ram.has(gpa(at), length)) return false
    if (this.#deviceWrites) this.#claims.write(at, length)
    request.segments.append(at, length)
    return true
  }
}
