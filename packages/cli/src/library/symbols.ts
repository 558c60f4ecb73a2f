// `dumpstack/symbols`: symbol files, PDBs and ISF tables alike.
import type { ByteSource } from '@dumpstack/bytes'
import { openIsf as openTable, PdbFile, type SymbolFile } from '@dumpstack/symbols'

export type { ByteSource } from '@dumpstack/bytes'
export { FileSource } from '@dumpstack/bytes/node'
export type {
  LocalVariable,
  NamedSymbol,
  NearSymbol,
  Procedure,
  SourceLine,
  SymbolFile,
  SymbolIdentity,
  SymbolType,
} from '@dumpstack/symbols'
export { SymbolsError } from '@dumpstack/symbols'

/** A PDB (MSF 7.00), which reads from `source` as long as it is used; `origin` is what messages call it. Throws SymbolsError. */
export const openPdb = (source: ByteSource, origin: string): SymbolFile => new PdbFile(source, origin)

/** An ISF table of volatility3, plain or packed as .xz or .gz. Rejects with a SymbolsError. */
export const openIsf = (bytes: Uint8Array, origin: string): Promise<SymbolFile> => openTable(bytes, origin)
