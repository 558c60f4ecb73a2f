// The kernel's own variables, found by the names that ntkrnlmp.exe exports.
import { type Gva, gva } from '@dumpstack/bytes'
import { WindowsError } from '../errors.ts'
import type { AddressSpace } from './address-space.ts'
import type { KernelImage } from './loaded-images.ts'

export class KernelGlobals {
  readonly #kernel: KernelImage
  readonly #space: AddressSpace

  constructor(kernel: KernelImage, space: AddressSpace) {
    this.#kernel = kernel
    this.#space = space
  }

  /** Throws WindowsError SYMBOL_NOT_FOUND: without it the kernel image is not the one that this room boots. */
  address(name: string): Gva {
    const found = this.#kernel.exportAddress(name)
    if (found === null) {
      throw new WindowsError('SYMBOL_NOT_FOUND', `${this.#kernel.nameOnDisk} does not export ${name}`, {
        name,
      })
    }
    return found
  }

  pointer(name: string): Gva {
    return gva(this.#space.u64(this.address(name)))
  }

  u32(name: string, offset: number): number {
    return this.#space.u32(gva(this.address(name) + BigInt(offset)))
  }

  setU64(name: string, value: bigint): void {
    this.#space.setU64(this.address(name), value)
  }

  setU32(name: string, value: number): void {
    this.#space.setU32(this.address(name), value)
  }

  /** Element of an array of pointers. */
  setElement(name: string, index: number, value: bigint): void {
    this.#space.setU64(gva(this.address(name) + BigInt(index * 8)), value)
  }
}
