// The integrity gate: what the dump path relies on is saved twice when the stack loads, and compared before the first use.
// A difference means that the crash, or what led to it, reached this memory: no dump at all is better than one through it.
import { type Gva, gpa, gva } from '@dumpstack/bytes'
import { type Machine, Owner } from '@dumpstack/machine'
import type { KernelMemory, KernelServices } from '../kernel-services.ts'

interface Guarded {
  readonly name: string
  readonly memory: KernelMemory
  readonly copy: KernelMemory
}

const BLOCK = 0x1000

export class GuardedMemory {
  readonly #machine: Machine
  readonly #kernel: KernelServices
  readonly #guarded: Guarded[] = []

  constructor(machine: Machine, kernel: KernelServices) {
    this.#machine = machine
    this.#kernel = kernel
  }

  /** Saves `memory` as it is now. */
  save(name: string, memory: KernelMemory): void {
    const copy = this.#kernel.allocate(memory.byteLength, { owner: Owner.dumpPath })
    const bytes = new Uint8Array(memory.byteLength)
    this.#machine.ram.read(memory.gpa, bytes)
    this.#machine.ram.write(copy.gpa, bytes)
    this.#guarded.push({ name, memory, copy })
  }

  /** The first byte that differs from its copy; null when all is as it was saved. */
  firstDifference(): { readonly name: string; readonly va: Gva } | null {
    const { ram } = this.#machine
    const ours = new Uint8Array(BLOCK)
    const saved = new Uint8Array(BLOCK)
    for (const { name, memory, copy } of this.#guarded) {
      for (let at = 0; at < memory.byteLength; at += BLOCK) {
        const length = Math.min(BLOCK, memory.byteLength - at)
        ram.read(gpa(memory.gpa + at), ours)
        ram.read(gpa(copy.gpa + at), saved)
        for (let i = 0; i < length; i++) {
          if (ours[i] !== saved[i]) return { name, va: gva(memory.va + BigInt(at + i)) }
        }
      }
    }
    return null
  }
}
