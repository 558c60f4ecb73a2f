// Doubly linked LIST_ENTRY lists in guest memory (ntdef.h): a circle through its head.
import { type Gva, gva } from '@dumpstack/bytes'
import type { AddressSpace } from './address-space.ts'

const BLINK = 8n

export function initializeListHead(space: AddressSpace, head: Gva): void {
  space.setU64(head, head)
  space.setU64(gva(head + BLINK), head)
}

export function insertTailList(space: AddressSpace, head: Gva, entry: Gva): void {
  const last = gva(space.u64(gva(head + BLINK)))
  space.setU64(entry, head)
  space.setU64(gva(entry + BLINK), last)
  space.setU64(last, entry)
  space.setU64(gva(head + BLINK), entry)
}
