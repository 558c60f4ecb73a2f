// Composes a minidump (type 4) from a frozen system: TRIAGE_DUMP64 and its pools, in the order and with the neighbours that
// real dumps of builds 19041 and 22000 have; docs/formats/crash-dump.md, section on triage dumps. All of it is copied when
// the plan is made: nothing that the dump path does to RAM later is in it.
import { type Gva, gva, hex, PageSet } from '@dumpstack/bytes'
import { HeaderDumpType, KDBG_TAG, KddebuggerData64 } from '@dumpstack/nt'
import { checkRecords, composeHeader, type DumpFacts, planFailure } from '../compose-header.ts'
import {
  DumpDriverEntry64,
  DumpHeader64,
  DumpMmStorage64,
  DumpUnloadedDriver64,
  HEADER64_SIZE,
  SIGNATURE_TRIAGE,
  TRIAGE_DUMP_BASIC_INFO,
  TRIAGE_DUMP_DATA_BLOCKS,
  TRIAGE_DUMP_DEBUGGER_DATA,
  TRIAGE_OPTION_OVERFLOWED,
  TRIAGE_OPTIONS_UNSET,
  TriageDataBlock,
  TriageDump64,
  UNLOADED_ROWS_OFFSET,
} from '../layouts.ts'
import type { DumpExtent, DumpPlan } from '../plan.ts'
import { composeSecondaryData, type SecondaryData } from './compose-secondary-data.ts'
import { composeStringPool } from './string-pool.ts'

export interface MemoryRange {
  readonly address: Gva
  readonly byteLength: number
}

/** What a minidump says beyond its header. */
export interface TriageFacts {
  /** Structures of the processor that crashed: KPRCB, EPROCESS, ETHREAD. */
  readonly prcb: Gva
  readonly process: Gva
  readonly thread: Gva
  /** From the crashing processor's rsp to the base of its stack. */
  readonly callStack: MemoryRange
  /** As PsLoadedModuleList has them: the kernel first. */
  readonly drivers: readonly {
    /** `\SystemRoot\system32\ntoskrnl.exe` */
    readonly fullName: string
    readonly base: Gva
    readonly size: number
    readonly checkSum: number
    readonly timeDateStamp: number
  }[]
  /** Oldest first. */
  readonly unloadedDrivers: readonly { readonly name: string; readonly start: Gva; readonly end: Gva }[]
  /** Memory to keep besides, most important first: where the file is too small the last ones are left out. */
  readonly blocks: readonly MemoryRange[]
  readonly secondaryData: readonly SecondaryData[]
}

export interface TriagePlanOptions {
  readonly facts: DumpFacts
  readonly triage: TriageFacts
  /** The frozen system's memory; bytes obtained. */
  readonly memory: { read(address: Gva, into: Uint8Array): number }
  /** Room for the dump: bytes of the page file. */
  readonly fileByteLength: number
}

/** As real minidumps have it: BROKEN_DRIVER is part of the basic info, also where no driver is named. */
const FIELDS = TRIAGE_DUMP_BASIC_INFO | TRIAGE_DUMP_DEBUGGER_DATA | TRIAGE_DUMP_DATA_BLOCKS
const MM_VERSION = 1
const SIGNATURE_BYTES = 4
const MAX_EXTENT_BYTES = 0x10_0000

/** Throws DumpError DUMP_PLAN where the facts do not lead to memory, or not even the fixed parts fit the file. */
export function planTriageDump(options: TriagePlanOptions): DumpPlan {
  const { bytes, truncated } = compose(options)
  function* extents(): Generator<DumpExtent> {
    for (let at = 0; at < bytes.byteLength; at += MAX_EXTENT_BYTES) {
      yield { at, bytes: bytes.subarray(at, at + MAX_EXTENT_BYTES) }
    }
  }
  return {
    byteLength: bytes.byteLength,
    requiredByteLength: bytes.byteLength,
    promised: new PageSet(0),
    truncated,
    extents,
  }
}

