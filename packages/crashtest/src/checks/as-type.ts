// A dump from elsewhere is of the type that the user says: DUMP_HEADER64.DumpType, old and new numbers, and those of debuggers.
import type { ByteSource } from '@dumpstack/bytes'
import { DumpError, readDumpType } from '@dumpstack/dumpfile'
import { dumpTypeName, HeaderDumpType } from '@dumpstack/nt'
import { DUMP_TYPES, type DumpType } from '@dumpstack/target'
import { fail, type LabDump, type LabDumpCheck, pass } from './check.ts'

/** What Windows writes. */
const NUMBERS: Readonly<Record<DumpType, readonly number[]>> = {
  full: [HeaderDumpType.full, HeaderDumpType.bitmapFull],
  kernel: [HeaderDumpType.summary, HeaderDumpType.bitmapKernel],
  mini: [HeaderDumpType.triage],
}
/** What else holds the same. */
const OTHERS: Readonly<Record<DumpType, readonly number[]>> = {
  full: [HeaderDumpType.debuggerFull],
  kernel: [HeaderDumpType.automatic, HeaderDumpType.debuggerKernel, HeaderDumpType.debuggerKernelUser],
  mini: [],
}

const isOf = (type: DumpType, found: unknown): boolean =>
  [...NUMBERS[type], ...OTHERS[type]].some((number) => number === found)

export const asType: LabDumpCheck = {
  id: 'dumpType',
  judge({ dump, as }: LabDump) {
    const found = dump.header.dumpType
    if (isOf(as, found)) return pass(`dump type ${found}, ${dumpTypeName(found)}, as ${as}`)
    const named = NUMBERS[as].join(' or ')
    return fail(`dump type is ${found}, ${dumpTypeName(found)}, expected ${named} for a ${as} dump`, [
      { found: String(found), expected: named },
    ])
  },
}

/** What a dump says that it is, in the words of the test; null where its header is none or gives another type. */
export function typeOfDump(source: ByteSource): DumpType | null {
  let found: unknown
  try {
    found = readDumpType(source)
  } catch (error) {
    if (!(error instanceof DumpError)) throw error
    found = error.fields['dumpType'] // of a 32-bit dump
  }
  return DUMP_TYPES.find((type) => isOf(type, found)) ?? null
}
