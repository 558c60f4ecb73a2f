// The pools of a minidump (TRIAGE_DUMP64): what each holds, where it lies in the file and at which address it lay in
// memory. Layout: docs/formats/crash-dump.md, section on triage dumps; checked against dumps of x64 and ARM64.
import { type ByteSource, type Gva, gva, hex } from '@dumpstack/bytes'
import type { KddebuggerData64 } from '@dumpstack/nt'
import { readDebuggerData } from '../debugger-data.ts'
import { DumpError } from '../dump-error.ts'
import type { DumpHeader } from '../dump-header.ts'
import {
  DumpMmStorage64,
  HEADER64_SIZE,
  TRIAGE_DUMP_BASIC_INFO,
  TRIAGE_DUMP_DATA_BLOCKS,
  TRIAGE_DUMP_DATAPAGE,
  TRIAGE_DUMP_DEBUGGER_DATA,
  TriageDataBlock,
  TriageDump64,
} from '../layouts.ts'
import { checkCount, checkInside, type FilePart, readPart } from './file-part.ts'

/** Bytes of memory that the dump keeps. */
export interface TriageBlock extends FilePart {
  readonly address: Gva
}

/** The processor, process and thread of the crash. */
export interface TriageObject extends FilePart {
  /** Null where nothing in the dump tells where the object lay. */
  readonly address: Gva | null
}

export interface TriageDump {
  readonly header: TriageDump64
  /** Null where the dump has none; zeros in it are the dump's own. */
  readonly mm: DumpMmStorage64 | null
  readonly debuggerData: TriageBlock | null
  readonly callStack: TriageBlock | null
  readonly dataPage: TriageBlock | null
  readonly prcb: TriageObject | null
  readonly process: TriageObject | null
  readonly thread: TriageObject | null
  /** In the order of the table: neither sorted nor aligned. */
  readonly blocks: readonly TriageBlock[]
  /** Pools that leave the file or the address space, the first few: each is left out, so that one lie does not take the rest. */
  readonly damage: readonly DumpError[]
}

/** Who shows them needs no more. */
const MAX_DAMAGE = 16
/** Real dumps have some thousands. */
const MAX_BLOCKS = 1_048_576
const ADDRESS_SPACE = 1n << 64n

/** Throws DumpError where the file ends before the triage header does. `miniDumpFields` is the word of the dump header. */
export function readTriageDump(file: ByteSource, header: DumpHeader, miniDumpFields: number): TriageDump {
  const damage: DumpError[] = []
  const orElse = <Pool>(read: () => Pool, otherwise: Pool): Pool => {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof DumpError)) throw error
      damage.push(error)
      return otherwise
    }
  }
  const triageBytes = readPart(
    file,
    { offset: HEADER64_SIZE, byteLength: TriageDump64.size },
    'triage header',
  )
  const triage = TriageDump64.of(triageBytes)
  const holds = (field: number): boolean =>
    (miniDumpFields & TRIAGE_DUMP_BASIC_INFO) === TRIAGE_DUMP_BASIC_INFO && (miniDumpFields & field) !== 0

  const block = (address: bigint, offset: number, byteLength: number, what: string): TriageBlock | null => {
    if (offset === 0 || byteLength === 0) return null
    const part = { address: gva(address), offset, byteLength }
    return orElse(() => {
      checkInside(file, part, what)
      checkAddress(part, what)
      return part
    }, null)
  }
  const debuggerData = holds(TRIAGE_DUMP_DEBUGGER_DATA)
    ? block(header.kdDebuggerDataBlock, triage.debuggerDataOffset, triage.debuggerDataSize, 'debugger data')
    : null
  const isBasic = holds(TRIAGE_DUMP_BASIC_INFO)
  const blocks = holds(TRIAGE_DUMP_DATA_BLOCKS) ? orElse(() => readBlocks(file, triage, damage), []) : []
  const kdbg =
    debuggerData === null
      ? null
      : readDebuggerData((into) => file.read(debuggerData.offset, into.subarray(0, debuggerData.byteLength)))
  return {
    header: triage,
    mm: orElse(() => readMm(file, triage), null),
    debuggerData,
    callStack: isBasic
      ? block(triage.topOfStack, triage.callStackOffset, triage.sizeOfCallStack, 'call stack')
      : null,
    dataPage: holds(TRIAGE_DUMP_DATAPAGE)
      ? block(triage.dataPageAddress, triage.dataPageOffset, triage.dataPageSize, 'data page')
      : null,
    ...(isBasic && kdbg !== null
      ? readObjects(file, triage, kdbg, blocks, orElse)
      : { prcb: null, process: null, thread: null }),
    blocks,
    damage,
  }
}

