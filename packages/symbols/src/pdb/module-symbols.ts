// The symbols of one module (object file): its procedures and their locals. Scopes are counted, not followed: the
// offsets of parents and ends in the records are never trusted.
import { hex } from '@dumpstack/bytes'
import type { LocalPlace } from '../symbol-file.ts'
import type { PdbModule } from './dbi.ts'
import { besideRegister, type FrameBases, frameBases, inRegister, NO_FRAME, placeAt } from './local-places.ts'
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
const CV_REG_EBP = 22
const RETURN_ADDRESS_BYTES = 8
/** Comes in a register, and is kept among the locals. */
const THIS = 'this'

export interface PdbProcedure {
  readonly name: string
  readonly segment: number
  readonly offset: number
  readonly byteLength: number
  /** The offset of its record in the module's stream. */
  readonly symbolOffset: number
  readonly type: number
  readonly isGlobal: boolean
}

export interface PdbLocal {
  readonly name: string
  readonly type: number
  readonly isParameter: boolean
  readonly place: LocalPlace | null
}

type Changing<T> = { -readonly [key in keyof T]: T[key] }

export class ModuleSymbols {
  readonly #stream: StreamBytes
  readonly #end: number
  readonly #machine: number

  /** `machine` as the DBI stream names it: it says which registers frames count from. */
  constructor(module: PdbModule, stream: StreamBytes, machine: number) {
    this.#stream = stream
    this.#machine = machine
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
   * names many twice in optimised code: once as S_LOCAL, which says what it is, and once by its place in the frame. Places are those for
   * code at `at` of the procedure's segment.
   */
  locals(procedure: PdbProcedure, at: number = procedure.offset): PdbLocal[] {
    const locals: Changing<PdbLocal>[] = []
    const known = new Map<string, Changing<PdbLocal>>()
    for (const { kind, local } of this.#localRecords(procedure, at)) {
      const key = `${local.type} ${local.name}`
      const same = known.get(key)
      if (kind !== S_LOCAL && same !== undefined) {
        same.place ??= local.place
        continue
      }
      // Where S_LOCAL says which are parameters, nothing else is one: locals are kept in the space of those, too.
      if (kind !== S_LOCAL && known.size > 0) local.isParameter = false
      if (kind === S_LOCAL) known.set(key, local)
      locals.push(local)
    }
    return locals
  }

  *#localRecords(
    procedure: PdbProcedure,
    at: number,
  ): Generator<{ kind: number; local: Changing<PdbLocal> }> {
    let depth = 0
    let inlinedFrom = 0 // depth of the outermost inlined function, 0 outside
    const { frameBytes, bases } = this.#frameOf(procedure)
    /** Of S_LOCAL: what follows says where it is. */
    let last: Changing<PdbLocal> | null = null
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
        default:
          if (isProcedure(record.kind) || OPENS_SCOPE.has(record.kind)) depth++
          else if (inlinedFrom === 0) {
            const local = this.#local(record, frameBytes)
            if (local !== null) {
              last = record.kind === S_LOCAL ? local : null
              yield { kind: record.kind, local }
            } else if (last !== null) {
              const base = last.isParameter ? bases.ofParameters : bases.ofLocals
              last.place = placeAt(this.#stream, record, at, base) ?? last.place
            }
          }
      }
    }
  }

  /** Some compilers describe the frame after the locals in it. */
  #frameOf(procedure: PdbProcedure): { readonly frameBytes: number; readonly bases: FrameBases } {
    let depth = 0
    for (const { kind, offset } of symbolRecords(this.#stream, procedure.symbolOffset, this.#end)) {
      if (kind === S_FRAMEPROC) {
        const frame = this.#stream.struct(FrameProcSym, offset)
        return {
          frameBytes: frame.frameBytes + frame.savedRegisterBytes,
          bases: frameBases(frame.flags, this.#machine),
        }
      }
      if (CLOSES_SCOPE.has(kind) && --depth === 0) break
      if (isProcedure(kind) || OPENS_SCOPE.has(kind) || kind === S_INLINESITE || kind === S_INLINESITE2)
        depth++
    }
    return { frameBytes: 0, bases: NO_FRAME }
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

  #local(record: SymbolRecord, frameBytes: number): Changing<PdbLocal> | null {
    const stream = this.#stream
    switch (record.kind) {
      case S_LOCAL: {
        const { type, flags } = stream.struct(LocalSym, record.offset)
        return {
          name: nameAfter(stream, record, LocalSym.size),
          type,
          isParameter: (flags & LVAR_IS_PARAMETER) !== 0,
          place: null,
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
        // Counted from the frame, whose place the record does not say.
        const place = register === CV_ALLREG_VFRAME ? null : besideRegister(register, offset)
        return { name, type, isParameter: isAbove || name === THIS, place }
      }
      case S_BPREL32: {
        const { type, offset } = stream.struct(BpRelSym32, record.offset)
        const name = nameAfter(stream, record, BpRelSym32.size)
        // Above the saved EBP and the return address.
        return {
          name,
          type,
          isParameter: offset > 4 || name === THIS,
          place: besideRegister(CV_REG_EBP, offset),
        }
      }
      case S_REGISTER: {
        const { type, register } = stream.struct(RegisterSym, record.offset)
        const name = nameAfter(stream, record, RegisterSym.size)
        return { name, type, isParameter: false, place: inRegister(register) }
      }
      default:
        return null
    }
  }
}

const CLOSES_SCOPE: ReadonlySet<number> = new Set([S_END, S_PROC_ID_END, S_INLINESITE_END])
/** Beside procedures: what S_END ends. */
const OPENS_SCOPE: ReadonlySet<number> = new Set([S_BLOCK32, S_THUNK32, S_SEPCODE])
