// A PDB as a symbol file. Opening reads the directory, the info stream and the header of the debug information; every
// other stream is read by the first question that needs it, and kept.
import type { ByteSource } from '@dumpstack/bytes'
import { SymbolsError } from '../errors.ts'
import type {
  ImageSection,
  LocalVariable,
  NamedSymbol,
  NearSymbol,
  Procedure,
  SourceLine,
  SymbolFile,
  SymbolIdentity,
  SymbolType,
  TypeRef,
} from '../symbol-file.ts'
import { AddressTable, dataWithAddresses, type PlacedSymbol } from './address-table.ts'
import { Dbi, DEBUG_STREAM, NO_STREAM } from './dbi.ts'
import { Globals } from './globals.ts'
import { ModuleTable, type PlacedProcedure } from './module-table.ts'
import { Msf } from './msf.ts'
import { type PdbInfo, readPdbInfo, StringTable } from './pdb-info.ts'
import { Publics } from './publics.ts'
import { Omap, type OmapPair, type Placed, readSections, Segments } from './segments.ts'
import type { StreamBytes } from './stream-bytes.ts'
import { TypeRecords } from './type-records.ts'
import { TypeTable } from './type-table.ts'
import { unreadText } from './unread-kind.ts'

const INFO_STREAM = 1
const TPI_STREAM = 2
const DBI_STREAM = 3
const IPI_STREAM = 4
const STRING_TABLE_STREAM = '/names'

export class PdbFile implements SymbolFile {
  readonly kind = 'pdb'
  readonly origin: string
  readonly identity: SymbolIdentity
  readonly info: PdbInfo
  /** null in a PDB of types alone, as compilers write it. */
  readonly dbi: Dbi | null
  readonly msf: Msf
  #records: StreamBytes | null = null
  #publics: Publics | null | undefined
  #globals: Globals | null | undefined
  #segments: Segments | null = null
  #addresses: AddressTable | null = null
  #data: readonly PlacedSymbol[] | null = null
  #modules: ModuleTable | null = null
  #types: TypeTable | null = null
  #ids: TypeRecords | null | undefined
  #names: StringTable | null | undefined

  /** Throws a SymbolsError that names what the file is when it is not a PDB. */
  constructor(source: ByteSource, origin: string) {
    this.origin = origin
    this.msf = new Msf(source, origin)
    this.info = readPdbInfo(this.msf.stream(INFO_STREAM, 'PDB info stream'))
    this.dbi =
      this.msf.streamByteLength(DBI_STREAM) === 0 ? null : new Dbi(this.msf.stream(DBI_STREAM, 'DBI stream'))
    // Stores and images count by the age of the debug information; the other also counts changes of the file itself. 0 is what
    // tools write that do not know it: then the other counts, as DIA and llvm take it.
    this.identity = { guid: this.info.guid, age: this.dbi?.age || this.info.age }
  }

