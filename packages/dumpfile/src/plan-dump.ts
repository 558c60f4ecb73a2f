// Composes a dump of type 1, 5 or 6 from the facts of a crash: header bytes, bitmap, and where each page goes.
// Order and the second write of the header are unverified: what would settle them is a trace of a real crashdmp.sys.
import {
  endOfRuns,
  type Gpa,
  type Gva,
  hex,
  PAGE_SIZE,
  type PageRun,
  type PageSet,
  PageSet as Pages,
  pagesInRuns,
  pfn,
} from '@dumpstack/bytes'
import { ContextX64, ExceptionRecord64, IMAGE_FILE_MACHINE_AMD64, PhysicalMemoryRun64 } from '@dumpstack/nt'
import { DumpType } from './dump.ts'
import { DumpError } from './dump-error.ts'
import {
  ATTRIBUTE_INSUFFICIENT_DUMPFILE_SIZE,
  BITMAP_HEADER_OFFSET,
  BITMAP_OFFSET,
  BitmapHeader,
  DumpHeader64,
  HEADER_RUNS_CAPACITY,
  HEADER_RUNS_OFFSET,
  HEADER64_SIZE,
  PAGE_FILL_32,
  SIGNATURE_FDMP,
  SIGNATURE_PAGE,
  SIGNATURE_SDMP,
  VALID_DUMP_DU64,
  VALID_DUMP_DUMP,
} from './layouts.ts'
import type { DumpExtent, DumpPlan } from './plan.ts'

/** What a dump header repeats from the crashed system. */
export interface DumpFacts {
  /** NT build number: 19041. */
  readonly build: number
  readonly processorCount: number
  readonly bugcheckCode: number
  readonly bugcheckParameters: readonly [bigint, bigint, bigint, bigint]
  readonly directoryTableBase: Gpa
  /** Address of the variable nt!MmPfnDatabase. */
  readonly pfnDataBase: Gva
  readonly psLoadedModuleList: Gva
  readonly psActiveProcessHead: Gva
  readonly kdDebuggerDataBlock: Gva
  /** x64 CONTEXT of the crashing processor. */
  readonly contextRecord: Uint8Array
  /** EXCEPTION_RECORD64. */
  readonly exceptionRecord: Uint8Array
  /** FILETIME: 100 ns since 1601. */
  readonly systemTime: bigint
  /** 100 ns units. */
  readonly systemUpTime: bigint
  /** 1 workstation, 2 domain controller, 3 server. */
  readonly productType: number
  readonly suiteMask: number
  readonly physicalMemory: readonly PageRun[]
}

export interface DumpPlanOptions {
  /** DUMP_HEADER64.DumpType: 1 full, 5 full with bitmap, 6 kernel with bitmap. */
  readonly dumpType: 1 | 5 | 6
  readonly facts: DumpFacts
  /** The pages to hold; for type 1 exactly the pages of `facts.physicalMemory`. */
  readonly promised: PageSet
  /** Room for the dump: bytes of the page file. */
  readonly fileByteLength: number
}

const MAX_EXTENT_BYTES = 0x10_0000
const MAX_EXTENT_PAGES = MAX_EXTENT_BYTES / PAGE_SIZE
/** unverified: whether the header comes once more after the pages. */
const finishedHeaderLast = true
/** Free build, as real dumps of retail Windows have it. */
const MAJOR_VERSION_FREE = 0xf

/** Throws DumpError DUMP_PLAN when the facts contradict each other or not even header and bitmap fit the file. */
export function planDump(options: DumpPlanOptions): DumpPlan {
  const { dumpType, facts, promised, fileByteLength } = options
  checkFacts(options)
  const hasBitmap = dumpType !== DumpType.full
  const bitCount = Math.ceil(endOfRuns(facts.physicalMemory) / 64) * 64
  const firstPage = hasBitmap
    ? Math.ceil((BITMAP_OFFSET + bitCount / 8) / PAGE_SIZE) * PAGE_SIZE
    : HEADER64_SIZE
  const pageCount = promised.size
  const requiredByteLength = firstPage + pageCount * PAGE_SIZE
  if (firstPage > fileByteLength) {
    throw new DumpError(
      'DUMP_PLAN',
      `header and bitmap need ${hex(firstPage)} bytes, the file has ${hex(fileByteLength)}`,
      { firstPage, fileByteLength },
    )
  }
  const truncated = requiredByteLength > fileByteLength
  const storedPages = truncated ? Math.floor((fileByteLength - firstPage) / PAGE_SIZE) : pageCount

  const header = (isFinished: boolean): Uint8Array =>
    composeHeader(options, { isFinished, truncated, pageCount, requiredByteLength })

  function* extents(): Generator<DumpExtent> {
    yield { at: 0, bytes: header(!finishedHeaderLast) }
    if (hasBitmap) {
      const bitmap = composeBitmap(dumpType, promised, bitCount, firstPage)
      for (let at = 0; at < bitmap.byteLength; at += MAX_EXTENT_BYTES) {
        yield { at: BITMAP_HEADER_OFFSET + at, bytes: bitmap.subarray(at, at + MAX_EXTENT_BYTES) }
      }
    }
    let written = 0
    for (const run of promised.runs(MAX_EXTENT_PAGES)) {
      const count = Math.min(run.pageCount, storedPages - written)
      if (count <= 0) break
      yield { at: firstPage + written * PAGE_SIZE, pfn: run.basePage, pageCount: count }
      written += count
    }
    if (finishedHeaderLast) yield { at: 0, bytes: header(true) }
  }

  return {
    byteLength: firstPage + storedPages * PAGE_SIZE,
    requiredByteLength,
    promised,
    truncated,
    extents,
  }
}

