// Source lines of one module: C13 line information after its symbols (LLVM "The PDB Module Information Stream").
// Subsections {u32 kind, u32 length, bytes, to a multiple of 4}; a kind with its high bit set is to be ignored.
import { countBefore, defineStruct, hex, u16, u32 } from '@dumpstack/bytes'
import type { PdbModule } from './dbi.ts'
import type { Segments } from './segments.ts'
import type { StreamBytes } from './stream-bytes.ts'

const DEBUG_S_SYMBOLS = 0xf1
const DEBUG_S_LINES = 0xf2
const DEBUG_S_FILECHKSMS = 0xf4
const DEBUG_S_XFGHASH_VIRTUAL = 0xff
const DEBUG_S_IGNORE = 0x80000000
const SUBSECTION_HEAD_BYTES = 8

const LineFragment = defineStruct('line fragment', 0xc, {
  offset: u32(0),
  segment: u16(4),
  flags: u16(6),
  codeSize: u32(8),
})
const LineBlock = defineStruct('line block', 0xc, {
  checksumOffset: u32(0),
  lineCount: u32(4),
  blockBytes: u32(8),
})
const FileChecksum = defineStruct('file checksum', 6, { nameOffset: u32(0) })
/** {u32 offset in the fragment, u32 line:24, delta:7, isStatement:1} */
const LINE_BYTES = 8
const LINE_MASK = 0xffffff
/** Not lines: the compiler's own code that a debugger steps over, or always into. */
const HIDDEN_LINES: ReadonlySet<number> = new Set([0xfeefee, 0xf00f00])

export interface LineRow {
  /** Source RVAs of the first byte and after the last. */
  readonly start: number
  readonly end: number
  readonly line: number
  /** The offset of the file's name in `/names`. */
  readonly nameOffset: number
}

/** As the compiler wrote them: lines of one file in one piece of code. */
export interface RawLines {
  readonly segment: number
  readonly offset: number
  readonly codeSize: number
  readonly nameOffset: number
  /** Offset in the piece, and line. */
  readonly lines: readonly (readonly [offset: number, line: number])[]
}

export class ModuleLines {
  readonly #c13: StreamBytes
  readonly #segments: Segments
  #rows: readonly LineRow[] | null = null

  constructor(module: PdbModule, stream: StreamBytes, segments: Segments) {
    this.#c13 = linesPart(module, stream)
    this.#segments = segments
  }

  /** null where no line covers the address. */
  at(sourceRva: number): LineRow | null {
    this.#rows ??= this.#readRows()
    const rows = this.#rows
    const count = countBefore(rows.length, (i) => rows[i]!.start <= sourceRva)
    const row = rows[count - 1]
    return row === undefined || sourceRva >= row.end || HIDDEN_LINES.has(row.line) ? null : row
  }

  *raw(): Generator<RawLines> {
    let checksums: StreamBytes | null = null
    const fragments: StreamBytes[] = []
    for (const { kind, part } of subsections(this.#c13)) {
      if (kind === DEBUG_S_FILECHKSMS) checksums = part
      else if (kind === DEBUG_S_LINES) fragments.push(part)
    }
    for (const fragment of fragments) {
      if (checksums === null) throw this.#c13.damaged(0, 'there are lines, but no files')
      yield* rawLines(fragment, checksums)
    }
  }

  #readRows(): LineRow[] {
    const rows: LineRow[] = []
    let ofFragment: LineRow[] = []
    let fragment: RawLines | null = null
    const finish = (): void => {
      for (const row of withEnds(ofFragment)) rows.push(row)
      ofFragment = []
    }
    for (const raw of this.raw()) {
      // Blocks of one piece of code have its lines of different files, which follow one another in the code.
      if (fragment === null || raw.segment !== fragment.segment || raw.offset !== fragment.offset) finish()
      fragment = raw
      const start = this.#segments.sourceRvaOf(raw.segment, raw.offset)
      if (start < 0) continue
      const end = start + raw.codeSize
      for (const [offset, line] of raw.lines) {
        ofFragment.push({ start: start + offset, end, line, nameOffset: raw.nameOffset })
      }
    }
    finish()
    return rows.sort((a, b) => a.start - b.start)
  }
}

const linesPart = (module: PdbModule, stream: StreamBytes): StreamBytes =>
  stream.part('lines', module.symByteSize + module.c11ByteSize, module.c13ByteSize)

function* subsections(c13: StreamBytes): Generator<{ kind: number; part: StreamBytes }> {
  for (let at = 0; at + SUBSECTION_HEAD_BYTES <= c13.byteLength; ) {
    const kind = c13.u32(at, 'kind of a subsection')
    const byteLength = c13.u32(at + 4, 'subsection')
    const part = c13.part(`subsection ${hex(kind)}`, at + SUBSECTION_HEAD_BYTES, byteLength)
    yield { kind, part }
    at += SUBSECTION_HEAD_BYTES + Math.ceil(byteLength / 4) * 4
  }
}

/** Kinds of subsections of a module that no document names, one for each that there is. */
export function* unreadSubsections(module: PdbModule, stream: StreamBytes): Generator<number> {
  for (const { kind } of subsections(linesPart(module, stream))) {
    const isDocumented = kind >= DEBUG_S_SYMBOLS && kind <= DEBUG_S_XFGHASH_VIRTUAL
    if (!isDocumented && (kind & DEBUG_S_IGNORE) === 0) yield kind
  }
}

/** A line goes on to the next. */
function withEnds(rows: LineRow[]): LineRow[] {
  rows.sort((a, b) => a.start - b.start)
  return rows.map((row, i) => ({ ...row, end: Math.min(row.end, rows[i + 1]?.start ?? row.end) }))
}

function* rawLines(fragment: StreamBytes, checksums: StreamBytes): Generator<RawLines> {
  const { segment, offset, codeSize } = fragment.struct(LineFragment, 0)
  for (let at = LineFragment.size; at < fragment.byteLength; ) {
    const block = fragment.struct(LineBlock, at)
    const { lineCount, blockBytes } = block
    if (blockBytes < LineBlock.size + lineCount * LINE_BYTES) {
      throw fragment.damaged(at, `a block of ${hex(blockBytes)} bytes for ${lineCount} lines`)
    }
    fragment.need(at, blockBytes, 'a block of lines')
    const lines: [number, number][] = []
    for (let i = 0, line = at + LineBlock.size; i < lineCount; i++, line += LINE_BYTES) {
      lines.push([fragment.view.getUint32(line, true), fragment.view.getUint32(line + 4, true) & LINE_MASK])
    }
    const { nameOffset } = checksums.struct(FileChecksum, block.checksumOffset)
    yield { segment, offset, codeSize, nameOffset, lines }
    at += blockBytes
  }
}
