// LIST_ENTRY, the kernel's doubly linked list (wdm.h).
import { hex64 } from '@dumpstack/bytes'
import { DebuggerError } from './errors.ts'
import type { TargetMemory } from './memory.ts'

/** Objects of a doubly linked list; ends with an error at a broken link, and after `most` entries. */
export function* listEntries(
  memory: TargetMemory,
  head: bigint,
  linkOffset: number,
  most: number,
): Generator<bigint> {
  let previous = head
  let link = memory.u64(head)
  for (let count = 0; link !== head; count++) {
    if (count === most) {
      throw new DebuggerError('LIST_DAMAGED', `the list at ${hex64(head)} does not end after ${most} entries`)
    }
    const back = memory.u64(link + 8n)
    if (back !== previous) {
      throw new DebuggerError(
        'LIST_DAMAGED',
        `the list at ${hex64(head)} is broken at ${hex64(link)}: it links back to ${hex64(back)}, expected ${hex64(previous)}`,
      )
    }
    yield BigInt.asUintN(64, link - BigInt(linkOffset))
    previous = link
    link = memory.u64(link)
  }
}
