// RAM as hypervisors write it to a file: an ELF64 core with a segment for each run (System V ABI, ELF-64 object file format). Offsets are
// literals and not shared.

export interface RamSegment {
  readonly gpa: number
  readonly bytes: Uint8Array
}

export interface ElfCoreRecipe {
  readonly segments: readonly RamSegment[]
  /** The count of program headers is in section 0, as where it does not fit 16 bits. */
  readonly countInSection?: boolean
  /** Bytes of the note in front of the memory. */
  readonly noteBytes?: number
}

export interface ElfCore {
  readonly bytes: Uint8Array
  /** File offsets of the program headers, the note's first. */
  readonly headers: readonly number[]
  /** File offsets of the segments' bytes. */
  readonly offsets: readonly number[]
}

export function buildElfCore({
  segments,
  countInSection = false,
  noteBytes = 0x123,
}: ElfCoreRecipe): ElfCore {
  const count = segments.length + 1
  const sectionsAt = 64
  const headersAt = countInSection ? 128 : 64
  const noteAt = headersAt + count * 56
  const offsets: number[] = []
  let end = noteAt + noteBytes
  for (const { bytes } of segments) {
    offsets.push(end)
    end += bytes.byteLength
  }
  const bytes = new Uint8Array(end)
  const view = new DataView(bytes.buffer)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  view.setUint16(16, 4, true) // e_type: core
  view.setUint16(18, 62, true) // e_machine: x86-64
  view.setUint32(20, 1, true)
  view.setBigUint64(32, BigInt(headersAt), true)
  view.setUint16(52, 64, true)
  view.setUint16(54, 56, true)
  view.setUint16(56, countInSection ? 0xffff : count, true)
  if (countInSection) {
    view.setBigUint64(40, BigInt(sectionsAt), true)
    view.setUint16(58, 64, true)
    view.setUint16(60, 1, true)
    view.setUint32(sectionsAt + 44, count, true)
  }
  const headers = Array.from({ length: count }, (_, index) => headersAt + index * 56)
  programHeader(view, headers[0] as number, 4, noteAt, 0, noteBytes)
  for (const [index, { gpa, bytes: memory }] of segments.entries()) {
    const offset = offsets[index] as number
    programHeader(view, headers[index + 1] as number, 1, offset, gpa, memory.byteLength)
    bytes.set(memory, offset)
  }
  return { bytes, headers, offsets }
}

function programHeader(
  view: DataView,
  at: number,
  type: number,
  offset: number,
  gpa: number,
  size: number,
): void {
  view.setUint32(at, type, true)
  view.setBigUint64(at + 8, BigInt(offset), true)
  view.setBigUint64(at + 16, 0xffff_8000_0000_0000n, true) // p_vaddr: of no meaning
  view.setBigUint64(at + 24, BigInt(gpa), true)
  view.setBigUint64(at + 32, BigInt(size), true)
  view.setBigUint64(at + 40, BigInt(size), true)
}
