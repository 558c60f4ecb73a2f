// The memory of a dump port, which is all that its miniport can have: the heap and the two common buffers of the context.
import { equalBytes, type Gpa, hex, PAGE_SIZE } from '@dumpstack/bytes'
import type { Ram } from '@dumpstack/machine'
import type { Profile } from '@dumpstack/nt'
import { DriversError } from '../../errors.ts'
import { fillBlock, GuestHeap } from '../../guest-block.ts'
import type { GuestBlock } from '../../miniport.ts'
import { DUMP_MEMORY_PATTERN } from '../dump-memory-pattern.ts'
import { GUARD_BYTES, type GuardChange, type MemoryGuards } from '../memory-guards.ts'
import type { DumpContext } from './dump-context.ts'

/** DM-13: common buffers are aligned for the processor, not for a controller. */
const MISALIGNMENT = 0x40

/** Bytes of the largest uncached extension that there is in a dump. */
export const maxUncachedBytes = ({ limits }: Profile): number => limits.commonBufferSize - MISALIGNMENT

export class PortMemory {
  /** Nonpaged: device extension, SRB, lists. */
  readonly heap: GuestHeap
  readonly #uncachedHeap: GuestHeap
  readonly #srbHeap: GuestHeap
  #hasUnaskedChange = false
  /** The miniport was told a length that goes on to the end of the common buffer. */
  #isPromised = false

  readonly #guards: MemoryGuards
  /** Where it begins, and the bytes after it. */
  #uncached: { readonly gpa: Gpa; readonly behind: GuestBlock } | null = null

  constructor(ram: Ram, { memoryBlock, commonBuffers }: DumpContext, guards: MemoryGuards) {
    this.#guards = guards
    this.heap = new GuestHeap(ram, memoryBlock)
    this.#uncachedHeap = new GuestHeap(ram, commonBuffers[0])
    this.#srbHeap = new GuestHeap(ram, commonBuffers[1])
    this.#uncachedHeap.take(MISALIGNMENT)
    this.#srbHeap.take(MISALIGNMENT)
  }

  /** Zeroed memory of the port itself, from the heap; the profile's MemoryBlock is always large enough for it. */
  need(byteLength: number): GuestBlock {
    const block = this.heap.take(byteLength)
    if (block === null)
      throw new DriversError('DUMP_MEMORY', `the dump stack's heap has no ${hex(byteLength)} bytes`)
    fillBlock(block, 0)
    return block
  }

  takeUncached(byteLength: number): GuestBlock | null {
    const block = this.#uncachedHeap.take(byteLength)
    const behind = block && this.#guard(this.#uncachedHeap, 'uncached extension', byteLength)
    if (behind !== null) this.#uncached = { gpa: block!.gpa, behind }
    return block
  }

  /**
   * Bytes from an address to the end of the common buffer that it is in, which is in one piece; null for other memory. A miniport that asks
   * for the whole uncached extension may take this for its length: public drivers align their rings in it.
   */
  leftFrom(address: Gpa): number | null {
    if (address === this.#uncached?.gpa) {
      this.#guards.promise(this.#uncached.behind)
      this.#isPromised = true
    }
    for (const { memory } of [this.#uncachedHeap, this.#srbHeap]) {
      const offset = address - memory.gpa
      if (offset >= 0 && offset < memory.byteLength) return memory.byteLength - offset
    }
    return null
  }

  takeSrbExtension(byteLength: number): GuestBlock | null {
    return this.#guarded(this.#srbHeap, 'SRB extension', byteLength)
  }

  takeDeviceExtension(byteLength: number): GuestBlock | null {
    return this.#guarded(this.heap, 'device extension', byteLength)
  }

  takeLogicalUnitExtension(byteLength: number): GuestBlock | null {
    return this.#guarded(this.heap, 'logical unit extension', byteLength)
  }

  /** The bytes after it are watched, where there are any. */
  #guarded(heap: GuestHeap, what: string, byteLength: number): GuestBlock | null {
    const block = heap.take(byteLength)
    if (block !== null) this.#guard(heap, what, byteLength)
    return block
  }

  #guard(heap: GuestHeap, what: string, byteLength: number): GuestBlock | null {
    const guard = heap.take(GUARD_BYTES, 1)
    if (guard !== null) this.#guards.add(`past the end of the ${what} of ${hex(byteLength)} bytes`, guard)
    return guard
  }

  /** A change of the common buffers beyond all that was given, and beyond the guards: said once; null where there is none. Not hot. */
  unaskedChange(): GuardChange | null {
    if (this.#hasUnaskedChange) return null
    for (const heap of [this.#uncachedHeap, this.#srbHeap]) {
      const isUncached = heap === this.#uncachedHeap
      // what went on from the end of the uncached extension was found there
      if (isUncached && this.#uncached !== null && firstChange(this.#uncached.behind) >= 0) continue
      const rest = heap.rest()
      const at = firstChange(rest)
      if (at < 0) continue
      this.#hasUnaskedChange = true
      const message = `memory was written that the miniport has not asked for, from ${hex(rest.va + BigInt(at))} on: ${hex(at + GUARD_BYTES)} bytes past the end of what it has there`
      return { message, isPromised: isUncached && this.#isPromised }
    }
    return null
  }

  /** Whole pages for data that the controller cannot reach where it is, at most so many bytes; null where there is not one left. */
  takeBounceBuffer(byteLength: number): GuestBlock | null {
    const fits = Math.floor(this.#srbHeap.left(PAGE_SIZE) / PAGE_SIZE) * PAGE_SIZE
    return fits === 0 ? null : this.#srbHeap.take(Math.min(fits, byteLength), PAGE_SIZE)
  }
}

/** The first byte that is not the pattern any more; -1 where all are. */
function firstChange({ view }: GuestBlock): number {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  // bytes that are all alike are those that follow them
  if (bytes[0] === DUMP_MEMORY_PATTERN && equalBytes(bytes.subarray(1), bytes.subarray(0, -1))) return -1
  return bytes.findIndex((byte) => byte !== DUMP_MEMORY_PATTERN)
}
