// From segment:offset, as symbols have it, to an RVA of the image and back: through section headers and, for images
// whose parts were moved after linking, through the OMAP tables (entries {rva, rvaTo}, sorted; 0 or bit 31: nowhere).
import { countBefore, defineStruct, u32 } from '@dumpstack/bytes'
import type { ImageSection } from '../symbol-file.ts'
import type { StreamBytes } from './stream-bytes.ts'

const SectionHeader = defineStruct('IMAGE_SECTION_HEADER', 0x28, { virtualAddress: u32(0xc) })
const OmapEntry = defineStruct('OMAP entry', 8, { rva: u32(0), rvaTo: u32(4) })

const MAX_RVA = 0xffffffff
/** No image is larger: tools write 0x80000000 or 0xffffffff for bytes that came from nowhere, or went there. */
const NOWHERE = 0x80000000

export function readSections(stream: StreamBytes): ImageSection[] {
  return Array.from({ length: Math.floor(stream.byteLength / SectionHeader.size) }, (_, i) => ({
    rva: stream.struct(SectionHeader, i * SectionHeader.size).virtualAddress,
  }))
}

export class Omap {
  readonly #view: DataView
  readonly length: number

  constructor(stream: StreamBytes) {
    this.#view = stream.view
    this.length = Math.floor(stream.byteLength / OmapEntry.size)
  }

  /** Where `rva` went; -1 where it was removed or lies before the table. */
  map(rva: number): number {
    const count = countBefore(this.length, (i) => this.#view.getUint32(i * OmapEntry.size, true) <= rva)
    if (count === 0) return -1
    const at = (count - 1) * OmapEntry.size
    const to = this.#view.getUint32(at + 4, true)
    return to === 0 || to >= NOWHERE ? -1 : to + rva - this.#view.getUint32(at, true)
  }
}

export interface OmapPair {
  readonly fromSource: Omap
  readonly toSource: Omap
}

/** A symbol that had an address before parts of the image were moved. */
export interface Placed {
  /** Where it is now; -1 where it, or only its first byte, was removed. */
  readonly rva: number
  readonly sourceRva: number
}

/** Of symbols in ascending order of `sourceRva`, the index of the last at or below an address; -1 where none is. */
export function lastAtOrBelow(placed: readonly Placed[], sourceRva: number): number {
  const count = countBefore(placed.length, (i) => placed[i]!.sourceRva <= sourceRva)
  return count - 1
}

/** Symbols are looked up where they were before anything was moved: there a function is one piece. */
export class Segments {
  /** As the linker laid them out, before anything was moved. */
  readonly sections: readonly ImageSection[]
  readonly omap: OmapPair | null

  constructor(sections: readonly ImageSection[], omap: OmapPair | null) {
    this.sections = sections
    this.omap = omap
  }

  /** -1 for what is not in the image: an absolute symbol, a removed function. */
  rvaOf(segment: number, offset: number): number {
    return this.fromSource(this.sourceRvaOf(segment, offset))
  }

  /** null for what is not in the image. */
  place(segment: number, offset: number): Placed | null {
    const sourceRva = this.sourceRvaOf(segment, offset)
    return sourceRva < 0 ? null : { rva: this.fromSource(sourceRva), sourceRva }
  }

  /** Where a part of the image went; -1 where it was removed. */
  fromSource(sourceRva: number): number {
    return this.omap === null || sourceRva < 0 ? sourceRva : this.omap.fromSource.map(sourceRva)
  }

  /** The RVA before parts of the image were moved. */
  sourceRvaOf(segment: number, offset: number): number {
    const section = this.sections[segment - 1]
    if (section === undefined) return -1
    const rva = section.rva + offset
    return rva > MAX_RVA ? -1 : rva
  }

  /** -1 for what was not in the image before parts were moved. */
  toSource(rva: number): number {
    return this.omap === null ? rva : this.omap.toSource.map(rva)
  }
}
