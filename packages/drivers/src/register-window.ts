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

  read8(offset: number): number {
    return this.#bus.read8(this.#read(offset, 1))
  }

  read16(offset: number): number {
    return this.#bus.read16(this.#read(offset, 2))
  }

  read32(offset: number): number {
    return this.#bus.read32(this.#read(offset, 4))
  }

  write8(offset: number, value: number): void {
    this.#bus.write8(this.#write(offset, 1), value)
  }

  write16(offset: number, value: number): void {
    this.#bus.write16(this.#write(offset, 2), value)
  }

  write32(offset: number, value: number): void {
    this.#bus.write32(this.#write(offset, 4), value)
  }

  #read(offset: number, byteLength: number): Gpa {
    if (offset < 0 || offset + byteLength > this.#byteLength) this.#fault('read', offset)
    this.#watch?.onRead()
    return gpa(this.#base + offset)
  }

  #write(offset: number, byteLength: number): Gpa {
    if (offset < 0 || offset + byteLength > this.#byteLength) this.#fault('write', offset)
    this.#watch?.onWrite()
    return gpa(this.#base + offset)
  }

  #fault(access: 'read' | 'write', offset: number): never {
    throw new GuestFault(this.#driver, access, gva(this.va + BigInt(offset)))
  }
}