function compose({ facts, triage, memory, fileByteLength }: TriagePlanOptions): {
  bytes: Uint8Array
  truncated: boolean
} {
  checkRecords(facts)
  const copy = (address: Gva, byteLength: number, what: string): Uint8Array => {
    const into = new Uint8Array(byteLength)
    const got = memory.read(address, into)
    if (got === byteLength) return into
    return planFailure(
      `${what} at ${hex(address)} has ${hex(got)} bytes in memory, expected ${hex(byteLength)}`,
    )
  }
  const kdbgBytes = copy(facts.kdDebuggerDataBlock, KddebuggerData64.size, 'debugger data')
  const kdbg = KddebuggerData64.of(kdbgBytes)
  // the block of an older kernel is shorter, and what follows it is no part of it
  const kdbgPool = kdbgBytes.subarray(0, kdbg.size)
  if (kdbg.ownerTag !== KDBG_TAG) {
    planFailure(
      `debugger data at ${hex(facts.kdDebuggerDataBlock)} has tag ${hex(kdbg.ownerTag)}, expected KDBG`,
    )
  }

  const parts = new Parts(HEADER64_SIZE)
  const header = TriageDump64.of(parts.add(TriageDump64.size).bytes)
  const mm = parts.add(DumpMmStorage64.size)
  DumpMmStorage64.of(mm.bytes).version = MM_VERSION
  DumpMmStorage64.of(mm.bytes).size = DumpMmStorage64.size
  header.contextOffset = DumpHeader64.fields.contextRecord.offset
  header.exceptionOffset = DumpHeader64.fields.exception.offset
  header.mmOffset = mm.offset
  header.unloadedDriversOffset = parts.put(composeUnloaded(triage.unloadedDrivers))
  header.prcbOffset = parts.put(copy(triage.prcb, kdbg.sizePrcb, 'PRCB'))
  header.processOffset = parts.put(copy(triage.process, kdbg.sizeEProcess, 'process'))
  header.threadOffset = parts.put(copy(triage.thread, kdbg.sizeEThread, 'thread'))
  const { callStack } = triage
  header.callStackOffset = parts.put(copy(callStack.address, callStack.byteLength, 'call stack'))
  header.sizeOfCallStack = callStack.byteLength
  header.topOfStack = callStack.address
  header.debuggerDataOffset = parts.put(kdbgPool)
  header.debuggerDataSize = kdbgPool.byteLength
  const list = parts.add(triage.drivers.length * DumpDriverEntry64.size)
  header.driverListOffset = list.offset
  header.driverCount = triage.drivers.length
  const pool = composeStringPool(
    triage.drivers.map((driver) => driver.fullName),
    parts.end,
  )
  header.stringPoolOffset = parts.put(pool.bytes)
  header.stringPoolSize = pool.bytes.byteLength
  composeDrivers(list.bytes, triage, pool.offsets)

  const secondary = composeSecondaryData(triage.secondaryData, facts.build)
  const room = fileByteLength - parts.end - SIGNATURE_BYTES - secondary.byteLength
  if (room < 0) {
    planFailure(
      `a minidump without data blocks needs ${hex(fileByteLength - room)} bytes, the file has ${hex(fileByteLength)}`,
    )
  }
  const blocks = fitting(withoutOverlaps(triage.blocks), room)
  const truncated = blocks.isCut
  header.triageOptions = truncated ? TRIAGE_OPTION_OVERFLOWED : TRIAGE_OPTIONS_UNSET
  const table = parts.add(blocks.kept.length * TriageDataBlock.size)
  header.dataBlocksOffset = table.offset
  header.dataBlocksCount = blocks.kept.length
  for (const [index, { address, byteLength }] of blocks.kept.entries()) {
    const row = TriageDataBlock.of(table.bytes, index * TriageDataBlock.size)
    row.address = address
    row.offset = parts.put(copy(address, byteLength, `data block ${index}`))
    row.size = byteLength
  }
  const signature = parts.add(SIGNATURE_BYTES)
  new DataView(signature.bytes.buffer).setUint32(0, SIGNATURE_TRIAGE, true)
  header.validOffset = signature.offset
  header.sizeOfDump = parts.end
  parts.put(secondary)
  const front = composeHeader(facts, {
    dumpType: HeaderDumpType.triage,
    requiredByteLength: parts.end,
    runs: null,
    writerStatus: 0,
    attributes: null,
    miniDumpFields: FIELDS,
  })
  return { bytes: parts.after(front), truncated }
}

