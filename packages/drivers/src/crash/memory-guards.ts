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
  isPromised: boolean
}

export interface GuardChange {
  /** Where, in words. */
  readonly message: string
  /** The port had answered a Length that reaches this far. */
  readonly isPromised: boolean
}

export class MemoryGuards {
  #guards: readonly Guard[] = []

  /** `block`: the bytes; `what`: where they are, `past the end of the SRB extension`. */
  add(what: string, block: GuestBlock): void {
    const dwords = new Uint32Array(GUARD_BYTES / 4)
    this.#guards = [...this.#guards, { what, block, dwords, isPromised: false }]
    for (let i = 0; i < dwords.length; i++) dwords[i] = block.view.getUint32(i * 4, true)
  }

  /** The port has told the miniport that it may go on into the bytes at `block`. */
  promise(block: GuestBlock): void {
    for (const guard of this.#guards) if (guard.block === block) guard.isPromised = true
  }

  /** What has changed since the last look, once for each guard; null where nothing has. Hot. */
  change(): GuardChange | null {
    for (const guard of this.#guards) {
      const { what, block, dwords, isPromised } = guard
      for (let i = 0; i < dwords.length; i++) {
        const now = block.view.getUint32(i * 4, true)
        if (now === dwords[i]) continue
        // the next routine that writes there has the same cause
        this.#guards = this.#guards.filter((one) => one !== guard)
        const message = `${what}, at ${hex(block.va + BigInt(i * 4))}: ${hex(now)}, which was ${hex(dwords[i]!)}`
        return { message, isPromised }
      }
    }
    return null
  }
}
