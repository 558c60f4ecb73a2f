// Modules by address: section contributions say which object file each piece of the image came from, so that one
// address reads the symbols of one module.
import { countBefore } from '@dumpstack/bytes'
import type { Dbi, PdbModule } from './dbi.ts'
import { ModuleLines } from './module-lines.ts'
import { ModuleSymbols, type PdbProcedure } from './module-symbols.ts'
import type { Msf } from './msf.ts'
import { lastAtOrBelow, type Placed, type Segments } from './segments.ts'
import type { StreamBytes } from './stream-bytes.ts'

export interface PlacedProcedure extends PdbProcedure, Placed {
  readonly kind: 'function'
  readonly module: number
}

interface Pieces {
  /** RVAs before parts of the image were moved, ascending. */
  readonly starts: Uint32Array
  readonly ends: Float64Array
  readonly modules: Uint16Array
}

export class ModuleTable {
  readonly #msf: Msf
  readonly #dbi: Dbi | null
  readonly #segments: Segments
  readonly #streams = new Map<number, StreamBytes>()
  readonly #symbols = new Map<number, ModuleSymbols>()
  readonly #lines = new Map<number, ModuleLines>()
  /** The procedures of each module that was asked for, ascending by source RVA. */
  readonly #procedures = new Map<number, readonly PlacedProcedure[]>()
  #pieces: Pieces | null = null

  constructor(msf: Msf, dbi: Dbi | null, segments: Segments) {
    this.#msf = msf
    this.#dbi = dbi
    this.#segments = segments
  }

  get list(): readonly PdbModule[] {
    return this.#dbi?.modules ?? []
  }

  /** null where the linker kept no symbols of the module, or there is none of that index. */
  symbolsOf(index: number): ModuleSymbols | null {
    const kept = this.#symbols.get(index)
    if (kept !== undefined) return kept
    const module = this.list[index]
    if (module === undefined || module.stream === null) return null
    const symbols = new ModuleSymbols(module, this.#streamOf(index, module.stream), this.#dbi!.machine)
    this.#symbols.set(index, symbols)
    return symbols
  }

  /** Its lines; null where it has none. */
  linesOf(index: number): ModuleLines | null {
    const kept = this.#lines.get(index)
    if (kept !== undefined) return kept
    const module = this.list[index]
    if (module === undefined || module.stream === null || module.c13ByteSize === 0) return null
    const lines = new ModuleLines(module, this.#streamOf(index, module.stream), this.#segments)
    this.#lines.set(index, lines)
    return lines
  }

  /** Index of the module that a byte came from; -1 where no module is named. */
  moduleAt(sourceRva: number): number {
    this.#pieces ??= this.#readPieces()
    const { starts, ends, modules } = this.#pieces
    const count = countBefore(starts.length, (i) => starts[i]! <= sourceRva)
    return count > 0 && sourceRva < ends[count - 1]! ? modules[count - 1]! : -1
  }

  /** The last procedure at or below an address in the module that the address came from. */
  procedureBelow(sourceRva: number): PlacedProcedure | null {
    const module = this.moduleAt(sourceRva)
    if (module < 0) return null
    const procedures = this.#proceduresOf(module)
    return procedures[lastAtOrBelow(procedures, sourceRva)] ?? null
  }

  /** The procedure whose record is at `symbolOffset` of the module's symbols. */
  procedureOf(module: number, symbolOffset: number): PlacedProcedure | null {
    const procedure = this.symbolsOf(module)?.procedureAt(symbolOffset) ?? null
    return procedure === null ? null : this.#place(procedure, module)
  }

  /** Of all modules. */
  *procedures(): Generator<PlacedProcedure> {
    for (let i = 0; i < this.list.length; i++) yield* this.#proceduresOf(i)
  }

  #streamOf(index: number, stream: number): StreamBytes {
    let kept = this.#streams.get(index)
    if (kept === undefined) {
      kept = this.#msf.stream(stream, `stream of module ${index}`)
      this.#streams.set(index, kept)
    }
    return kept
  }

  #proceduresOf(module: number): readonly PlacedProcedure[] {
    const kept = this.#procedures.get(module)
    if (kept !== undefined) return kept
    const procedures: PlacedProcedure[] = []
    for (const procedure of this.symbolsOf(module)?.procedures() ?? []) {
      const placed = this.#place(procedure, module)
      if (placed !== null) procedures.push(placed)
    }
    procedures.sort((a, b) => a.sourceRva - b.sourceRva)
    this.#procedures.set(module, procedures)
    return procedures
  }

  #place(procedure: PdbProcedure, module: number): PlacedProcedure | null {
    const place = this.#segments.place(procedure.segment, procedure.offset)
    return place === null ? null : { ...procedure, ...place, kind: 'function', module }
  }

  #readPieces(): Pieces {
    const most = this.#dbi?.contributionCount ?? 0
    const rvas = new Uint32Array(most)
    const lengths = new Uint32Array(most)
    const owners = new Uint16Array(most)
    let count = 0
    this.#dbi?.eachContribution((segment, offset, byteLength, moduleIndex) => {
      const rva = this.#segments.sourceRvaOf(segment, offset)
      if (rva < 0) return
      rvas[count] = rva
      lengths[count] = byteLength
      owners[count++] = moduleIndex
    })
    return disjoint(rvas, lengths, owners, count)
  }
}

/**
 * Pieces may nest, and linkers write ones that overlap: each byte belongs to the piece that began last before it and
 * still goes on, which is the innermost where they nest.
 */
function disjoint(rvas: Uint32Array, lengths: Uint32Array, owners: Uint16Array, count: number): Pieces {
  const order = new Uint32Array(count).map((_, i) => i)
  order.sort((a, b) => rvas[a]! - rvas[b]! || lengths[b]! - lengths[a]! || a - b)
  // Each piece begins one part, and ends one at most.
  const starts = new Uint32Array(count * 2)
  const ends = new Float64Array(count * 2)
  const modules = new Uint16Array(count * 2)
  let parts = 0
  let at = 0
  const open: number[] = []
  const closeUpTo = (rva: number): void => {
    while (open.length > 0 && at < rva) {
      const piece = open.at(-1)!
      const end = rvas[piece]! + lengths[piece]!
      if (end > at) {
        starts[parts] = at
        ends[parts] = Math.min(end, rva)
        modules[parts] = owners[piece]!
        at = ends[parts++]!
      }
      if (end <= rva) open.pop()
    }
  }
  for (const piece of order) {
    if (lengths[piece] === 0) continue
    closeUpTo(rvas[piece]!)
    at = rvas[piece]!
    open.push(piece)
  }
  closeUpTo(Number.POSITIVE_INFINITY)
  return {
    starts: starts.subarray(0, parts),
    ends: ends.subarray(0, parts),
    modules: modules.subarray(0, parts),
  }
}