  get publics(): Publics | null {
    if (this.#publics === undefined) {
      const stream = this.#optional(this.dbi?.publicStream, 'stream of publics')
      this.#publics =
        stream === null ? null : new Publics(stream, this.#symbolRecords(), this.info.hasMinimalDebugInfo)
    }
    return this.#publics
  }

  get globals(): Globals | null {
    if (this.#globals === undefined) {
      const stream = this.#optional(this.dbi?.globalStream, 'stream of globals')
      this.#globals =
        stream === null ? null : new Globals(stream, this.#symbolRecords(), this.info.hasMinimalDebugInfo)
    }
    return this.#globals
  }

  get segments(): Segments {
    this.#segments ??= this.#readSegments()
    return this.#segments
  }

  /** Its own, or those that it was given. */
  get hasSections(): boolean {
    return this.#segments !== null || this.#sectionStream() !== null
  }

  useSections(sections: readonly ImageSection[]): void {
    if (!this.hasSections) this.#segments = new Segments(sections, this.#readOmap())
  }

  get hasTypes(): boolean {
    return this.msf.streamByteLength(TPI_STREAM) > 0
  }

  /** Throws SYMBOLS_NO_TYPES where the PDB has none. */
  get types(): TypeTable {
    if (this.#types === null) {
      if (!this.hasTypes) {
        throw new SymbolsError('SYMBOLS_NO_TYPES', `${this.origin} has no types`, { origin: this.origin })
      }
      this.#types = new TypeTable(new TypeRecords(this.msf, TPI_STREAM, 'TPI stream'))
    }
    return this.#types
  }

  /** Names of functions and source files that other records refer to; null before Visual C++ 11. */
  get ids(): TypeRecords | null {
    if (this.#ids === undefined) {
      const isThere = this.msf.streamByteLength(IPI_STREAM) > 0
      this.#ids = isThere ? new TypeRecords(this.msf, IPI_STREAM, 'IPI stream') : null
    }
    return this.#ids
  }

  get modules(): ModuleTable {
    this.#modules ??= new ModuleTable(this.msf, this.dbi, this.segments)
    return this.#modules
  }

  /** Among names for one address, that of a function or of data precedes a public: it is the programmer's. */
  near(rva: number): NearSymbol | null {
    const source = this.segments.toSource(rva)
    if (source < 0) return null
    const symbol = this.#table().nearest(source)
    const procedure = this.modules.procedureBelow(source)
    const nearest = procedure !== null && procedure.sourceRva >= (symbol?.sourceRva ?? 0) ? procedure : symbol
    if (nearest === null) return null
    const { name, kind } = nearest
    const displacement = source - nearest.sourceRva
    return { name, rva: startOf(nearest, rva, displacement), kind, displacement }
  }

  /** Functions and data first, then publics; by the exact name, else by the name in another case. */
  byName(name: string): NamedSymbol | null {
    const wanted = name.toLowerCase()
    let other: NamedSymbol | null = null
    for (const symbol of this.#named(name)) {
      if (symbol.name === name) return symbol
      if (other === null && symbol.name.toLowerCase() === wanted) other = symbol
    }
    return other
  }

  /** A public is left out where it is only the decorated name of a function or of data. */
  *symbols(): Generator<NamedSymbol> {
    const written = new Map<number, string>()
    for (const { name, rva } of this.modules.procedures()) {
      if (rva < 0) continue
      written.set(rva, name)
      yield { name, rva, kind: 'function' }
    }
    for (const symbol of this.#globalData()) {
      if (symbol.rva < 0) continue
      written.set(symbol.rva, symbol.name)
      yield { name: symbol.name, rva: symbol.rva, kind: 'data' }
    }
    for (const { name, segment, offset } of this.publics ?? []) {
      const rva = this.segments.rvaOf(segment, offset)
      const better = written.get(rva)
      const isDecorated = better !== undefined && (name.startsWith('?') || name.includes(better))
      if (rva >= 0 && !isDecorated) yield { name, rva, kind: 'public' }
    }
  }

  /** Its locals are read, and their types named, when they are asked for. */
  procedureAt(rva: number): Procedure | null {
    const source = this.segments.toSource(rva)
    const found = source < 0 ? null : this.modules.procedureBelow(source)
    if (found === null || source >= found.sourceRva + found.byteLength) return null
    const readLocals = (): LocalVariable[] => this.#localsOf(found, found.offset + source - found.sourceRva)
    let locals: readonly LocalVariable[] | null = null
    return {
      name: found.name,
      rva: startOf(found, rva, source - found.sourceRva),
      byteLength: found.byteLength,
      get locals() {
        locals ??= readLocals()
        return locals
      },
    }
  }

  /** null where no line is known: code without a source, or that the compiler marked as not to be stepped into. */
  lineAt(rva: number): SourceLine | null {
    const source = this.segments.toSource(rva)
    const module = source < 0 ? -1 : this.modules.moduleAt(source)
    const row = this.modules.linesOf(module)?.at(source) ?? null
    if (row === null) return null
    return { file: this.#fileName(row.nameOffset), line: row.line, displacement: source - row.start }
  }

  /** `/names`; null where the PDB has none. */
  get names(): StringTable | null {
    if (this.#names === undefined) {
      const stream = this.#optional(this.info.namedStreams.get(STRING_TABLE_STREAM), 'stream /names')
      this.#names = stream === null ? null : new StringTable(stream)
    }
    return this.#names
  }

  /** A structure, union or enumeration, else what a typedef of that name stands for. */
  typeByName(name: string): SymbolType | null {
    const defined = this.types.byName(name)
    if (defined !== null) return defined
    for (const symbol of this.globals?.byName(name) ?? []) {
      if (symbol.kind === 'type' && symbol.name === name) return this.types.resolve(symbol.type)
    }
    return null
  }

  typeNames(): Iterable<string> {
    return this.types.names()
  }

  resolve(type: TypeRef): SymbolType {
    return this.types.resolve(type)
  }

  missingTypes(): string | null {
    if (!this.hasTypes || this.types.unread.size === 0) return null
    const counts = [...this.types.unread].map(([kind, count]) => unreadText({ part: 'types', kind, count }))
    return `records that are not read: ${counts.join(', ')}`
  }

  *#named(name: string): Generator<NamedSymbol> {
    for (const symbol of this.globals?.byName(name) ?? []) {
      if (symbol.kind === 'data') {
        const rva = this.segments.rvaOf(symbol.segment, symbol.offset)
        if (rva >= 0) yield { name: symbol.name, rva, kind: 'data' }
      } else if (symbol.kind === 'procedure') {
        const procedure = this.modules.procedureOf(symbol.module, symbol.symbolOffset)
        if (procedure !== null && procedure.rva >= 0)
          yield { name: procedure.name, rva: procedure.rva, kind: 'function' }
      }
    }
    for (const symbol of this.publics?.byName(name) ?? []) {
      const rva = this.segments.rvaOf(symbol.segment, symbol.offset)
      if (rva >= 0) yield { name: symbol.name, rva, kind: 'public' }
    }
  }

  /** Their places as they are for the code at `offset` of its segment. */
  #localsOf(procedure: PlacedProcedure, offset: number): LocalVariable[] {
    const locals = this.modules.symbolsOf(procedure.module)?.locals(procedure, offset) ?? []
    return locals.map((local) => ({ ...local, typeName: this.types.nameOf(local.type) }))
  }

  #fileName(nameOffset: number): string {
    if (this.names === null) {
      throw new SymbolsError(
        'SYMBOLS_DAMAGED',
        `${this.origin} has lines, but no stream /names of their files`,
        {
          origin: this.origin,
        },
      )
    }
    return this.names.at(nameOffset)
  }

