// A dump from elsewhere is of the type that the user says: DUMP_HEADER64.DumpType, old and new numbers.
import { dumpTypeName, DumpType as HeaderDumpType } from '@dumpstack/dumpfile'
import type { DumpType } from '../target.ts'
import { fail, type LabDump, type LabDumpCheck, pass } from './check.ts'

const NUMBERS: Readonly<Record<DumpType, readonly number[]>> = {
  full: [HeaderDumpType.full, HeaderDumpType.bitmapFull],
  kernel: [HeaderDumpType.summary, HeaderDumpType.bitmapKernel],
  mini: [HeaderDumpType.triage],
}

export const asType: LabDumpCheck = {
  id: 'dumpType',
  judge({ dump, as }: LabDump) {
    const found = dump.header.dumpType
    const expected = NUMBERS[as]
    if (expected.includes(found)) return pass(`dump type ${found}, ${dumpTypeName(found)}, as ${as}`)
    const named = expected.join(' or ')
    return fail(`dump type is ${found}, ${dumpTypeName(found)}, expected ${named} for a ${as} dump`, [
      { found: String(found), expected: named },
    ])
  },
}
