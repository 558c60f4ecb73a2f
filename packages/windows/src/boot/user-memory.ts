// Memory of user processes: pages that a full dump must hold and a kernel dump must not. Some were written, some were
// committed and never touched.
import { type Gva, gva, PAGE_SIZE, pfnToGpa } from '@dumpstack/bytes'
import { Owner } from '@dumpstack/machine'
import type { AddressSpace } from './address-space.ts'
import type { Protection } from './page-tables.ts'
import type { SeededChoice } from './seeded-choice.ts'

export const USER_READ_WRITE: Protection = { write: true, execute: false, user: true }

/** Where a process' private memory begins: heaps of 64-bit processes lie at a drawn place below 0x7ff0`00000000. */
export const drawHeapBase = (choice: SeededChoice): Gva =>
  gva((BigInt(0x100 + choice.below(0x100)) << 32n) | (BigInt(choice.below(0x10000)) << 16n))

/** Commits `pageCount` private pages from `base` on and writes the first `writtenCount`, each with a text of its own. */
export function commitUserMemory(
  space: AddressSpace,
  imageName: string,
  base: Gva,
  pageCount: number,
  writtenCount: number,
): void {
  space.commit(base, pageCount, Owner.user, USER_READ_WRITE, (page, index) => {
    if (index >= writtenCount) return
    const va = base + BigInt(index * PAGE_SIZE)
    space.ram.write(pfnToGpa(page), pageOfText(`${imageName} private memory at 0x${va.toString(16)}`))
  })
}

const encoder = new TextEncoder()
const page = new Uint8Array(PAGE_SIZE)

/** A page of one line, again and again; the next call overwrites it. */
export function pageOfText(line: string): Uint8Array {
  const { written } = encoder.encodeInto(`${line}\r\n`, page)
  for (let at = written; at < PAGE_SIZE; at *= 2) page.copyWithin(at, 0, at)
  return page
}
