// What a raw driver of a test drives: the embedded machine, or QEMU. Addresses and values are plain numbers here.

export interface RawBus {
  read32(address: number): number
  write32(address: number, value: number): void
  /** `size` 1, 2 or 4. */
  readRegister(address: number, size: number): number
  writeRegister(address: number, size: number, value: number): void
  readPort(port: number, size: number): number
  writePort(port: number, size: number, value: number): void
  config32(bdf: number, offset: number): number
  setConfig32(bdf: number, offset: number, value: number): void
  readRam(address: number, into: Uint8Array): void
  writeRam(address: number, from: Uint8Array): void
  /** Lets time pass. */
  stall(microseconds: number): void
}

/** What the embedded machine has; parameters are plain numbers here. */
interface MachineLike {
  readonly bus: {
    in8(port: number): number
    in16(port: number): number
    in32(port: number): number
    out8(port: number, value: number): void
    out16(port: number, value: number): void
    out32(port: number, value: number): void
    read8(gpa: number): number
    read16(gpa: number): number
    read32(gpa: number): number
    write8(gpa: number, value: number): void
    write16(gpa: number, value: number): void
    write32(gpa: number, value: number): void
    config32(bdf: number, offset: number): number
    setConfig32(bdf: number, offset: number, value: number): void
  }
  readonly ram: { read(gpa: number, into: Uint8Array): number; write(gpa: number, from: Uint8Array): void }
  stall(microseconds: number): void
}

export const rawBusOf = (machine: MachineLike): RawBus => ({
  read32: (address) => machine.bus.read32(address),
  write32: (address, value) => machine.bus.write32(address, value),
  readRegister: (address, size) => {
    const { bus } = machine
    return size === 1 ? bus.read8(address) : size === 2 ? bus.read16(address) : bus.read32(address)
  },
  writeRegister: (address, size, value) => {
    const { bus } = machine
    if (size === 1) bus.write8(address, value)
    else if (size === 2) bus.write16(address, value)
    else bus.write32(address, value)
  },
  readPort: (port, size) => {
    const { bus } = machine
    return size === 1 ? bus.in8(port) : size === 2 ? bus.in16(port) : bus.in32(port)
  },
  writePort: (port, size, value) => {
    const { bus } = machine
    if (size === 1) bus.out8(port, value)
    else if (size === 2) bus.out16(port, value)
    else bus.out32(port, value)
  },
  config32: (bdf, offset) => machine.bus.config32(bdf, offset),
  setConfig32: (bdf, offset, value) => machine.bus.setConfig32(bdf, offset, value),
  readRam: (address, into) => {
    if (machine.ram.read(address, into) < into.byteLength)
      throw new Error(`no RAM at 0x${address.toString(16)}`)
  },
  writeRam: (address, from) => machine.ram.write(address, from),
  stall: (microseconds) => machine.stall(microseconds),
})
