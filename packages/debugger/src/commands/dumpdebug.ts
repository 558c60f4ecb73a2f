import { hex, hex64 } from '@dumpstack/bytes'
import { type Dump, DumpHeader64, PAGE_FILL_32, PAGE_FILL_64, type TriageDump } from '@dumpstack/dumpfile'
import { dumpTypeName } from '@dumpstack/nt'
import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import type { Session } from '../session.ts'

export type DumpHeaderFact =
  | { readonly kind: 'dumpHeader' }
  | {
      readonly kind: 'headerField'
      readonly name: string
      /** 64 bits or 32; null for a field that was never set. */
      readonly value: number | bigint | null
      readonly meaning: string | null
    }
  | { readonly kind: 'size'; readonly name: string; readonly value: number }
  /** The bitmap, the runs or the pools of the file begin. */
  | { readonly kind: 'dumpBody' }
  | {
      readonly kind: 'pool'
      readonly name: string
      /** In the file; 0 where there is none. */
      readonly offset: number
      readonly byteLength: number | null
      readonly address: bigint | null
    }

export const dumpdebug: Command<DumpHeaderFact> = {
  names: ['.dumpdebug'],
  help: {
    summary: 'show what the headers of the dump file say',
    usage: ['.dumpdebug'],
    text: 'Shows the fields of the dump header, and of the header that follows it: the bitmap, the runs, or the pools of a minidump. Fields that were not set hold the fill PAGE and are shown as not set.',
    follows:
      'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-dumpdebug--display-dump-debugging-information-; layout unverified',
  },
  async *facts(session) {
    const dump = dumpFile(session)
    yield { kind: 'dumpHeader' }
    yield* headerFields(dump)
    yield { kind: 'dumpBody' }
    yield* dump.triage === undefined ? pagesOf(dump) : poolsOf(dump.triage)
  },
  print(fact, write) {
    switch (fact.kind) {
      case 'dumpHeader':
        write('----- 64 bit Kernel Dump Analysis - Dump Header')
        write()
        write('DUMP_HEADER64:')
        return
      case 'dumpBody':
        write()
        return
      case 'headerField':
        write(row(fact.name, headerText(fact)))
        return
      case 'size':
        write(row(fact.name, hex(fact.value)))
        return
      case 'pool':
        write(row(fact.name, poolText(fact)))
    }
  },
}

type HeaderField = Extract<DumpHeaderFact, { kind: 'headerField' }>
type Pool = Extract<DumpHeaderFact, { kind: 'pool' }>

const row = (name: string, value: string): string => `${name.padEnd(22)} ${value}`

function headerText({ value, meaning }: HeaderField): string {
  if (value === null) return 'not set'
  if (typeof value === 'bigint') return hex64(value)
  return `${value.toString(16).padStart(8, '0')}${meaning === null ? '' : ` (${meaning})`}`
}

function* headerFields(dump: Dump): Generator<DumpHeaderFact> {
  const raw = DumpHeader64.of(dump.headerBytes)
  const fields: (readonly [name: string, value: number | bigint])[] = [
    ['MajorVersion', raw.majorVersion],
    ['MinorVersion', raw.minorVersion],
    ['DirectoryTableBase', raw.directoryTableBase],
    ['PfnDataBase', raw.pfnDataBase],
    ['PsLoadedModuleList', raw.psLoadedModuleList],
    ['PsActiveProcessHead', raw.psActiveProcessHead],
    ['MachineImageType', raw.machineImageType],
    ['NumberProcessors', raw.numberProcessors],
    ['BugCheckCode', raw.bugCheckCode],
    ...[0, 1, 2, 3].map(
      (index) => [`BugCheckParameter${index + 1}`, raw.bugCheckParameters.get(index)] as const,
    ),
    ['KdDebuggerDataBlock', raw.kdDebuggerDataBlock],
    ['DumpType', raw.dumpType],
    ['RequiredDumpSpace', raw.requiredDumpSpace],
    ['MiniDumpFields', raw.miniDumpFields],
    ['ProductType', raw.productType],
    ['SuiteMask', raw.suiteMask],
    ['WriterStatus', raw.writerStatus],
    ['Attributes', raw.attributes],
    ['ExceptionCode', raw.exception.exceptionCode],
    ['ExceptionAddress', raw.exception.exceptionAddress],
  ]
  for (const [name, value] of fields) {
    const isSet = value !== (typeof value === 'bigint' ? PAGE_FILL_64 : PAGE_FILL_32)
    const meaning = name === 'DumpType' ? dumpTypeName(raw.dumpType) : null
    yield { kind: 'headerField', name, value: isSet ? value : null, meaning }
  }
  yield size('File size', dump.byteLength)
}

const size = (name: string, value: number): DumpHeaderFact => ({ kind: 'size', name, value })

function* pagesOf(dump: Dump): Generator<DumpHeaderFact> {
  yield size('First page', dump.firstPageOffset)
  yield size('Pages in the file', dump.pages?.size ?? 0)
}

/** What a command asks of the file itself. Throws DebuggerError UNSUPPORTED where the target is none. */
export function dumpFile({ target }: Session): Dump {
  if (target.dump === null) throw new DebuggerError('UNSUPPORTED', 'the target is no dump file')
  return target.dump
}

function poolText({ offset, byteLength, address }: Pool): string {
  const where = offset === 0 ? 'none' : `at file offset ${hex(offset)}`
  const length = byteLength === null ? '' : `, ${hex(byteLength)} bytes`
  return `${where}${length}${address === null ? '' : ` of ${hex64(address)}`}`
}

function* poolsOf({ header, prcb, process, thread, blocks }: TriageDump): Generator<DumpHeaderFact> {
  const pool = (
    name: string,
    offset: number,
    byteLength: number | null = null,
    address: bigint | null = null,
  ): DumpHeaderFact => ({ kind: 'pool', name, offset, byteLength, address })
  yield size('SizeOfDump', header.sizeOfDump)
  yield size('ValidOffset', header.validOffset)
  yield pool('Mm information', header.mmOffset)
  yield pool('Unloaded drivers', header.unloadedDriversOffset)
  yield pool('PRCB', header.prcbOffset, prcb?.byteLength, prcb?.address)
  yield pool('Process', header.processOffset, process?.byteLength, process?.address)
  yield pool('Thread', header.threadOffset, thread?.byteLength, thread?.address)
  yield pool('Call stack', header.callStackOffset, header.sizeOfCallStack, header.topOfStack)
  yield pool('Driver list', header.driverListOffset)
  yield size('Drivers', header.driverCount)
  yield pool('String pool', header.stringPoolOffset, header.stringPoolSize)
  yield pool('Debugger data', header.debuggerDataOffset, header.debuggerDataSize)
  yield pool('Data page', header.dataPageOffset, header.dataPageSize)
  yield pool('Data blocks', header.dataBlocksOffset)
  yield size('Number of data blocks', blocks.length)
}
