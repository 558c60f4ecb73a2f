// Checks of a dump with a physical body that need no page of it: size, counts, bitmap, runs, header fields.
// File size comes first: readers that trust the counts open a dump of which nothing is left.
import { hex, PAGE_SIZE, type PageRun, PageSet, pfn } from '@dumpstack/bytes'
import { CONTEXT_AMD64, ContextX64, IMAGE_FILE_MACHINE_AMD64, machineName } from '@dumpstack/nt'
import type { BitmapBody } from '../bitmap-body.ts'
import type { DumpBody } from '../body.ts'
import { DumpType } from '../dump.ts'
import { DumpError } from '../dump-error.ts'
import {
  ATTRIBUTE_INSUFFICIENT_DUMPFILE_SIZE,
  BITMAP_HEADER_OFFSET,
  DumpHeader64,
  PAGE_FILL_32,
  PAGE_FILL_64,
} from '../layouts.ts'
import type { OpenedDump } from '../open-dump.ts'
import { readHeaderRuns } from '../run-body.ts'
import type { Checks } from './checks.ts'

const MAX_PROCESSORS = 2048
const BLOB_HEADER = 'DumpBlob'

export function checkFile(checks: Checks, dump: OpenedDump, body: DumpBody): void {
  checkSize(checks, dump, body)
  checkWriterStatus(checks, dump)
  checkAttributes(checks, dump)
  checkRequiredSpace(checks, dump, body)
  const runs = checkRuns(checks, dump)
  if (dump.header.dumpType !== DumpType.full) checkBitmap(checks, body, runs)
  checkHeader(checks, dump)
}

const bodyEnd = (body: DumpBody): number => body.firstPageOffset + body.statedPageCount * PAGE_SIZE

function checkSize(checks: Checks, dump: OpenedDump, body: DumpBody): void {
  const expected = bodyEnd(body)
  const pages = `${body.statedPageCount} pages from offset ${hex(body.firstPageOffset)} on`
  if (dump.byteLength < expected) {
    const missing = Math.ceil((expected - dump.byteLength) / PAGE_SIZE)
    checks.fail('file-size', `the file is too short for ${pages}, ${missing} pages are missing`, {
      offset: dump.byteLength,
      found: dump.byteLength,
      expected,
    })
    return
  }
  const held = `${hex(dump.byteLength)} bytes hold ${pages}`
  if (dump.byteLength === expected) {
    checks.pass('file-size', held)
    return
  }
  const more = hex(dump.byteLength - expected)
  if (isSecondaryData(dump, expected)) {
    checks.pass('file-size', `${held}, ${more} bytes of secondary data follow`)
  } else {
    checks.inconclusive('file-size', `${held}, ${more} bytes of no known kind follow`, {
      offset: expected,
      found: dump.byteLength,
      expected,
    })
  }
}

/** Secondary data of drivers may follow the pages. */
function isSecondaryData(dump: OpenedDump, at: number): boolean {
  const start = new Uint8Array(BLOB_HEADER.length)
  dump.source.read(at, start)
  return new TextDecoder('latin1').decode(start) === BLOB_HEADER
}

function checkWriterStatus(checks: Checks, dump: OpenedDump): void {
  const { writerStatus } = DumpHeader64.of(dump.headerBytes)
  if (writerStatus === PAGE_FILL_32) {
    checks.inconclusive(
      'writer-status',
      'the writer did not set its status, it may not have come to its end',
      {
        offset: DumpHeader64.fields.writerStatus.offset,
        found: 'PAGE fill',
        expected: 0,
      },
    )
    return
  }
  checks.equal('writer-status', 'writer status', DumpHeader64.fields.writerStatus.offset, writerStatus, 0)
}

function checkAttributes(checks: Checks, dump: OpenedDump): void {
  const { attributes } = dump.header
  if ((attributes & ATTRIBUTE_INSUFFICIENT_DUMPFILE_SIZE) !== 0) {
    checks.fail(
      'attributes',
      'attributes say InsufficientDumpfileSize: the page file was too small for this dump',
      {
        offset: DumpHeader64.fields.attributes.offset,
        found: attributes,
        expected: attributes & ~ATTRIBUTE_INSUFFICIENT_DUMPFILE_SIZE,
      },
    )
    return
  }
  checks.pass('attributes', `attributes are ${hex(attributes)}`)
}

function checkRequiredSpace(checks: Checks, dump: OpenedDump, body: DumpBody): void {
  const id = 'required-space'
  const found = dump.header.requiredDumpSpace
  const offset = DumpHeader64.fields.requiredDumpSpace.offset
  const end = bodyEnd(body)
  if (found === PAGE_FILL_64) {
    checks.inconclusive(id, 'required dump space is not set', { offset, found: 'PAGE fill', expected: end })
  } else if (found < BigInt(end)) {
    checks.fail(id, 'required dump space is less than header and pages take', {
      offset,
      found,
      expected: end,
    })
  } else if (found > BigInt(dump.byteLength)) {
    checks.fail(id, 'required dump space is more than the file has', {
      offset,
      found,
      expected: dump.byteLength,
    })
  } else {
    checks.pass(id, `required dump space is ${hex(found)}`)
  }
}

