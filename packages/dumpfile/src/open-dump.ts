// Opens a kernel crash dump: constant work, the bitmap apart, whatever its size.
import { type ByteSource, fromHalves, type Gpa, gpa, gva, hex, PAGE_SIZE, type Pfn } from '@dumpstack/bytes'
import {
  HeaderDumpType,
  IMAGE_FILE_MACHINE_AMD64,
  machineName,
  PTE_PFN_HIGH_MASK,
  PTE_PFN_LOW_MASK,
} from '@dumpstack/nt'
import { readBitmapBody, readSummaryBody } from './bitmap-body.ts'
import type { DumpBody } from './body.ts'
import { readDebuggerBody } from './debugger-body.ts'
import type { Dump } from './dump.ts'
import { DumpError } from './dump-error.ts'
import type { DumpHeader } from './dump-header.ts'
import { ATTRIBUTE_ENCRYPTED_DUMP_DATA, DumpHeader64, PAGE_FILL_32 } from './layouts.ts'
import { DumpPhysicalSpace } from './physical.ts'
import { readHeader64, unknownLayoutError, unsupportedTypeError } from './recognise.ts'
import { readFullBody } from './run-body.ts'
import { readTriageDump, type TriageDump } from './triage/triage-dump.ts'
import { TriageSpace } from './triage/triage-space.ts'
import { DumpVirtualSpace } from './virtual-space.ts'

/** A dump and the parts of it that only this room looks at. */
export interface OpenedDump extends Dump {
  readonly body: DumpBody | null
}

/** Throws DumpError for everything that is not a readable kernel crash dump. */
export function openDump(source: ByteSource): Dump {
  return openWithBody(source)
}

export function openWithBody(source: ByteSource): OpenedDump {
  const headerBytes = readHeader64(source)
  const header = decodeHeader(headerBytes)
  if ((header.attributes & ATTRIBUTE_ENCRYPTED_DUMP_DATA) !== 0) {
    throw new DumpError('DUMP_ENCRYPTED', 'attributes at offset 0x1050 say that the dump is encrypted')
  }
  const body = readBody(source, header.dumpType, headerBytes)
  const byteLength = source.byteLength
  const common = { header, headerBytes, source, byteLength, body }
  if (body === null) return openTriage(common)
  const physical = new DumpPhysicalSpace(source, body)
  return {
    ...common,
    get pages() {
      return body.pages
    },
    firstPageOffset: body.firstPageOffset,
    pageOffset(page: Pfn): number {
      const offset = body.offsetOf(page)
      return offset + PAGE_SIZE > byteLength ? -1 : offset
    },
    physical,
    virtual(dtb: Gpa = header.directoryTableBase) {
      if (header.machine !== IMAGE_FILE_MACHINE_AMD64) {
        const machine = machineName(header.machine) ?? hex(header.machine)
        throw new DumpError('DUMP_UNSUPPORTED_MACHINE', `page tables of ${machine} are not read, only x64`)
      }
      return new DumpVirtualSpace(physical, body, byteLength, dtb)
    },
  }
}

function openTriage(
  common: Pick<OpenedDump, 'header' | 'headerBytes' | 'source' | 'byteLength' | 'body'>,
): OpenedDump {
  const { source, header } = common
  let triage: TriageDump | null = null
  let space: TriageSpace | null = null
  const read = (): TriageDump => {
    triage ??= readTriageDump(source, header, DumpHeader64.of(common.headerBytes).miniDumpFields)
    return triage
  }
  return {
    ...common,
    pages: null,
    firstPageOffset: -1,
    pageOffset: () => -1,
    get triage() {
      return read()
    },
    virtual() {
      space ??= new TriageSpace(source, read())
      return space
    },
  }
}

function readBody(source: ByteSource, dumpType: number, headerBytes: Uint8Array): DumpBody | null {
  switch (dumpType) {
    case HeaderDumpType.full:
      return readFullBody(headerBytes)
    case HeaderDumpType.bitmapFull:
    case HeaderDumpType.bitmapKernel:
      return readBitmapBody(source)
    case HeaderDumpType.triage:
      return null
    case HeaderDumpType.summary:
      return readSummaryBody(source) ?? raise(unknownLayoutError(dumpType))
    case HeaderDumpType.debuggerKernel:
    case HeaderDumpType.debuggerKernelUser:
    case HeaderDumpType.debuggerFull:
      return readDebuggerBody(source, dumpType) ?? raise(unknownLayoutError(dumpType))
    default:
      throw unsupportedTypeError(dumpType)
  }
}

function raise(error: DumpError): never {
  throw error
}

function decodeHeader(bytes: Uint8Array): DumpHeader {
  const header = DumpHeader64.of(bytes)
  const p = header.bugCheckParameters
  return {
    dumpType: header.dumpType,
    machine: header.machineImageType,
    build: header.minorVersion,
    processorCount: header.numberProcessors,
    bugcheckCode: header.bugCheckCode,
    bugcheckParameters: [p.get(0), p.get(1), p.get(2), p.get(3)],
    directoryTableBase: pageTableRoot(header.directoryTableBase),
    psLoadedModuleList: gva(header.psLoadedModuleList),
    psActiveProcessHead: gva(header.psActiveProcessHead),
    kdDebuggerDataBlock: gva(header.kdDebuggerDataBlock),
    systemTime: header.systemTime,
    systemUpTime: header.systemUpTime,
    attributes: header.attributes === PAGE_FILL_32 ? 0 : header.attributes,
    requiredDumpSpace: header.requiredDumpSpace,
  }
}

/** CR3 without PCID, flags and reserved bits. */
function pageTableRoot(cr3: bigint): Gpa {
  const high = Number((cr3 >> 32n) & BigInt(PTE_PFN_HIGH_MASK)) // 16 bits
  const low = Number(cr3 & BigInt(PTE_PFN_LOW_MASK)) // 32 bits
  return gpa(fromHalves(high, low))
}
