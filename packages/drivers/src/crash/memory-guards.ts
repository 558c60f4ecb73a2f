// Bytes beside each block that a dump port hands out, as they were when it did. What a routine, or a transfer while it runs, leaves there was
// written past the block: it is found at once, and not where what lies there is used.
import { hex } from '@dumpstack/bytes'
import type { GuestBlock } from '../miniport.ts'

/** Our choice: one line of most copies. */
export const GUARD_BYTES = 16

interface Guard {
  readonly what: string
  readonly block: GuestBlock
  readonly dwords: Uint32Array
}

export class MemoryGuards {
  readonly #guards: Guard[] = []

  /** `block`: the bytes; `what`: where they are, `past the end of the SRB extension`. */
  add(what: string, block: GuestBlock): void {
    const dwords = new Uint32Array(GUARD_BYTES / 4)
    this.#guards.push({ what, block, dwords })
    for (let i = 0; i < dwords.length; i++) dwords[i] = block.view.getUint32(i * 4, true)
  }

  /** Where a byte has changed since the last look, in words; null where none has. Hot. */
  change(): string | null {
    for (const { what, block, dwords } of this.#guards) {
      for (let i = 0; i < dwords.length; i++) {
        const now = block.view.getUint32(i * 4, true)
        if (now === dwords[i]) continue
        const was = dwords[i]!
        dwords[i] = now
        return `${what}, at ${hex(block.va + BigInt(i * 4))}: ${hex(now)}, which was ${hex(was)}`
      }
    }
    return null
  }
}
