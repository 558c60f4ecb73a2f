// The processor's bus: I/O ports, memory, PCI configuration (mechanism #1 and by function) and interrupts.
// Every access takes virtual time first, so that a polling loop lets devices work even when it never stalls.
import { type Gpa, gpa, hex } from '@dumpstack/bytes'
import type { CpuBus } from '@dumpstack/cpu'
import {
  CONFIG_ADDRESS,
  CONFIG_ADDRESS_ENABLE,
  CONFIG_DATA,
  PCI_CONFIG_BYTES,
  PCI_NO_DEVICE,
} from '@dumpstack/registers'
import type { VirtualClock } from './clock.ts'
import { MachineError } from './errors.ts'
import type { NotModelledLog } from './not-modelled.ts'
import { type Bdf, merge, type PciFunction, type PciWindow, sizeMask } from './pci.ts'
import type { GuestRam } from './ram.ts'

// Virtual costs, of the order of a real machine: a read waits for its answer, a memory write is posted.
const MEMORY_READ_NS = 250
const MEMORY_WRITE_NS = 50
const PORT_NS = 500
const CONFIG_NS = 1000

const FULL_MASK = 0xffffffff
// Where messages are interrupts, and their vector (Intel SDM volume 3, 11.11); one processor takes them all.
const LOCAL_APIC = 0xfee00000
const LOCAL_APIC_END = 0xfef00000
const VECTOR_MASK = 0xff
const MAX_BDF = 0xffff

export interface Bus extends CpuBus {
  config32(bdf: Bdf, offset: number): number
  setConfig32(bdf: Bdf, offset: number, value: number): void
  /** Of a line, or of messages to the local APIC. `isr` answers whether the interrupt was its own; null disconnects. */
  onInterrupt(vector: number, isr: (() => boolean) | null): void
}

/** A window and whose it is. */
interface Decoder {
  readonly device: PciFunction
  readonly window: PciWindow
}

export class SystemBus implements Bus {
  readonly #clock: VirtualClock
  readonly #ram: GuestRam
  readonly #functions: readonly PciFunction[]
  readonly #memory: readonly Decoder[]
  readonly #io: readonly Decoder[]
  readonly #notModelled: NotModelledLog
  readonly #routines = new Map<number, () => boolean>()
  /** Vectors of messages that no routine was called for yet, in their order. */
  readonly #messages = new Set<number>()
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
    const decoders = functions.flatMap((device) =>
      device.config.windows.map((window) => ({ device, window })),
    )
    this.#memory = decoders.filter(({ window }) => window.kind !== 'io')
    this.#io = decoders.filter(({ window }) => window.kind === 'io')
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

  /** A device writes a message: an interrupt of that vector where it goes to a local APIC, a store anywhere else. */
  message(address: number, data: number): void {
    if (address >= LOCAL_APIC && address < LOCAL_APIC_END) this.#messages.add(data & VECTOR_MASK)
    else this.#writeRam(gpa(address), 4, data)
  }

  disconnectAll(): void {
    this.#routines.clear()
    this.#messages.clear()
    this.#configAddress = 0
  }

  /** Calls the routine of the first message, or of each vector whose line is raised, once; false when there was none to call. */
  deliverInterrupts(): boolean {
    for (const vector of this.#messages) {
      this.#messages.delete(vector)
      const isr = this.#routines.get(vector)
      if (isr === undefined) {
        this.#notModelled.note('bus', `interrupt ${hex(vector)} without a routine`, 'write')
        continue
      }
      isr()
      return true
    }
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

  #read(gpa: Gpa, size: number): number {
    if (!(gpa >= 0 && Number.isSafeInteger(gpa))) refuseMemory(gpa)
    this.#clock.advance(MEMORY_READ_NS)
    const decoder = decoderAt(this.#memory, gpa)
    return decoder === null ? this.#readRam(gpa, size) : readWindow(decoder, gpa, size)
  }

  #write(gpa: Gpa, size: number, value: number): void {
    if (!(gpa >= 0 && Number.isSafeInteger(gpa))) refuseMemory(gpa)
    this.#clock.advance(MEMORY_WRITE_NS)
    const decoder = decoderAt(this.#memory, gpa)
    if (decoder === null) this.#writeRam(gpa, size, value)
    else writeWindow(decoder, gpa, size, value)
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
    const decoder = decoderAt(this.#io, port)
    if (decoder !== null) return readWindow(decoder, port, size)
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
      const decoder = decoderAt(this.#io, port)
      if (decoder !== null) writeWindow(decoder, port, size, value)
      else this.#notModelled.note('bus', `port ${hex(port)}`, 'write')
    }
  }

  #readConfig(bdf: number, offset: number): number {
    const device = this.#functions.find((one) => one.bdf === bdf)
    if (device === undefined) return PCI_NO_DEVICE
    device.configReading(offset)
    return device.config.read(offset, device.isInterrupting)
  }

  #writeConfig(bdf: number, offset: number, value: number, mask: number): void {
    const device = this.#functions.find((one) => one.bdf === bdf)
    if (device === undefined) return
    device.config.write(offset, merge(0, value, mask), mask)
    device.configWritten(offset)
  }
}

const isRaised = (device: PciFunction): boolean => device.isInterrupting && !device.config.isInterruptDisabled

function decoderAt(decoders: readonly Decoder[], address: number): Decoder | null {
  for (const decoder of decoders) {
    const { base, byteLength } = decoder.window
    if (base >= 0 && address >= base && address < base + byteLength) return decoder
  }
  return null
}

/** Bytes past the end of a window are unclaimed: reads return ones, writes are ignored. */
function readWindow({ device, window }: Decoder, address: number, size: number): number {
  const offset = address - window.base
  const left = window.byteLength - offset
  if (size <= left) return device.readWindow(window.bar, offset, size)
  let value = sizeMask(size)
  for (let i = 0; i < left; i++) {
    value = merge(value, device.readWindow(window.bar, offset + i, 1) << (i * 8), 0xff << (i * 8))
  }
  return value >>> 0
}

function writeWindow({ device, window }: Decoder, address: number, size: number, value: number): void {
  const offset = address - window.base
  const left = window.byteLength - offset
  if (size <= left) {
    device.writeWindow(window.bar, offset, size, (value & sizeMask(size)) >>> 0)
    return
  }
  for (let i = 0; i < left; i++) device.writeWindow(window.bar, offset + i, 1, (value >>> (i * 8)) & 0xff)
}

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
