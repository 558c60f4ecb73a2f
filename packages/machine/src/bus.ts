// The processor's bus: I/O ports, memory, PCI configuration (mechanism #1 and by function) and interrupts.
// Every access takes virtual time first, so that a polling loop lets devices work even when it never stalls.
import { type Gpa, gpa as gpaOf, hex } from '@dumpstack/bytes'
import {
  CONFIG_ADDRESS,
  CONFIG_ADDRESS_ENABLE,
  CONFIG_DATA,
  PCI_CONFIG_BYTES,
  PCI_NO_DEVICE,
} from '@dumpstack/spec'
import type { VirtualClock } from './clock.ts'
import { MachineError } from './errors.ts'
import type { Bdf, Bus } from './machine.ts'
import type { NotModelledLog } from './not-modelled.ts'
import { merge, type PciFunction } from './pci.ts'
import type { GuestRam } from './ram.ts'

// Virtual costs, of the order of a real machine: a read waits for its answer, a memory write is posted.
const MEMORY_READ_NS = 250
const MEMORY_WRITE_NS = 50
const PORT_NS = 500
const CONFIG_NS = 1000

const FULL_MASK = 0xffffffff
const MAX_BDF = 0xffff

export class SystemBus implements Bus {
  readonly #clock: VirtualClock
  readonly #ram: GuestRam
  readonly #functions: readonly PciFunction[]
  readonly #notModelled: NotModelledLog
  readonly #routines = new Map<number, () => boolean>()
  readonly #ramBytes = new Uint8Array(4)
  readonly #ramView = new DataView(this.#ramBytes.buffer)
  #configAddress = 0

  constructor(
    clock: VirtualClock,
    ram: GuestRam,
    functions: readonly PciFunction[],
    notModelled: NotModelledLog,
  ) {
    this.#clock = clock
    this.#ram = ram
    this.#functions = functions
    this.#notModelled = notModelled
  }

  in8(port: number): number {
    return this.#in(port, 1)
  }
  in16(port: number): number {
    return this.#in(port, 2)
  }
  in32(port: number): number {
    return this.#in(port, 4)
  }
  out8(port: number, value: number): void {
    this.#out(port, 1, value)
  }
  out16(port: number, value: number): void {
    this.#out(port, 2, value)
  }
  out32(port: number, value: number): void {
    this.#out(port, 4, value)
  }
  read8(gpa: Gpa): number {
    return this.#read(gpa, 1)
  }
  read16(gpa: Gpa): number {
    return this.#read(gpa, 2)
  }
  read32(gpa: Gpa): number {
    return this.#read(gpa, 4)
  }
  write8(gpa: Gpa, value: number): void {
    this.#write(gpa, 1, value)
  }
  write16(gpa: Gpa, value: number): void {
    this.#write(gpa, 2, value)
  }
  write32(gpa: Gpa, value: number): void {
    this.#write(gpa, 4, value)
  }

  config32(bdf: Bdf, offset: number): number {
    checkConfig(bdf, offset)
    this.#clock.advance(CONFIG_NS)
    return this.#readConfig(bdf, offset)
  }

  setConfig32(bdf: Bdf, offset: number, value: number): void {
    checkConfig(bdf, offset)
    this.#clock.advance(CONFIG_NS)
    this.#writeConfig(bdf, offset, value, FULL_MASK)
  }

  onInterrupt(vector: number, isr: (() => boolean) | null): void {
    if (isr === null) this.#routines.delete(vector)
    else this.#routines.set(vector, isr)
  }

  disconnectAll(): void {
    this.#routines.clear()
    this.#configAddress = 0
  }

  /** Calls the routine of each vector whose line is raised, once; false when there was none to call. */
  deliverInterrupts(): boolean {
    let called = false
    for (const device of this.#functions) {
      if (!isRaised(device)) continue
      const isr = this.#routines.get(device.interruptVector)
      if (isr === undefined) continue
      isr()
      called = true
    }
    return called
  }

