// DUMP_HEADER64 as a dump of any type begins: what it repeats from the crashed system, everything else PAGE fill.
import { type Gpa, type Gva, type PageRun, pagesInRuns } from '@dumpstack/bytes'
import { ContextX64, ExceptionRecord64, IMAGE_FILE_MACHINE_AMD64, PhysicalMemoryRun64 } from '@dumpstack/nt'
import { DumpError } from './dump-error.ts'
import {
  DumpHeader64,
  HEADER_RUNS_CAPACITY,
  HEADER_RUNS_OFFSET,
  HEADER64_SIZE,
  PAGE_FILL_32,
  SIGNATURE_PAGE,
  VALID_DUMP_DU64,
} from './layouts.ts'

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

/** What differs between the types; null leaves a field to the fill. */
export interface HeaderFields {
  readonly dumpType: number
  readonly requiredByteLength: number
  readonly runs: readonly PageRun[] | null
  readonly writerStatus: number | null
  readonly attributes: number | null
  readonly miniDumpFields: number | null
}

/** Free build, as real dumps of retail Windows have it. */
const MAJOR_VERSION_FREE = 0xf

export function composeHeader(facts: DumpFacts, fields: HeaderFields): Uint8Array {
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
  if (fields.runs !== null) composePhysicalMemoryBlock(header, bytes, fields.runs)
  header.contextRecord = facts.contextRecord
  header.exceptionBytes = facts.exceptionRecord
  header.dumpType = fields.dumpType
  header.requiredDumpSpace = BigInt(fields.requiredByteLength)
  header.systemTime = facts.systemTime
  header.systemUpTime = facts.systemUpTime
  header.productType = facts.productType
  header.suiteMask = facts.suiteMask
  header.kdSecondaryVersion = 0
  if (fields.miniDumpFields !== null) header.miniDumpFields = fields.miniDumpFields
  if (fields.writerStatus !== null) header.writerStatus = fields.writerStatus
  if (fields.attributes !== null) header.attributes = fields.attributes
  return bytes
}

/** The facts contradict each other. */
export function planFailure(message: string): never {
  throw new DumpError('DUMP_PLAN', message)
}

/** Throws DumpError DUMP_PLAN where the records are not those of x64. */
export function checkRecords({ contextRecord, exceptionRecord }: DumpFacts): void {
  if (contextRecord.byteLength > DumpHeader64.fields.contextRecord.byteLength) {
    planFailure(`a context of ${contextRecord.byteLength} bytes does not fit the header`)
  }
  if (contextRecord.byteLength < ContextX64.size) {
    planFailure(`the context has ${contextRecord.byteLength} bytes, expected at least ${ContextX64.size}`)
  }
  if (exceptionRecord.byteLength !== ExceptionRecord64.size) {
    planFailure(
      `the exception record has ${exceptionRecord.byteLength} bytes, expected ${ExceptionRecord64.size}`,
    )
  }
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
