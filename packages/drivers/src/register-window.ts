// Memory-mapped registers of one access range, as the port maps them for a miniport.
import { type Gpa, type Gva, gpa, gva } from '@dumpstack/bytes'
import type { Bus } from '@dumpstack/machine'
import { GuestFault } from './guest-fault.ts'
import type { DeviceRegisters } from './miniport.ts'

/** What else an access means to the port; both are hot. */
export interface RegisterWatch {
  onRead(): void
  onWrite(): void
}

export class RegisterWindow implements DeviceRegisters {
  readonly va: Gva
  readonly #bus: Bus
  readonly #base: Gpa
  readonly #byteLength: number
  readonly #driver: string
  readonly #watch: RegisterWatch | null

  constructor(
    bus: Bus,
    driver: string,
    va: Gva,
    base: Gpa,
    byteLength: number,
    watch: RegisterWatch | null = null,
  ) {
    this.va = va
    this.#bus = bus
    this.#base = base
    this.#byteLength = byteLength
    this.#driver = driver
    this.#watch = watch
  }

  read32(offset: number): number {
    if (offset < 0 || offset + 4 > this.#byteLength) this.#fault('read', offset)
    this.#watch?.onRead()
    return this.#bus.read32(gpa(this.#base + offset))
  }

  write32(offset: number, value: number): void {
    if (offset < 0 || offset + 4 > this.#byteLength) this.#fault('write', offset)
    this.#watch?.onWrite()
    this.#bus.write32(gpa(this.#base + offset), value)
  }

  #fault(access: 'read' | 'write', offset: number): never {
    throw new GuestFault(this.#driver, access, gva(this.va + BigInt(offset)))
  }
}