  #deviceAt(gpa: number): PciFunction | null {
    for (const device of this.#functions) {
      const { windowBase, windowBytes } = device.config
      if (windowBase >= 0 && gpa >= windowBase && gpa < windowBase + windowBytes) return device
    }
    return null
  }

  #read(gpa: Gpa, size: number): number {
    if (!(gpa >= 0 && Number.isSafeInteger(gpa))) refuseMemory(gpa)
    this.#clock.advance(MEMORY_READ_NS)
    const device = this.#deviceAt(gpa)
    if (device === null) return this.#readRam(gpa, size)
    const offset = gpa - device.config.windowBase
    const inDword = offset & 3
    if (inDword === 0 && size === 4) return device.readRegister(offset)
    // smaller and unaligned accesses are dword cycles with byte enables (PCI 3.0 section 3.2.2.2)
    let value = device.readRegister(offset - inDword) >>> (inDword * 8)
    if (inDword + size > 4) {
      const next = gpaOf(gpa - inDword + 4)
      const second = this.#deviceAt(next) === device ? device.readRegister(offset - inDword + 4) : FULL_MASK
      value |= second << ((4 - inDword) * 8)
    }
    return (value & sizeMask(size)) >>> 0
  }

  #write(gpa: Gpa, size: number, value: number): void {
    if (!(gpa >= 0 && Number.isSafeInteger(gpa))) refuseMemory(gpa)
    this.#clock.advance(MEMORY_WRITE_NS)
    const device = this.#deviceAt(gpa)
    if (device === null) {
      this.#writeRam(gpa, size, value)
      return
    }
    const offset = gpa - device.config.windowBase
    const inDword = offset & 3
    if (inDword === 0 && size === 4) {
      device.writeRegister(offset, value >>> 0, FULL_MASK)
      return
    }
    const mask = sizeMask(size)
    const shift = inDword * 8
    device.writeRegister(offset - inDword, ((value & mask) << shift) >>> 0, (mask << shift) >>> 0)
    if (inDword + size > 4 && this.#deviceAt(gpa - inDword + 4) === device) {
      const back = 32 - shift
      device.writeRegister(offset - inDword + 4, (value & mask) >>> back, mask >>> back)
    }
  }

  #readRam(gpa: Gpa, size: number): number {
    if (!this.#ram.has(gpa, size)) {
      this.#notModelled.note('bus', `memory ${hex(Math.floor(gpa / 4096) * 4096)}`, 'read')
      return sizeMask(size) >>> 0
    }
    this.#ramBytes.fill(0)
    this.#ram.read(gpa, this.#ramBytes.subarray(0, size))
    return this.#ramView.getUint32(0, true)
  }

  #writeRam(gpa: Gpa, size: number, value: number): void {
    if (!this.#ram.has(gpa, size)) {
      this.#notModelled.note('bus', `memory ${hex(Math.floor(gpa / 4096) * 4096)}`, 'write')
      return
    }
    this.#ramView.setUint32(0, value, true)
    this.#ram.write(gpa, this.#ramBytes.subarray(0, size))
  }

  #in(port: number, size: number): number {
    checkPort(port, size)
    this.#clock.advance(PORT_NS)
    const mask = sizeMask(size)
    if (port === CONFIG_ADDRESS && size === 4) return this.#configAddress
    if (isConfigData(port, size)) {
      if ((this.#configAddress & CONFIG_ADDRESS_ENABLE) === 0) return mask >>> 0
      const dword = this.#readConfig((this.#configAddress >>> 8) & MAX_BDF, this.#configAddress & 0xfc)
      return ((dword >>> ((port & 3) * 8)) & mask) >>> 0
    }
    this.#notModelled.note('bus', `port ${hex(port)}`, 'read')
    return mask >>> 0
  }

  #out(port: number, size: number, value: number): void {
    checkPort(port, size)
    this.#clock.advance(PORT_NS)
    if (port === CONFIG_ADDRESS && size === 4) {
      this.#configAddress = (value & 0x80fffffc) >>> 0 // the other bits are reserved and read as 0
    } else if (isConfigData(port, size)) {
      if ((this.#configAddress & CONFIG_ADDRESS_ENABLE) === 0) return
      const shift = (port & 3) * 8
      const mask = sizeMask(size)
      const bdf = (this.#configAddress >>> 8) & MAX_BDF
      this.#writeConfig(
        bdf,
        this.#configAddress & 0xfc,
        ((value & mask) << shift) >>> 0,
        (mask << shift) >>> 0,
      )
    } else {
      this.#notModelled.note('bus', `port ${hex(port)}`, 'write')
    }
  }

  #readConfig(bdf: number, offset: number): number {
    const device = this.#functions.find((one) => one.bdf === bdf)
    return device === undefined ? PCI_NO_DEVICE : device.config.read(offset, device.isInterrupting)
  }

  #writeConfig(bdf: number, offset: number, value: number, mask: number): void {
    const device = this.#functions.find((one) => one.bdf === bdf)
    if (device === undefined) return
    device.config.write(offset, merge(0, value, mask), mask)
    device.configChanged()
  }
}

const isRaised = (device: PciFunction): boolean => device.isInterrupting && !device.config.isInterruptDisabled

const sizeMask = (size: number): number => (size === 4 ? FULL_MASK : (1 << (size * 8)) - 1)

/** Mechanism #1 takes naturally aligned accesses of all sizes to the data port (PCI 3.0 section 3.2.2.3.2). */
const isConfigData = (port: number, size: number): boolean =>
  (port & ~3) === CONFIG_DATA && (port & (size - 1)) === 0

function checkConfig(bdf: number, offset: number): void {
  const isBdf = Number.isInteger(bdf) && bdf >= 0 && bdf <= MAX_BDF
  if (!isBdf || !Number.isInteger(offset) || offset < 0 || offset >= PCI_CONFIG_BYTES || offset % 4 !== 0) {
    throw new MachineError(
      'BUS_ACCESS',
      `configuration access to function ${hex(bdf)} at offset ${hex(offset)}, expected a dword below ${hex(PCI_CONFIG_BYTES)}`,
    )
  }
}

function checkPort(port: number, size: number): void {
  if (!Number.isInteger(port) || port < 0 || port + size > 0x10000) {
    throw new MachineError('BUS_ACCESS', `${size} bytes at port ${hex(port)}, expected ports below 0x10000`)
  }
}

function refuseMemory(gpa: number): never {
  throw new MachineError('BUS_ACCESS', `memory access at ${gpa}, expected a whole address from 0`)
}