  #table(): AddressTable {
    this.#addresses ??= new AddressTable(this.publics, this.#globalData(), this.segments)
    return this.#addresses
  }

  #globalData(): readonly PlacedSymbol[] {
    this.#data ??= dataWithAddresses(this.globals, this.segments)
    return this.#data
  }

  /** All publics and globals; null in a PDB without debug information. */
  get symbolRecords(): StreamBytes | null {
    this.#records ??= this.#optional(this.dbi?.symRecordStream, 'stream of symbol records')
    return this.#records
  }

  #symbolRecords(): StreamBytes {
    return this.symbolRecords ?? this.msf.stream(NO_STREAM, 'stream of symbol records')
  }

  #optional(index: number | null | undefined, name: string): StreamBytes | null {
    return index === null || index === undefined || index === NO_STREAM ? null : this.msf.stream(index, name)
  }

  #readSegments(): Segments {
    const headers = this.#sectionStream()
    if (headers === null) {
      throw new SymbolsError(
        'SYMBOLS_NO_ADDRESSES',
        `${this.origin} has no section headers, and those of its image are not at hand: nothing in it has an address`,
        { origin: this.origin },
      )
    }
    return new Segments(readSections(headers), this.#readOmap())
  }

  #sectionStream(): StreamBytes | null {
    // Moved images keep the headers of before beside those of now; tools that leave the sections as they were do not.
    const original = this.#isMoved
      ? this.#debugStream(DEBUG_STREAM.originalSectionHeaders, 'original section headers')
      : null
    return original ?? this.#debugStream(DEBUG_STREAM.sectionHeaders, 'section headers')
  }

  get #isMoved(): boolean {
    const { dbi } = this
    if (dbi === null) return false
    return [DEBUG_STREAM.omapFromSource, DEBUG_STREAM.omapToSource].every(
      (place) => dbi.debugStream(place) !== null,
    )
  }

  #readOmap(): OmapPair | null {
    const fromSource = this.#debugStream(DEBUG_STREAM.omapFromSource, 'OMAP from source')
    const toSource = this.#debugStream(DEBUG_STREAM.omapToSource, 'OMAP to source')
    return fromSource === null || toSource === null
      ? null
      : { fromSource: new Omap(fromSource), toSource: new Omap(toSource) }
  }

  #debugStream(place: number, name: string): StreamBytes | null {
    return this.#optional(this.dbi?.debugStream(place), name)
  }
}

/** Of what covers `rva`: where the first byte was removed, it is as if the bytes before `rva` were still there. */
function startOf(symbol: Placed, rva: number, displacement: number): number {
  return symbol.rva < 0 ? rva - displacement : symbol.rva
}
