// Memory-mapped registers of one access range, as the port maps them for a miniport.
import { type Gpa, type Gva, gpa, gva } from '@dumpstack/bytes'
import type { Bus } from '@dumpstack/machine'
import { GuestFault } from './guest-fault.ts'
import type { DeviceRegisters } from './miniport.ts'

/** What an access that was done means to the port; both are hot. */
export interface RegisterWatch {
  onRead(address: number, value: number): void
  onWrite(address: number): void
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
    const address = this.#address('read', offset, 1)
    return this.#readDone(address, this.#bus.read8(address))
  }

  read16(offset: number): number {
    const address = this.#address('read', offset, 2)
    return this.#readDone(address, this.#bus.read16(address))
  }

  read32(offset: number): number {
    const address = this.#address('read', offset, 4)
    return this.#readDone(address, this.#bus.read32(address))
  }

  write8(offset: number, value: number): void {
    const address = this.#address('write', offset, 1)
    this.#bus.write8(address, value)
    this.#watch?.onWrite(address)
  }

  write16(offset: number, value: number): void {
    const address = this.#address('write', offset, 2)
    this.#bus.write16(address, value)
    this.#watch?.onWrite(address)
  }

  write32(offset: number, value: number): void {
    const address = this.#address('write', offset, 4)
    this.#bus.write32(address, value)
    this.#watch?.onWrite(address)
  }

  #address(access: 'read' | 'write', offset: number, byteLength: number): Gpa {
    if (offset < 0 || offset + byteLength > this.#byteLength) {
      throw new GuestFault(this.#driver, access, gva(this.va + BigInt(offset)))
    }
    return gpa(this.#base + offset)
  }

  #readDone(address: number, value: number): number {
    this.#watch?.onRead(address, value)
    return value
  }
}
