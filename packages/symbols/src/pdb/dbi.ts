// Stream 3 of a PDB, debug information: the age that stores use, modules (object files), which module each piece of a
// section came from, and where the other streams are (LLVM "The PDB DBI Stream").
import { defineStruct, hex, i32, u16, u32 } from '@dumpstack/bytes'
import { SymbolsError } from '../errors.ts'
import type { StreamBytes } from './stream-bytes.ts'

const DbiHeader = defineStruct('DBI header', 0x40, {
  versionSignature: i32(0),
  versionHeader: u32(4),
  age: u32(8),
  globalStreamIndex: u16(0xc),
  publicStreamIndex: u16(0x10),
  symRecordStream: u16(0x14),
  modInfoSize: i32(0x18),
  sectionContributionSize: i32(0x1c),
  sectionMapSize: i32(0x20),
  sourceInfoSize: i32(0x24),
  typeServerMapSize: i32(0x28),
  optionalDbgHeaderSize: i32(0x30),
  ecSubstreamSize: i32(0x34),
  flags: u16(0x38),
  machine: u16(0x3a),
})
const ModInfo = defineStruct('ModInfo', 0x40, {
  flags: u16(0x20),
  moduleSymStream: u16(0x22),
  symByteSize: u32(0x24),
  c11ByteSize: u32(0x28),
  c13ByteSize: u32(0x2c),
  sourceFileCount: u16(0x30),
})
const SectionContribution = defineStruct('section contribution', 0x1c, {
  section: u16(0),
  offset: u32(4),
  size: u32(8),
  characteristics: u32(0xc),
  moduleIndex: u16(0x10),
})
const SectionMapEntry = defineStruct('section map entry', 0x14, {
  flags: u16(0),
  frame: u16(6),
  offset: u32(0xc),
  sectionLength: u32(0x10),
})
const SECTION_MAP_HEADER_BYTES = 4

const DBI_SIGNATURE = -1
const DBI_V70 = 19990903
/** Version of the section contributions to the bytes of one; the newer one ends in the section of the object file. */
const CONTRIBUTION_BYTES: Readonly<Record<number, number>> = {
  4046371373: SectionContribution.size,
  4046541284: SectionContribution.size + 4,
}
export const NO_STREAM = 0xffff

/** Places in the optional debug header. */
export const DEBUG_STREAM = {
  fpo: 0,
  exception: 1,
  fixup: 2,
  omapToSource: 3,
  omapFromSource: 4,
  sectionHeaders: 5,
  tokenRidMap: 6,
  xdata: 7,
  pdata: 8,
  newFpo: 9,
  originalSectionHeaders: 10,
} as const

export interface PdbModule {
  /** What the linker calls it: an object file, a member of a library, `* Linker *`. */
  readonly name: string
  /** The object or library file. */
  readonly objectFile: string
  /** null where the linker kept no symbols of it: stripped PDBs. */
  readonly stream: number | null
  readonly symByteSize: number
  readonly c11ByteSize: number
  readonly c13ByteSize: number
  readonly sourceFileCount: number
}

export class Dbi {
  readonly age: number
  readonly machine: number
  readonly isStripped: boolean
  readonly isIncrementallyLinked: boolean
  readonly globalStream: number
  readonly publicStream: number
  readonly symRecordStream: number
  readonly #modInfo: StreamBytes
  readonly #contributions: StreamBytes
  readonly #sectionMap: StreamBytes
  readonly #debugHeader: StreamBytes
  #modules: readonly PdbModule[] | null = null

  constructor(stream: StreamBytes) {
    const header = stream.struct(DbiHeader, 0)
    if (header.versionSignature !== DBI_SIGNATURE || header.versionHeader < DBI_V70) {
      throw new SymbolsError(
        'SYMBOLS_UNSUPPORTED',
        `${stream.name} at offset 0x0: signature ${header.versionSignature} and version ${header.versionHeader}, expected -1 and ${DBI_V70} or later`,
        { version: header.versionHeader },
      )
    }
    this.age = header.age
    this.machine = header.machine
    this.isIncrementallyLinked = (header.flags & 1) !== 0
    this.isStripped = (header.flags & 2) !== 0
    this.globalStream = header.globalStreamIndex
    this.publicStream = header.publicStreamIndex
    this.symRecordStream = header.symRecordStream
    let at = DbiHeader.size
    const next = (name: string, byteLength: number): StreamBytes => {
      const part = stream.part(name, at, byteLength)
      at += byteLength
      return part
    }
    this.#modInfo = next('modules', header.modInfoSize)
    this.#contributions = next('section contributions', header.sectionContributionSize)
    this.#sectionMap = next('section map', header.sectionMapSize)
    next('source files', header.sourceInfoSize)
    next('type server map', header.typeServerMapSize)
    next('edit and continue names', header.ecSubstreamSize)
    this.#debugHeader = next('optional debug header', header.optionalDbgHeaderSize)
  }