/** Parts that follow each other without a gap. */
class Parts {
  readonly #parts: Uint8Array[] = []
  end: number

  constructor(start: number) {
    this.end = start
  }

  /** The part's file offset. */
  put(bytes: Uint8Array): number {
    const offset = this.end
    this.#parts.push(bytes)
    this.end += bytes.byteLength
    return offset
  }

  /** A part of zeros, to be filled in place. */
  add(byteLength: number): { offset: number; bytes: Uint8Array } {
    const bytes = new Uint8Array(byteLength)
    return { offset: this.put(bytes), bytes }
  }

  after(front: Uint8Array): Uint8Array {
    const all = new Uint8Array(this.end)
    all.set(front)
    let at = front.byteLength
    for (const part of this.#parts) {
      all.set(part, at)
      at += part.byteLength
    }
    return all
  }
}

/** Newest first, as in real dumps. */
function composeUnloaded(drivers: TriageFacts['unloadedDrivers']): Uint8Array {
  const bytes = new Uint8Array(UNLOADED_ROWS_OFFSET + drivers.length * DumpUnloadedDriver64.size)
  new DataView(bytes.buffer).setUint32(0, drivers.length, true)
  for (const [index, driver] of [...drivers].reverse().entries()) {
    const row = DumpUnloadedDriver64.of(bytes, UNLOADED_ROWS_OFFSET + index * DumpUnloadedDriver64.size)
    const characters = DumpUnloadedDriver64.fields.name.byteLength / 2
    const name = driver.name.slice(0, characters)
    const units = new Uint8Array(characters * 2)
    const view = new DataView(units.buffer)
    for (let i = 0; i < name.length; i++) view.setUint16(i * 2, name.charCodeAt(i), true)
    row.length = name.length * 2
    row.maximumLength = name.length * 2
    row.name = units
    row.startAddress = driver.start
    row.endAddress = driver.end
  }
  return bytes
}

/** Links, entry point and names of the fixed entry stay zero, as in real dumps. */
function composeDrivers(list: Uint8Array, { drivers }: TriageFacts, names: readonly number[]): void {
  for (const [index, driver] of drivers.entries()) {
    const entry = DumpDriverEntry64.of(list, index * DumpDriverEntry64.size)
    entry.driverNameOffset = names[index]!
    entry.dllBase = driver.base
    entry.sizeOfImage = driver.size
    entry.checkSum = driver.checkSum
    entry.timeDateStamp = driver.timeDateStamp
  }
}

/** What an earlier block holds is cut off a later one, so that no byte stands in two of them. */
function withoutOverlaps(ranges: readonly MemoryRange[]): MemoryRange[] {
  const kept: { start: bigint; end: bigint }[] = []
  for (const { address, byteLength } of ranges) {
    let pieces = [{ start: address as bigint, end: address + BigInt(byteLength) }]
    for (const taken of kept) {
      pieces = pieces.flatMap((piece) =>
        [
          { start: piece.start, end: piece.end < taken.start ? piece.end : taken.start },
          { start: piece.start > taken.end ? piece.start : taken.end, end: piece.end },
        ].filter(({ start, end }) => start < end),
      )
    }
    kept.push(...pieces)
  }
  return kept.map(({ start, end }) => ({ address: gva(start), byteLength: Number(end - start) }))
}

function fitting(ranges: readonly MemoryRange[], room: number): { kept: MemoryRange[]; isCut: boolean } {
  const kept: MemoryRange[] = []
  let left = room
  for (const range of ranges) {
    left -= range.byteLength + TriageDataBlock.size
    if (left < 0) return { kept, isCut: true }
    kept.push(range)
  }
  return { kept, isCut: false }
}
