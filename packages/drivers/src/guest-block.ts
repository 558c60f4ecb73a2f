// Blocks of guest RAM that know their address, and a bump allocator over one piece of it.
import { type Gva, gpa, gva } from '@dumpstack/bytes'
import type { Ram } from '@dumpstack/machine'
import type { KernelMemory } from './kernel-services.ts'
import type { GuestBlock } from './miniport.ts'

/** A live block over `memory`; its pages count as written. */
export function guestBlock(ram: Ram, memory: KernelMemory, offset = 0, byteLength?: number): GuestBlock {
  const address = gpa(memory.gpa + offset)
  return {
    va: gva(memory.va + BigInt(offset)),
    gpa: address,
    view: ram.view(address, byteLength ?? memory.byteLength - offset),
  }
}

/** A piece of `block`, live as long as it is. */
export function partOf(block: GuestBlock, offset: number, byteLength: number): GuestBlock {
  const { buffer, byteOffset } = block.view
  return {
    va: gva(block.va + BigInt(offset)),
    gpa: gpa(block.gpa + offset),
    view: new DataView(buffer, byteOffset + offset, byteLength),
  }
}

/** Hands out aligned pieces of one allocation, front to back; nothing is ever given back. */
export class GuestHeap {
  readonly memory: KernelMemory
  readonly #ram: Ram
  #used = 0

  constructor(ram: Ram, memory: KernelMemory) {
    this.#ram = ram
    this.memory = memory
  }

  /** Bytes that a piece of that alignment can still have. */
  left(alignment = 16): number {
    return Math.max(0, this.memory.byteLength - Math.ceil(this.#used / alignment) * alignment)
  }

  /** What was not handed out. */
  rest(): GuestBlock {
    return guestBlock(this.#ram, this.memory, this.#used)
  }

  /** Null when what is left is too small. */
  take(byteLength: number, alignment = 16): GuestBlock | null {
    const start = Math.ceil(this.#used / alignment) * alignment
    if (start + byteLength > this.memory.byteLength) return null
    this.#used = start + byteLength
    return guestBlock(this.#ram, this.memory, start, byteLength)
  }
}

export function fillBlock(block: GuestBlock, value: number): void {
  const { buffer, byteOffset, byteLength } = block.view
  new Uint8Array(buffer, byteOffset, byteLength).fill(value)
}

export const NULL_VA: Gva = gva(0n)