  /** The stream at a place of DEBUG_STREAM; null where the PDB has none. */
  debugStream(place: number): number | null {
    if (place * 2 + 2 > this.#debugHeader.byteLength) return null
    const index = this.#debugHeader.u16(place * 2, 'stream index')
    return index === NO_STREAM ? null : index
  }

  get modules(): readonly PdbModule[] {
    this.#modules ??= readModules(this.#modInfo)
    return this.#modules
  }

  get contributionCount(): number {
    return this.#contributions.byteLength === 0 ? 0 : this.#contributionItems().count
  }

  /** Calls back for each contribution: segment from 1, offset and size in it, index of the module. */
  eachContribution(
    visit: (segment: number, offset: number, byteLength: number, moduleIndex: number) => void,
  ): void {
    if (this.#contributions.byteLength === 0) return
    const { count, itemBytes } = this.#contributionItems()
    const { view } = this.#contributions
    for (let i = 0, at = 4; i < count; i++, at += itemBytes) {
      visit(
        view.getUint16(at + SectionContribution.fields.section.offset, true),
        view.getUint32(at + SectionContribution.fields.offset.offset, true),
        view.getUint32(at + SectionContribution.fields.size.offset, true),
        view.getUint16(at + SectionContribution.fields.moduleIndex.offset, true),
      )
    }
  }

  #contributionItems(): { count: number; itemBytes: number } {
    const version = this.#contributions.u32(0, 'version')
    const itemBytes = CONTRIBUTION_BYTES[version]
    if (itemBytes === undefined) {
      throw this.#contributions.damaged(0, `version is ${hex(version)}, expected 0xf12eba2d or 0xf13151e4`)
    }
    return { count: Math.floor((this.#contributions.byteLength - 4) / itemBytes), itemBytes }
  }

  /** Segments as the linker numbered them: the frame is the section, from 1; absolute ones have no section. */
  sectionMap(): { frame: number; offset: number; sectionLength: number; flags: number }[] {
    if (this.#sectionMap.byteLength === 0) return []
    const count = this.#sectionMap.u16(0, 'count of segments')
    this.#sectionMap.need(SECTION_MAP_HEADER_BYTES, count * SectionMapEntry.size, `${count} segments`)
    return Array.from({ length: count }, (_, i) => {
      const entry = this.#sectionMap.struct(
        SectionMapEntry,
        SECTION_MAP_HEADER_BYTES + i * SectionMapEntry.size,
      )
      const { frame, offset, sectionLength, flags } = entry
      return { frame, offset, sectionLength, flags }
    })
  }
}

function readModules(stream: StreamBytes): PdbModule[] {
  const modules: PdbModule[] = []
  const owned = new Set<number>()
  for (let at = 0; at < stream.byteLength; ) {
    const info = stream.struct(ModInfo, at)
    const nameAt = at + ModInfo.size
    const nameEnd = stream.nameEnd(nameAt, stream.byteLength)
    const objectEnd = stream.nameEnd(nameEnd + 1, stream.byteLength)
    const index = info.moduleSymStream
    // Reading all modules is then never more than reading the file.
    if (index !== NO_STREAM && owned.has(index)) {
      throw stream.damaged(at, `stream ${index} belongs to two modules`)
    }
    owned.add(index)
    modules.push({
      name: stream.text(nameAt, nameEnd),
      objectFile: stream.text(nameEnd + 1, objectEnd),
      stream: index === NO_STREAM ? null : index,
      symByteSize: info.symByteSize,
      c11ByteSize: info.c11ByteSize,
      c13ByteSize: info.c13ByteSize,
      sourceFileCount: info.sourceFileCount,
    })
    at = Math.ceil((objectEnd + 1) / 4) * 4
  }
  return modules
}
