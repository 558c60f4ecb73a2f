// What the checks of kernel memory share: where an address lies in the file, and whether the system was still running.
import { type Gva, PAGE_SIZE, type Pfn } from '@dumpstack/bytes'
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

/** LIVE_SYSTEM_DUMP, the code that tools give a dump of a system that did not crash; debuggers leave 0. */
const LIVE_SYSTEM_DUMP = 0x161

export const isLive = ({ header: { bugcheckCode, attributes } }: OpenedDump): boolean =>
  bugcheckCode === 0 || bugcheckCode === LIVE_SYSTEM_DUMP || (attributes & ATTRIBUTE_LIVE_DUMP) !== 0