function checkFacts({ dumpType, facts, promised }: DumpPlanOptions): void {
  const runs = facts.physicalMemory
  const fail = (message: string): never => {
    throw new DumpError('DUMP_PLAN', message)
  }
  for (const [index, run] of runs.entries()) {
    const previous = runs[index - 1]
    if (previous !== undefined && run.basePage < previous.basePage + previous.pageCount) {
      fail(`run ${index} at pfn ${hex(run.basePage)} starts before the end of the run before it`)
    }
  }
  if (dumpType === DumpType.full && runs.length > HEADER_RUNS_CAPACITY) {
    fail(`${runs.length} runs do not fit a header of type 1, expected at most ${HEADER_RUNS_CAPACITY}`)
  }
  const memory = Pages.ofRuns(runs, endOfRuns(runs))
  for (const run of promised.runs()) {
    const end = run.basePage + run.pageCount
    if (end > memory.bitCount || memory.rank(pfn(end)) - memory.rank(run.basePage) !== run.pageCount) {
      fail(`pages ${hex(run.basePage)}..${hex(end - 1)} are promised but not all of them are RAM`)
    }
  }
  if (dumpType === DumpType.full && promised.size !== pagesInRuns(runs)) {
    fail(`a dump of type 1 holds all ${pagesInRuns(runs)} pages of RAM, promised are ${promised.size}`)
  }
  if (facts.contextRecord.byteLength > DumpHeader64.fields.contextRecord.byteLength) {
    fail(`a context of ${facts.contextRecord.byteLength} bytes does not fit the header`)
  }
  if (facts.contextRecord.byteLength < ContextX64.size) {
    fail(`the context has ${facts.contextRecord.byteLength} bytes, expected at least ${ContextX64.size}`)
  }
  if (facts.exceptionRecord.byteLength !== ExceptionRecord64.size) {
    fail(
      `the exception record has ${facts.exceptionRecord.byteLength} bytes, expected ${ExceptionRecord64.size}`,
    )
  }
}

interface HeaderState {
  readonly isFinished: boolean
  readonly truncated: boolean
  readonly pageCount: number
  readonly requiredByteLength: number
}

/** Until it is finished, WriterStatus and Attributes keep the fill (unverified: which fields the last write sets). */
function composeHeader({ dumpType, facts }: DumpPlanOptions, state: HeaderState): Uint8Array {
  const bytes = new Uint8Array(HEADER64_SIZE)
  new Uint32Array(bytes.buffer).fill(PAGE_FILL_32)
  const header = DumpHeader64.of(bytes)
  header.signature = SIGNATURE_PAGE
  header.validDump = VALID_DUMP_DU64
  header.majorVersion = MAJOR_VERSION_FREE
  header.minorVersion = facts.build
  header.directoryTableBase = BigInt(facts.directoryTableBase)
  header.pfnDataBase = facts.pfnDataBase
  header.psLoadedModuleList = facts.psLoadedModuleList
  header.psActiveProcessHead = facts.psActiveProcessHead
  header.machineImageType = IMAGE_FILE_MACHINE_AMD64
  header.numberProcessors = facts.processorCount
  header.bugCheckCode = facts.bugcheckCode
  for (const [index, value] of facts.bugcheckParameters.entries()) header.bugCheckParameters.set(index, value)
  header.kdDebuggerDataBlock = facts.kdDebuggerDataBlock
  composePhysicalMemoryBlock(header, bytes, facts.physicalMemory)
  header.contextRecord = facts.contextRecord
  header.exceptionBytes = facts.exceptionRecord
  header.dumpType = dumpType
  header.requiredDumpSpace = BigInt(state.requiredByteLength)
  header.systemTime = facts.systemTime
  header.systemUpTime = facts.systemUpTime
  header.productType = facts.productType
  header.suiteMask = facts.suiteMask
  header.kdSecondaryVersion = 0
  if (state.isFinished) {
    header.writerStatus = 0
    header.attributes = state.truncated ? ATTRIBUTE_INSUFFICIENT_DUMPFILE_SIZE : 0
  }
  return bytes
}

/** More runs than fit leave the fill: the bitmap says it all then. unverified: what the kernel does. */
function composePhysicalMemoryBlock(header: DumpHeader64, bytes: Uint8Array, runs: readonly PageRun[]): void {
  if (runs.length > HEADER_RUNS_CAPACITY) return
  header.physicalMemoryBlock.numberOfRuns = runs.length
  header.physicalMemoryBlock.numberOfPages = BigInt(pagesInRuns(runs))
  for (const [index, run] of runs.entries()) {
    const entry = PhysicalMemoryRun64.of(bytes, HEADER_RUNS_OFFSET + index * PhysicalMemoryRun64.size)
    entry.basePage = BigInt(run.basePage)
    entry.pageCount = BigInt(run.pageCount)
  }
}

/** From BITMAP_HEADER_OFFSET to the first page. */
function composeBitmap(dumpType: number, promised: PageSet, bitCount: number, firstPage: number): Uint8Array {
  const bytes = new Uint8Array(firstPage - BITMAP_HEADER_OFFSET)
  const header = BitmapHeader.of(bytes)
  header.signature = dumpType === DumpType.bitmapKernel ? SIGNATURE_SDMP : SIGNATURE_FDMP
  header.validDump = VALID_DUMP_DUMP
  header.firstPage = firstPage
  header.totalPresentPages = promised.size
  header.pages = bitCount
  bytes.set(promised.bytes.subarray(0, bitCount / 8), BITMAP_OFFSET - BITMAP_HEADER_OFFSET)
  return bytes
}