/** The runs of the header; null where it has none to judge by. */
function checkRuns(checks: Checks, dump: OpenedDump): readonly PageRun[] | null {
  let runs: readonly PageRun[] | null
  try {
    runs = readHeaderRuns(dump.headerBytes)
  } catch (error) {
    if (!(error instanceof DumpError)) throw error
    checks.fail('runs', error.message, { offset: Number(error.fields['offset'] ?? 0x88) })
    return null
  }
  if (runs === null) {
    checks.pass('runs', 'the header has no physical memory descriptor, the bitmap says it all')
    return null
  }
  const stated = DumpHeader64.of(dump.headerBytes).physicalMemoryBlock.numberOfPages
  const total = runs.reduce((sum, run) => sum + run.pageCount, 0)
  for (let index = 1; index < runs.length; index++) {
    const before = runs[index - 1]!
    const run = runs[index]!
    if (run.basePage >= before.basePage + before.pageCount) continue
    checks.fail('runs', `run ${index} starts before the end of the run before it`, {
      offset: 0x98 + index * 0x10,
      found: run.basePage,
      expected: `at least ${hex(before.basePage + before.pageCount)}`,
    })
    return null
  }
  if (!checks.equal('runs', `number of pages in ${runs.length} runs`, 0x90, stated, total)) return null
  return runs
}

function checkBitmap(checks: Checks, body: DumpBody, runs: readonly PageRun[] | null): void {
  checks.equal(
    'bitmap-population',
    'number of pages, by the bits set in the bitmap,',
    BITMAP_HEADER_OFFSET + 0x28,
    body.statedPageCount,
    body.pages.size,
  )
  const { bitCount } = body as BitmapBody // types 5 and 6 have no other body
  if (runs === null) {
    checks.pass('bitmap-runs', `the bitmap has ${hex(bitCount)} bits, no runs to hold against it`)
    return
  }
  const end = runs.reduce((highest, run) => Math.max(highest, run.basePage + run.pageCount), 0)
  if (bitCount < end) {
    checks.fail('bitmap-runs', 'the bitmap is too short for the memory runs', {
      offset: BITMAP_HEADER_OFFSET + 0x30,
      found: bitCount,
      expected: `at least ${hex(end)}`,
    })
    return
  }
  const memory = PageSet.ofRuns(runs, bitCount)
  for (const run of body.pages.runs()) {
    const outside = firstOutside(run, memory)
    if (outside < 0) continue
    checks.fail('bitmap-runs', `page with pfn ${hex(outside)} is in the bitmap but in no memory run`, {
      offset: BITMAP_HEADER_OFFSET + 0x38 + (outside >>> 3),
      found: outside,
    })
    return
  }
  checks.pass('bitmap-runs', 'every page of the bitmap lies in a memory run')
}

function firstOutside(run: PageRun, memory: PageSet): number {
  const end = run.basePage + run.pageCount
  if (memory.rank(pfn(end)) - memory.rank(run.basePage) === run.pageCount) return -1
  for (let page: number = run.basePage; page < end; page++) if (!memory.has(pfn(page))) return page
  return -1
}

/** Fields that nobody needs to open a dump and everybody needs to trust it; for type 4 as well. */
export function checkHeader(checks: Checks, dump: OpenedDump): void {
  const raw = DumpHeader64.of(dump.headerBytes)
  const { machine, processorCount } = dump.header
  if (machineName(machine) === null) {
    checks.fail('machine', 'machine type is unknown', { offset: 0x30, found: machine })
  } else checks.pass('machine', `machine is ${machineName(machine)}`)
  if (processorCount < 1 || processorCount > MAX_PROCESSORS) {
    checks.fail('processors', 'number of processors is out of range', {
      offset: 0x34,
      found: processorCount,
      expected: `0x1 to ${hex(MAX_PROCESSORS)}`,
    })
  } else checks.pass('processors', `${processorCount} processors`)
  if (machine === IMAGE_FILE_MACHINE_AMD64) checkContext(checks, dump)
  const { systemTime, systemUpTime } = raw
  if (systemTime === PAGE_FILL_64 || systemUpTime === PAGE_FILL_64) {
    checks.inconclusive('times', 'system time or up time is not set', { offset: 0xfa8, found: 'PAGE fill' })
  } else if (systemUpTime > systemTime) {
    checks.fail('times', 'the system has been up for longer than since 1601', {
      offset: 0x1030,
      found: systemUpTime,
      expected: `at most ${hex(systemTime)}`,
    })
  } else checks.pass('times', `system time ${hex(systemTime)}, up for ${systemUpTime / 10_000_000n} s`)
}

function checkContext(checks: Checks, dump: OpenedDump): void {
  const at = DumpHeader64.fields.contextRecord.offset
  const context = ContextX64.of(dump.headerBytes, at)
  if (context.contextFlags === PAGE_FILL_32) {
    checks.inconclusive('context', 'the context record is not set', { offset: at + 0x30, found: 'PAGE fill' })
  } else if ((context.contextFlags & CONTEXT_AMD64) === 0 || context.contextFlags >>> 28 !== 0) {
    checks.fail('context', 'context flags are not those of x64', {
      offset: at + 0x30,
      found: context.contextFlags,
      expected: `${hex(CONTEXT_AMD64)} set`,
    })
  } else if (context.mxCsr !== context.fltSaveMxCsr) {
    checks.fail('context', 'MxCsr differs from MxCsr of the floating point area', {
      offset: at + 0x34,
      found: context.mxCsr,
      expected: context.fltSaveMxCsr,
    })
  } else if (!isCanonical(context.rip) || context.rip === 0n) {
    checks.fail('context', 'Rip is no address', { offset: at + 0xf8, found: context.rip })
  } else if (!isCanonical(context.rsp) || context.rsp === 0n) {
    checks.fail('context', 'Rsp is no address', { offset: at + 0x98, found: context.rsp })
  } else checks.pass('context', `Rip ${hex(context.rip)}, Rsp ${hex(context.rsp)}`)
}

const isCanonical = (address: bigint): boolean => BigInt.asUintN(64, BigInt.asIntN(48, address)) === address
