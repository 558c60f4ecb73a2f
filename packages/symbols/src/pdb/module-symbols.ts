// The symbols of one module (object file): its procedures and their locals. Scopes are counted, not followed: the
// offsets of parents and ends in the records are never trusted.
import { hex } from '@dumpstack/bytes'
import type { PdbModule } from './dbi.ts'
import type { StreamBytes } from './stream-bytes.ts'
import {
  BpRelSym32,
  FrameProcSym,
  isProcedure,
  LocalSym,
  LVAR_IS_PARAMETER,
  nameAfter,
  ProcSym32,
  RegisterSym,
  RegRelSym32,
  S_BLOCK32,
  S_BPREL32,
  S_END,
  S_FRAMEPROC,
  S_GPROC32,
  S_GPROC32_ID,
  S_INLINESITE,
  S_INLINESITE_END,
  S_INLINESITE2,
  S_LOCAL,
  S_PROC_ID_END,
  S_REGISTER,
  S_REGREL32,
  S_SEPCODE,
  S_THUNK32,
  type SymbolRecord,
  symbolRecordAt,
  symbolRecords,
} from './symbol-records.ts'

/** The symbols of a module's stream start with this: CodeView as C13 has it. */
const CV_SIGNATURE_C13 = 4
const SIGNATURE_BYTES = 4
const CV_AMD64_RSP = 335
const CV_ALLREG_VFRAME = 30006
const RETURN_ADDRESS_BYTES = 8
/** Comes in a register, and is kept among the locals. */
const THIS = 'this'

export interface PdbProcedure {
  readonly name: string
  readonly segment: number
  readonly offset: number
  readonly byteLength: number
  /** Of its record in the module's stream. */
  readonly symbolOffset: number
  readonly type: number
  readonly isGlobal: boolean
}

export interface PdbLocal {
  readonly name: string
  readonly type: number
  readonly isParameter: boolean
}

export class ModuleSymbols {
  readonly #stream: StreamBytes
  readonly #end: number

  constructor(module: PdbModule, stream: StreamBytes) {
    this.#stream = stream
    this.#end = module.symByteSize
    stream.need(0, module.symByteSize, 'symbols')
    if (module.symByteSize === 0) return
    const signature = stream.u32(0, 'signature of the symbols')
    if (signature !== CV_SIGNATURE_C13) {
      throw stream.damaged(
        0,
        `signature of the symbols is ${hex(signature)}, expected ${hex(CV_SIGNATURE_C13)}`,
      )
    }
  }

  *records(): Generator<SymbolRecord> {
    yield* symbolRecords(this.#stream, SIGNATURE_BYTES, this.#end)
  }

  *procedures(): Generator<PdbProcedure> {
    for (const record of this.records()) if (isProcedure(record.kind)) yield this.#procedure(record)
  }

  /** The procedure whose record is at `offset`; null where another symbol is. */
  procedureAt(offset: number): PdbProcedure | null {
    const record = symbolRecordAt(this.#stream, offset)
    return isProcedure(record.kind) ? this.#procedure(record) : null
  }

  /**
   * Locals of the procedure and its blocks; those of functions inlined into it are not its own. Microsoft's compiler
   * names many twice in optimised code: once as S_LOCAL, which says what it is, and once by its place in the frame.
   */
  locals(procedure: PdbProcedure): PdbLocal[] {
    const locals: PdbLocal[] = []
    const known = new Set<string>()
    for (const { kind, local } of this.#localRecords(procedure)) {
      const key = `${local.type} ${local.name}`
      if (kind !== S_LOCAL && known.has(key)) continue
      if (kind === S_LOCAL) known.add(key)
      // Where S_LOCAL says which are parameters, nothing else is one: locals are kept in the space of those, too.
      locals.push(kind === S_LOCAL || known.size === 0 ? local : { ...local, isParameter: false })
    }
    return locals
  }

  *#localRecords(procedure: PdbProcedure): Generator<{ kind: number; local: PdbLocal }> {
    let depth = 0
    let inlinedFrom = 0 // depth of the outermost inlined function, 0 outside
    let frameBytes = 0
    for (const record of symbolRecords(this.#stream, procedure.symbolOffset, this.#end)) {
      switch (record.kind) {
        case S_INLINESITE:
        case S_INLINESITE2:
          depth++
          if (inlinedFrom === 0) inlinedFrom = depth
          break
        case S_END:
        case S_PROC_ID_END:
        case S_INLINESITE_END:
          if (depth === inlinedFrom) inlinedFrom = 0
          if (--depth === 0) return
          break
        case S_FRAMEPROC: {
          const frame = this.#stream.struct(FrameProcSym, record.offset)
          frameBytes = frame.frameBytes + frame.savedRegisterBytes
          break
        }
        default:
          if (isProcedure(record.kind) || OPENS_SCOPE.has(record.kind)) depth++
          else if (inlinedFrom === 0) {
            const local = this.#local(record, frameBytes)
            if (local !== null) yield { kind: record.kind, local }
          }
      }
    }
  }

  #procedure(record: SymbolRecord): PdbProcedure {
    const fields = this.#stream.struct(ProcSym32, record.offset)
    return {
      name: nameAfter(this.#stream, record, ProcSym32.size),
      segment: fields.segment,
      offset: fields.offset,
      byteLength: fields.codeSize,
      symbolOffset: record.offset,
      type: fields.type,
      isGlobal: record.kind === S_GPROC32 || record.kind === S_GPROC32_ID,
    }
  }

  #local(record: SymbolRecord, frameBytes: number): PdbLocal | null {
    const stream = this.#stream
    switch (record.kind) {
      case S_LOCAL: {
        const { type, flags } = stream.struct(LocalSym, record.offset)
        return {
          name: nameAfter(stream, record, LocalSym.size),
          type,
          isParameter: (flags & LVAR_IS_PARAMETER) !== 0,
        }
      }
      case S_REGREL32: {
        const { type, offset, register } = stream.struct(RegRelSym32, record.offset)
        const name = nameAfter(stream, record, RegRelSym32.size)
        // The record does not say it: parameters lie above the frame and the return address.
        const isAbove =
          register === CV_AMD64_RSP
            ? offset >= frameBytes + RETURN_ADDRESS_BYTES
            : register === CV_ALLREG_VFRAME && offset > 0
        return { name, type, isParameter: isAbove || name === THIS }
      }
      case S_BPREL32: {
        const { type, offset } = stream.struct(BpRelSym32, record.offset)
        const name = nameAfter(stream, record, BpRelSym32.size)
        // Above the saved EBP and the return address.
        return { name, type, isParameter: offset > 4 || name === THIS }
      }
      case S_REGISTER: {
        const { type } = stream.struct(RegisterSym, record.offset)
        return { name: nameAfter(stream, record, RegisterSym.size), type, isParameter: false }
      }
      default:
        return null
    }
  }
}

/** Beside procedures: what S_END ends. */
const OPENS_SCOPE: ReadonlySet<number> = new Set([S_BLOCK32, S_THUNK32, S_SEPCODE])
