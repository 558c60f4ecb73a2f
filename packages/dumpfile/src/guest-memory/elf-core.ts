// ELF64 cores as hypervisors write them: each PT_LOAD has guest-physical memory at p_paddr (System V ABI, ELF header and program
// header; QEMU dump-guest-memory, virsh dump --memory-only, VBoxManage debugvm dumpvmcore). Notes, registers and addresses are ignored.
import { type ByteSource, defineStruct, hex, PAGE_SIZE, u8, u16, u32, u64 } from '@dumpstack/bytes'
import { DumpError } from '../dump-error.ts'
import type { MemorySegment } from './guest-memory.ts'

const ElfHeader = defineStruct('Elf64_Ehdr', 0x40, {
  class: u8(0x04),
  data: u8(0x05),
  type: u16(0x10),
  programHeaderOffset: u64(0x20),
  sectionHeaderOffset: u64(0x28),
  programHeaderSize: u16(0x36),
  programHeaderCount: u16(0x38),
})
const ProgramHeader = defineStruct('Elf64_Phdr', 0x38, {
  type: u32(0x00),
  offset: u64(0x08),
  physicalAddress: u64(0x18),
  fileSize: u64(0x20),
})
const SectionHeader = defineStruct('Elf64_Shdr', 0x40, { info: u32(0x2c) })

const ELFCLASS64 = 2
const ELFDATA2LSB = 1
const ET_CORE = 4
const PT_LOAD = 1
/** The count does not fit its 16 bits: sh_info of section 0 has it. */
const PN_XNUM = 0xffff
/** Guests have some dozen; with paging, as many as they have mappings. */
const MAX_SEGMENTS = 0x100000
/** Bits of physical address that a processor has at most (Intel SDM volume 3, 4.1.4). */
const PHYSICAL_END = 2n ** 52n
const HEADERS_PER_READ = 1024

/** In the order of the file. Throws DumpError for a file that is no such core, or not whole. */
export function readElfCore(source: ByteSource): MemorySegment[] {
  const header = ElfHeader.of(readWhole(source, 0n, ElfHeader.size, 'ELF header'))
  if (header.class !== ELFCLASS64 || header.data !== ELFDATA2LSB)
    throw another(
      `an ELF file of class ${header.class}, data ${header.data}, expected 64 bits, little-endian (2, 1)`,
    )
  if (header.type !== ET_CORE)
    throw another(`an ELF file of type ${header.type}, expected a core (${ET_CORE})`)
  const { programHeaderOffset: start, programHeaderSize: size } = header
  if (size !== ProgramHeader.size)
    throw damaged('e_phentsize', 0x36n, size, `${ProgramHeader.size}, the size of Elf64_Phdr`)
  const count = countOf(source, header)
  if (count > MAX_SEGMENTS) {
    throw new DumpError(
      'DUMP_TOO_LARGE',
      `the core has ${count} program headers, at most ${MAX_SEGMENTS} are read`,
    )
  }
  const segments: MemorySegment[] = []
  for (let first = 0; first < count; first += HEADERS_PER_READ) {
    const rows = Math.min(HEADERS_PER_READ, count - first)
    const at = start + BigInt(first * size)
    const bytes = readWhole(source, at, rows * size, 'program headers')
    for (let row = 0; row < rows; row++) {
      const segment = segmentOf(
        ProgramHeader.of(bytes, row * size),
        at + BigInt(row * size),
        source.byteLength,
      )
      if (segment !== null) segments.push(segment)
    }
  }
  if (segments.length === 0) throw damaged('number of PT_LOAD segments with bytes', start, 0, 'at least 1')
  return segments
}

function countOf(source: ByteSource, header: ReturnType<typeof ElfHeader.of>): number {
  if (header.programHeaderCount !== PN_XNUM) return header.programHeaderCount
  const bytes = readWhole(source, header.sectionHeaderOffset, SectionHeader.size, 'section header 0')
  return SectionHeader.of(bytes).info
}

/** Null for a header of anything else, and for memory that is not in the file. */
function segmentOf(
  header: ReturnType<typeof ProgramHeader.of>,
  at: bigint,
  byteLength: number,
): MemorySegment | null {
  const { type, offset, physicalAddress, fileSize } = header
  if (type !== PT_LOAD || fileSize === 0n) return null
  const what = `PT_LOAD for gpa ${hex(physicalAddress)}`
  if (physicalAddress % BigInt(PAGE_SIZE) !== 0n)
    throw damaged('p_paddr', at + 0x18n, physicalAddress, 'whole pages')
  if (physicalAddress + fileSize > PHYSICAL_END)
    throw damaged(`end of ${what}`, at + 0x20n, physicalAddress + fileSize, `at most ${hex(PHYSICAL_END)}`)
  if (offset + fileSize > BigInt(byteLength)) throw truncated(what, offset + fileSize, byteLength)
  return { gpa: Number(physicalAddress), offset: Number(offset), byteLength: Number(fileSize) } // below 2^53
}

function readWhole(source: ByteSource, offset: bigint, byteLength: number, what: string): Uint8Array {
  const end = offset + BigInt(byteLength)
  const bytes = new Uint8Array(end > BigInt(source.byteLength) ? 0 : byteLength)
  if (bytes.byteLength < byteLength || source.read(Number(offset), bytes) < byteLength)
    // inside the file
    throw truncated(what, end, source.byteLength)
  return bytes
}

const truncated = (what: string, expected: bigint, byteLength: number): DumpError =>
  new DumpError(
    'GUEST_MEMORY_TRUNCATED',
    `the ELF core ends at offset ${hex(byteLength)}, expected its ${what} up to ${hex(expected)}: was it copied while it was written`,
    { offset: byteLength, expected },
  )

const damaged = (what: string, offset: bigint, found: number | bigint, expected: string): DumpError =>
  new DumpError(
    'GUEST_MEMORY_DAMAGED',
    `${what} of the ELF core at offset ${hex(offset)} is ${hex(found)}, expected ${expected}`,
    { offset, found },
  )

const another = (what: string): DumpError =>
  new DumpError('GUEST_MEMORY_FORMAT', `the file is ${what}`, { offset: 0 })
