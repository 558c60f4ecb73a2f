// RAM as the bugcheck left it, by the kernel's virtual addresses.
import { type Gva, gva, PAGE_SIZE, type PhysicalSpace } from '@dumpstack/bytes'
import type { KernelServices } from '@dumpstack/drivers'

export class FrozenMemory {
  readonly #kernel: Pick<KernelServices, 'vaToGpa'>
  readonly #ram: PhysicalSpace

  constructor(kernel: Pick<KernelServices, 'vaToGpa'>, ram: PhysicalSpace) {
    this.#kernel = kernel
    this.#ram = ram
  }

  /** Bytes obtained up to the first address that is not mapped. */
  read(address: Gva, into: Uint8Array): number {
    let done = 0
    while (done < into.byteLength) {
      const place = this.#kernel.vaToGpa(gva(address + BigInt(done)))
      if (place === null) break
      const length = Math.min(PAGE_SIZE - (place % PAGE_SIZE), into.byteLength - done)
      const got = this.#ram.read(place, into.subarray(done, done + length))
      done += got
      if (got < length) break
    }
    return done
  }

  /** `byteLength` bytes; zeros where nothing is mapped. */
  bytes(address: Gva, byteLength: number): Uint8Array {
    const bytes = new Uint8Array(byteLength)
    this.read(address, bytes)
    return bytes
  }

  u64(address: bigint): bigint {
    return new DataView(this.bytes(gva(address), 8).buffer).getBigUint64(0, true)
  }
}
