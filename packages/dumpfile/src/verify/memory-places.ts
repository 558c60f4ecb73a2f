// What the checks of kernel memory share: where an address lies in the file, and whether the system was still running.
import { type Gva, PAGE_SIZE, type Pfn } from '@dumpstack/bytes'
import { isLiveDumpCode } from '@dumpstack/nt'
import { ATTRIBUTE_LIVE_DUMP } from '../layouts.ts'
import type { OpenedDump } from '../open-dump.ts'
import type { VirtualSpace } from '../virtual-space.ts'

/** File offset of a virtual address; -1 where it leads to none. */
export function fileOffset(dump: OpenedDump, space: VirtualSpace, address: Gva): number {
  const place = space.translate(address)
  if (place === null) return -1
  const inPage = place % PAGE_SIZE
  const offset = dump.body?.offsetOf(((place - inPage) / PAGE_SIZE) as Pfn) ?? -1 // a quotient by the page size is a PFN
  return offset < 0 ? -1 : offset + inPage
}

/** By its attribute, or by a code that never stops a system; debuggers leave the code 0. */
export const isLive = ({ header: { bugcheckCode, attributes } }: OpenedDump): boolean =>
  bugcheckCode === 0 || isLiveDumpCode(bugcheckCode) || (attributes & ATTRIBUTE_LIVE_DUMP) !== 0
