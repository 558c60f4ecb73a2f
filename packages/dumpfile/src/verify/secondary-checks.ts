// Checks of what follows a dump in its file, and of a minidump's length by it: one that lost its last bytes still opens.
import { hex } from '@dumpstack/bytes'
import { DumpError } from '../dump-error.ts'
import { ATTRIBUTE_KERNEL_GENERATED_TRIAGE_DUMP, DumpHeader64, PAGE_FILL_64 } from '../layouts.ts'
import type { OpenedDump } from '../open-dump.ts'
import { type SecondaryEnd, walkSecondaryData } from '../triage/secondary-data.ts'
import type { Checks } from './checks.ts'

/** nt!EtwSecondaryDumpDataGuid: the buffers of the event loggers, the last blob of all genuine minidumps since 17763 (four). */
const LAST_SECONDARY_DATA = '2B88B710-1C93-4F7C-B06C-655ECC50DECC'

/** Its minidumps are exactly RequiredDumpSpace long (four of four genuine ones). */
const EXACT_BUILD = 9600

/**
 * A blob that leaves the file is cut off (documented by the chain of sizes, and true of all eight genuine minidumps); a
 * header of zeros ends the chain, and what follows is unused (one genuine minidump of 17763). Null where there is none.
 */
export function checkSecondaryData(checks: Checks, dump: OpenedDump, start: number): SecondaryEnd | null {
  const id = 'secondary-data'
  const after = dump.byteLength - start
  if (after <= 0) {
    checks.pass(id, 'no secondary data')
    return null
  }
  let end: SecondaryEnd | null
  try {
    end = walkSecondaryData(dump.source, start, () => {})
  } catch (error) {
    if (!(error instanceof DumpError)) throw error
    checks.fail(id, error.message)
    return null
  }
  if (end === null) {
    checks.notRead(id, `${hex(after)} bytes of no known kind follow the dump`, { offset: start })
    return null
  }
  const unused = dump.byteLength - end.offset
  const blobs = `${end.blobCount} blob${end.blobCount === 1 ? '' : 's'} of secondary data`
  checks.pass(id, unused === 0 ? blobs : `${blobs}, ${hex(unused)} bytes after them are unused`)
  return end
}

/**
 * A minidump is whole when it is as long as RequiredDumpSpace says. Minidumps of build 9600 are, and those that the kernel
 * made out of a larger dump, as Attributes tell (one genuine one). Otherwise newer builds state the most that the dump could
 * have needed (three of three are longer than their file by 200 KB and more), but their secondary data ends with the
 * buffers of the event loggers.
 */
export function checkMinidumpLength(checks: Checks, dump: OpenedDump, end: SecondaryEnd | null): void {
  const id = 'required-space'
  const { byteLength } = dump
  const { requiredDumpSpace, build, attributes } = dump.header
  const isExact = build === EXACT_BUILD || (attributes & ATTRIBUTE_KERNEL_GENERATED_TRIAGE_DUMP) !== 0
  const { offset } = DumpHeader64.fields.requiredDumpSpace
  if (requiredDumpSpace === PAGE_FILL_64) {
    checks.remark(id, 'required dump space is not set', { offset })
  } else if (requiredDumpSpace <= BigInt(byteLength)) {
    checks.pass(id, `required dump space is ${hex(requiredDumpSpace)}`)
  } else if (isExact) {
    checks.fail(id, 'the file is shorter than its required dump space: its end is missing', {
      offset: byteLength,
      found: byteLength,
      expected: requiredDumpSpace,
    })
  } else if (end?.last?.tag === LAST_SECONDARY_DATA && (end.isZeroEnded || end.offset === byteLength)) {
    checks.pass(id, `the secondary data is whole, at most ${hex(requiredDumpSpace)} bytes were needed`)
  } else {
    checks.inconclusive(
      id,
      'the file is shorter than its required dump space and does not end as minidumps of its build do: its end may be missing',
      { offset: byteLength, found: byteLength, expected: requiredDumpSpace },
    )
  }
}
