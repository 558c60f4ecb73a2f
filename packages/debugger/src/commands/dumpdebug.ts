import { hex, hex64 } from '@dumpstack/bytes'
import {
  type Dump,
  DumpHeader64,
  dumpTypeName,
  PAGE_FILL_32,
  PAGE_FILL_64,
  type TriageDump,
} from '@dumpstack/dumpfile'
import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import type { Session } from '../session.ts'

export const dumpdebug: Command = {
  names: ['.dumpdebug'],
  help: {
    summary: 'show what the headers of the dump file say',
    usage: ['.dumpdebug'],
    text: 'Shows the fields of the dump header, and of the header behind it: the bitmap, the runs, or the pools of a minidump. Fields that nobody set hold the fill PAGE and are shown as not set.',
    follows:
      'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-dumpdebug--display-dump-debugging-information-; layout unverified',
  },
  run({ session, print }) {
    const dump = dumpFile(session)
    const raw = DumpHeader64.of(dump.headerBytes)
    const row = (name: string, value: string): void => print(`${name.padEnd(22)} ${value}`)
    const number = (name: string, value: number): void =>
      row(name, value === PAGE_FILL_32 ? 'not set' : value.toString(16).padStart(8, '0'))
    const wide = (name: string, value: bigint): void =>
      row(name, value === PAGE_FILL_64 ? 'not set' : hex64(value))
    print('----- 64 bit Kernel Dump Analysis - Dump Header')
    print()
    print('DUMP_HEADER64:')
    number('MajorVersion', raw.majorVersion)
    number('MinorVersion', raw.minorVersion)
    wide('DirectoryTableBase', raw.directoryTableBase)
    wide('PfnDataBase', raw.pfnDataBase)
    wide('PsLoadedModuleList', raw.psLoadedModuleList)
    wide('PsActiveProcessHead', raw.psActiveProcessHead)
    number('MachineImageType', raw.machineImageType)
    number('NumberProcessors', raw.numberProcessors)
    number('BugCheckCode', raw.bugCheckCode)
    for (let index = 0; index < 4; index++) {
      wide(`BugCheckParameter${index + 1}`, raw.bugCheckParameters.get(index))
    }
    wide('KdDebuggerDataBlock', raw.kdDebuggerDataBlock)
    row('DumpType', `${raw.dumpType.toString(16).padStart(8, '0')} (${dumpTypeName(raw.dumpType)})`)
    wide('RequiredDumpSpace', raw.requiredDumpSpace)
    number('MiniDumpFields', raw.miniDumpFields)
    number('ProductType', raw.productType)
    number('SuiteMask', raw.suiteMask)
    number('WriterStatus', raw.writerStatus)
    number('Attributes', raw.attributes)
    number('ExceptionCode', raw.exception.exceptionCode)
    wide('ExceptionAddress', raw.exception.exceptionAddress)
    row('File size', hex(dump.byteLength))
    print()
    if (dump.triage !== undefined) printPools(dump.triage, row)
    else {
      row('First page', hex(dump.firstPageOffset))
      row('Pages in the file', hex(dump.pages?.size ?? 0))
    }
  },
}

/** What a command asks of the file itself. Throws DebuggerError UNSUPPORTED where the target is none. */
export function dumpFile({ target }: Session): Dump {
  if (target.dump === null) throw new DebuggerError('UNSUPPORTED', 'the target is no dump file')
  return target.dump
}

function printPools(triage: TriageDump, row: (name: string, value: string) => void): void {
  const { header } = triage
  const pool = (
    name: string,
    offset: number,
    byteLength: number | null,
    address: bigint | null = null,
  ): void => {
    const where = offset === 0 ? 'none' : `at file offset ${hex(offset)}`
    const size = byteLength === null ? '' : `, ${hex(byteLength)} bytes`
    row(name, `${where}${size}${address === null ? '' : ` of ${hex64(address)}`}`)
  }
  row('SizeOfDump', hex(header.sizeOfDump))
  row('ValidOffset', hex(header.validOffset))
  pool('Mm information', header.mmOffset, null)
  pool('Unloaded drivers', header.unloadedDriversOffset, null)
  pool('PRCB', header.prcbOffset, triage.prcb?.byteLength ?? null, triage.prcb?.address ?? null)
  pool('Process', header.processOffset, triage.process?.byteLength ?? null, triage.process?.address ?? null)
  pool('Thread', header.threadOffset, triage.thread?.byteLength ?? null, triage.thread?.address ?? null)
  pool('Call stack', header.callStackOffset, header.sizeOfCallStack, header.topOfStack)
  pool('Driver list', header.driverListOffset, null)
  row('Drivers', hex(header.driverCount))
  pool('String pool', header.stringPoolOffset, header.stringPoolSize)
  pool('Debugger data', header.debuggerDataOffset, header.debuggerDataSize)
  pool('Data page', header.dataPageOffset, header.dataPageSize)
  pool('Data blocks', header.dataBlocksOffset, null)
  row('Number of data blocks', hex(triage.blocks.length))
}
