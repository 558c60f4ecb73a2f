// Whose memory was what when the system stopped. A checkpoint ends the blocks, so that their addresses are kept.
import { type Gpa, gva, PAGE_SIZE } from '@dumpstack/bytes'
import type { KernelServices, LoadedImage } from '../kernel-services.ts'
import type { GuestBlock } from '../miniport.ts'

export class FrozenMemory {
  readonly #kernel: KernelServices
  readonly #image: LoadedImage
  readonly #pieces: readonly { readonly name: string; readonly start: Gpa; readonly end: number }[]

  constructor(
    kernel: KernelServices,
    image: LoadedImage,
    named: readonly (readonly [name: string, block: GuestBlock | null])[],
  ) {
    this.#kernel = kernel
    this.#image = image
    this.#pieces = named.flatMap(([name, block]) =>
      block === null ? [] : [{ name, start: block.gpa, end: block.gpa + block.view.byteLength }],
    )
  }

  /** What of the miniport's lies there, in words. */
  at(address: Gpa): string | null {
    const found = this.#pieces.find(({ start, end }) => address >= start && address < end)
    if (found !== undefined) return found.name
    const { base, size } = this.#image
    for (let at = 0; at < size; at += PAGE_SIZE) {
      const page = this.#kernel.vaToGpa(gva(base + BigInt(at)))
      if (page !== null && address >= page && address < page + PAGE_SIZE) return 'its image'
    }
    return null
  }
}