/** Throws where the table leaves the file; a block that does is left out. */
function readBlocks(file: ByteSource, triage: TriageDump64, damage: DumpError[]): TriageBlock[] {
  const count = triage.dataBlocksCount
  const place = { offset: triage.dataBlocksOffset, byteLength: count * TriageDataBlock.size }
  checkInside(file, place, `table of ${count} data blocks`)
  checkCount(count, MAX_BLOCKS, place.offset, 'data blocks')
  const table = readPart(file, place, `table of ${count} data blocks`)
  const blocks: TriageBlock[] = []
  for (let index = 0; index < count; index++) {
    const row = TriageDataBlock.of(table, index * TriageDataBlock.size)
    const block = { address: gva(row.address), offset: row.offset, byteLength: row.size }
    const isReadable =
      block.offset + block.byteLength <= file.byteLength &&
      block.address + BigInt(block.byteLength) <= ADDRESS_SPACE
    if (isReadable) blocks.push(block)
    else if (damage.length < MAX_DAMAGE) damage.push(damageOf(file, block, `data block ${index}`))
  }
  return blocks
}

/** What keeps a block from being read. An error costs more than the row of a block: only those that are shown are made. */
function damageOf(file: ByteSource, block: TriageBlock, what: string): DumpError {
  try {
    checkInside(file, block, what)
    checkAddress(block, what)
  } catch (error) {
    if (error instanceof DumpError) return error
    throw error
  }
  throw new Error(`${what} can be read`)
}

function checkAddress({ address, offset, byteLength }: TriageBlock, what: string): void {
  if (address + BigInt(byteLength) <= ADDRESS_SPACE) return
  throw new DumpError(
    'DUMP_DAMAGED',
    `${what} at offset ${hex(offset)} covers ${hex(byteLength)} bytes from ${hex(address)}, past the end of the address space`,
    { offset, address },
  )
}

function readMm(file: ByteSource, triage: TriageDump64): DumpMmStorage64 | null {
  if (triage.mmOffset === 0) return null
  const part = { offset: triage.mmOffset, byteLength: DumpMmStorage64.size }
  return DumpMmStorage64.of(readPart(file, part, 'memory manager information'))
}

/** Sizes are those of the debugger data; addresses come from the pointers that the objects hold to each other. */
function readObjects(
  file: ByteSource,
  triage: TriageDump64,
  kdbg: KddebuggerData64,
  blocks: readonly TriageBlock[],
  orElse: <Pool>(read: () => Pool, otherwise: Pool) => Pool,
): Pick<TriageDump, 'prcb' | 'process' | 'thread'> {
  const object = (
    offset: number,
    byteLength: number,
    address: Gva | null,
    what: string,
  ): TriageObject | null => {
    if (offset === 0 || byteLength === 0) return null
    return orElse(() => {
      checkInside(file, { offset, byteLength }, what)
      return { offset, byteLength, address }
    }, null)
  }
  /** A pointer inside one of the objects; null where the dump does not say. */
  const pointer = (part: FilePart | null, at: number): Gva | null => {
    if (part === null || at === 0 || at + 8 > part.byteLength) return null
    const bytes = readPart(file, { offset: part.offset + at, byteLength: 8 }, 'pointer')
    const value = new DataView(bytes.buffer).getBigUint64(0, true)
    return value === 0n ? null : gva(value)
  }
  const prcb = object(triage.prcbOffset, kdbg.sizePrcb, null, 'PRCB')
  const threadAddress = pointer(prcb, kdbg.offsetPrcbCurrentThread)
  const thread = object(triage.threadOffset, kdbg.sizeEThread, threadAddress, 'thread')
  const processAddress = pointer(thread, kdbg.offsetKThreadApcProcess)
  const process = object(triage.processOffset, kdbg.sizeEProcess, processAddress, 'process')
  // The processor's own copy among the data blocks has the same current thread.
  const same = blocks.find(
    (block) =>
      block.byteLength === kdbg.sizePrcb &&
      threadAddress !== null &&
      pointer(block, kdbg.offsetPrcbCurrentThread) === threadAddress,
  )
  return { prcb: prcb === null ? null : { ...prcb, address: same?.address ?? null }, process, thread }
}
