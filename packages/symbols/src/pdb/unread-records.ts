// Which records of a PDB are of kinds that Dumpstack does not read, so that what is missing is said. One walk over all of the
// file, whose streams are let go one by one; what is damaged, or of a version that is not read, is a line of its own.
import { SymbolsError } from '../errors.ts'
import { unreadField } from './field-list.ts'
import { unreadSubsections } from './module-lines.ts'
import { ModuleSymbols } from './module-symbols.ts'
import type { PdbFile } from './pdb-file.ts'
import type { StreamBytes } from './stream-bytes.ts'
import { isKnownSymbol, symbolRecords } from './symbol-records.ts'
import { LF_FIELDLIST } from './type-leaves.ts'
import type { TypeRecords } from './type-records.ts'
import { unreadLeaves } from './type-table.ts'
import type { UnreadKind, UnreadPart } from './unread-kind.ts'

export interface Unread {
  readonly records: readonly UnreadKind[]
  /** Parts that cannot be counted, and why. */
  readonly refused: readonly { readonly part: UnreadPart; readonly why: string }[]
}

export function unreadRecords(pdb: PdbFile): Unread {
  const records: UnreadKind[] = []
  const refused: Unread['refused'][number][] = []
  const add = (part: UnreadPart, counts: ReadonlyMap<number, number>): void => {
    for (const [kind, count] of counts) records.push({ part, kind, count })
  }
  const count = (part: UnreadPart, kindsOf: () => Iterable<number>): void => {
    const counts = new Map<number, number>()
    try {
      for (const kind of kindsOf()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
    } catch (error) {
      if (!(error instanceof SymbolsError)) throw error
      refused.push({ part, why: error.message })
    }
    add(part, counts)
  }
  const whole = (part: UnreadPart, countsOf: () => ReadonlyMap<number, number>): void => {
    try {
      add(part, countsOf())
    } catch (error) {
      if (!(error instanceof SymbolsError)) throw error
      refused.push({ part, why: error.message })
    }
  }
  if (pdb.hasTypes) {
    whole('types', () => pdb.types.unread)
    count('fields', () => fieldKinds(pdb.types.records))
  }
  whole('ids', () => (pdb.ids === null ? new Map() : unreadLeaves(pdb.ids)))
  count('globals', () => symbolKinds(pdb.symbolRecords, 0))
  count('symbols', () => moduleSymbolKinds(pdb))
  count('subsections', () => subsectionKinds(pdb))
  return { records, refused }
}

function* fieldKinds(records: TypeRecords): Generator<number> {
  for (const record of records) {
    const kind = record.leaf === LF_FIELDLIST ? unreadField(records.stream, record) : null
    if (kind !== null) yield kind
  }
}

function* symbolKinds(stream: StreamBytes | null, start: number): Generator<number> {
  if (stream === null) return
  for (const { kind } of symbolRecords(stream, start, stream.byteLength)) if (!isKnownSymbol(kind)) yield kind
}

function* moduleSymbolKinds(pdb: PdbFile): Generator<number> {
  const { dbi } = pdb
  if (dbi === null) return
  for (const [index, module] of dbi.modules.entries()) {
    if (module.stream === null) continue
    const stream = pdb.msf.stream(module.stream, `stream of module ${index}`)
    const symbols = new ModuleSymbols(module, stream, dbi.machine)
    for (const { kind } of symbols.records()) if (!isKnownSymbol(kind)) yield kind
  }
}

function* subsectionKinds(pdb: PdbFile): Generator<number> {
  for (const [index, module] of (pdb.dbi?.modules ?? []).entries()) {
    if (module.stream === null || module.c13ByteSize === 0) continue
    yield* unreadSubsections(module, pdb.msf.stream(module.stream, `stream of module ${index}`))
  }
}
