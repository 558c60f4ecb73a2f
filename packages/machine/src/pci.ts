// PCI configuration space of one function (PCI Local Bus 3.0, section 6) and what the bus needs from its device.
import { fromHalves } from '@dumpstack/bytes'
import {
  PCI_BASE_ADDRESS_0,
  PCI_BASE_ADDRESS_64,
  PCI_BASE_ADDRESS_IO,
  PCI_BASE_ADDRESS_PREFETCHABLE,
  PCI_CAPABILITIES_POINTER,
  PCI_CAPABILITY_ID_PM,
  PCI_CLASS_CODE,
  PCI_COMMAND,
  PCI_COMMAND_BUS_MASTER,
  PCI_COMMAND_INTERRUPT_DISABLE,
  PCI_COMMAND_IO_SPACE,
  PCI_COMMAND_MEMORY_SPACE,
  PCI_CONFIG_BYTES,
  PCI_DEVICE_ID,
  PCI_INTERRUPT_LINE,
  PCI_INTERRUPT_PIN,
  PCI_PM_D3HOT,
  PCI_PM_PMCSR,
  PCI_PM_PMCSR_POWER_STATE,
  PCI_REVISION_ID,
  PCI_STATUS,
  PCI_STATUS_CAPABILITIES_LIST,
  PCI_STATUS_INTERRUPT,
  PCI_SUBSYSTEM_ID,
  PCI_SUBSYSTEM_VENDOR_ID,
  PCI_VENDOR_ID,
} from '@dumpstack/registers'

/** Bus, device and function of a PCI device: bus << 8 | device << 3 | function. */
export type Bdf = number

/** Keeps the bits outside `mask`, takes those inside from `value`: a write with byte enables. */
export const merge = (old: number, value: number, mask: number): number =>
  ((old & ~mask) | (value & mask)) >>> 0

/** What a driver has made of its controller, for judges of that driver: no driver sees it. */
export interface ControllerState {
  /** Requests that it is given get done. */
  readonly takesRequests: boolean
  /** What its driver has switched on; a line that needs no switch does not count. */
  readonly interrupts: 'off' | 'line' | 'message'
  /** How often it was told to forget what it was given: a reset of the whole, or of what runs requests. */
  readonly resetCount: number
}

/** A device on the bus: one function with its windows. Offsets are bytes from the start of a window. */
export interface PciFunction {
  readonly name: string
  readonly bdf: Bdf
  readonly interruptVector: number
  readonly config: PciConfig
  /** `size` 1, 2 or 4, at any offset; all bytes lie in the window of base address register `bar`. */
  readWindow(bar: number, offset: number, size: number): number
  writeWindow(bar: number, offset: number, size: number, value: number): void
  /** The dword of configuration space at `offset` is about to be read. */
  configReading(offset: number): void
  /** It was written: the command register, the power state, a capability. */
  configWritten(offset: number): void
  /** What its driver has made of it; its getters are live. */
  readonly state: ControllerState
  /** Level of its interrupt pin, before the command register's disable bit. */
  readonly isInterrupting: boolean
  /** Whether the end of a request would call a routine now: by its line, or by a message that may leave. */
  readonly isInterruptEnabled: boolean
  /** To the state after power-on, before any firmware. */
  powerOn(): void
}

/** A device whose registers are dwords; `mask` = bytes enabled. */
export interface DwordRegisters {
  readRegister(offset: number): number
  writeRegister(offset: number, value: number, mask: number): void
}

export interface PciWindowShape {
  /** Number of its base address register; of a window that no register places, any from PCI_BASE_ADDRESS_COUNT on. */
  readonly bar: number
  readonly kind: 'io' | 'memory' | 'memory64'
  /** A power of two, where a register places it. */
  readonly byteLength: number
  /** Legacy ports (kind io), which the function claims while it decodes I/O space: 0x1f0 of the first IDE channel. */
  readonly fixedAt?: number
  readonly isPrefetchable?: true
}

export interface PciCapability {
  /** After the header, dword aligned. */
  readonly at: number
  /** From the capability id on; the second byte, the next pointer, is filled in. */
  readonly bytes: Uint8Array
  /** Bits that software may change; none past its end. */
  readonly writable?: Uint8Array
}

export interface PciIdentity {
  readonly vendorId: number
  readonly deviceId: number
  readonly revisionId: number
  readonly classCode: number
  readonly subsystemVendorId: number
  readonly subsystemId: number
  readonly windows: readonly PciWindowShape[]
  /** In the order of the list. */
  readonly capabilities: readonly PciCapability[]
}

/** A window as it is decoded now. */
export interface PciWindow extends PciWindowShape {
  /** Where accesses reach the device; -1 while it does not decode them. */
  base: number
}

/** Power management, version 3 of the interface; no soft reset from D3hot to D0 (PMCSR bit 3). */
export const powerManagement = (at: number): PciCapability => ({
  at,
  bytes: Uint8Array.of(PCI_CAPABILITY_ID_PM, 0, 3, 0, 8, 0, 0, 0),
  writable: Uint8Array.of(0, 0, 0, 0, PCI_PM_PMCSR_POWER_STATE, 0, 0, 0),
})

export class PciConfig {
  readonly windows: readonly PciWindow[]
  readonly #bytes = new DataView(new ArrayBuffer(PCI_CONFIG_BYTES))
  /** Bits that software may change. */
  readonly #writable = new DataView(new ArrayBuffer(PCI_CONFIG_BYTES))
  readonly #identity: PciIdentity
  /** Where the power management capability is; 0 when there is none. */
  readonly #powerManagementAt: number
  isBusMaster = false

  constructor(identity: PciIdentity) {
    this.#identity = identity
    this.windows = identity.windows.map((shape) => ({ ...shape, base: -1 }))
    this.#powerManagementAt =
      identity.capabilities.find(({ bytes }) => bytes[0] === PCI_CAPABILITY_ID_PM)?.at ?? 0
    this.reset()
  }

  reset(): void {
    const identity = this.#identity
    const bytes = this.#bytes
    for (let offset = 0; offset < PCI_CONFIG_BYTES; offset += 4) bytes.setUint32(offset, 0)
    bytes.setUint16(PCI_VENDOR_ID, identity.vendorId, true)
    bytes.setUint16(PCI_DEVICE_ID, identity.deviceId, true)
    bytes.setUint8(PCI_REVISION_ID, identity.revisionId)
    bytes.setUint16(PCI_CLASS_CODE, identity.classCode & 0xffff, true)
    bytes.setUint8(PCI_CLASS_CODE + 2, identity.classCode >>> 16)
    bytes.setUint16(PCI_SUBSYSTEM_VENDOR_ID, identity.subsystemVendorId, true)
    bytes.setUint16(PCI_SUBSYSTEM_ID, identity.subsystemId, true)
    bytes.setUint8(PCI_INTERRUPT_PIN, 1)
    const writable = this.#writable
    writable.setUint16(PCI_COMMAND, PCI_COMMAND_BUS_MASTER | PCI_COMMAND_INTERRUPT_DISABLE, true)
    writable.setUint8(PCI_INTERRUPT_LINE, 0xff)
    for (const shape of identity.windows) this.#layWindow(shape)
    let pointerAt = PCI_CAPABILITIES_POINTER
    for (const capability of identity.capabilities) {
      bytes.setUint16(PCI_STATUS, PCI_STATUS_CAPABILITIES_LIST, true)
      bytes.setUint8(pointerAt, capability.at)
      pointerAt = capability.at + 1
      new Uint8Array(bytes.buffer).set(capability.bytes, capability.at)
      if (capability.writable) new Uint8Array(writable.buffer).set(capability.writable, capability.at)
      bytes.setUint8(pointerAt, 0)
    }
    this.#decode()
  }

  /** `offset` is dword aligned. */
  read(offset: number, isInterrupting: boolean): number {
    const value = this.#bytes.getUint32(offset, true)
    return offset === PCI_COMMAND && isInterrupting ? (value | (PCI_STATUS_INTERRUPT << 16)) >>> 0 : value
  }

  write(offset: number, value: number, mask: number): void {
    const allowed = this.#writable.getUint32(offset, true) & mask
    this.#bytes.setUint32(offset, merge(this.#bytes.getUint32(offset, true), value, allowed), true)
    this.#decode()
  }

  /** What the device itself shows there. */
  show(offset: number, value: number): void {
    this.#bytes.setUint32(offset, value, true)
  }

  get isInterruptDisabled(): boolean {
    return (this.#bytes.getUint16(PCI_COMMAND, true) & PCI_COMMAND_INTERRUPT_DISABLE) !== 0
  }

  /** Section 6.2.5.1: address bits below the size and the kind read only. */
  #layWindow({ bar, kind, byteLength, fixedAt, isPrefetchable }: PciWindowShape): void {
    const space = kind === 'io' ? PCI_COMMAND_IO_SPACE : PCI_COMMAND_MEMORY_SPACE
    this.#writable.setUint16(PCI_COMMAND, this.#writable.getUint16(PCI_COMMAND, true) | space, true)
    if (fixedAt !== undefined) return
    const register = PCI_BASE_ADDRESS_0 + bar * 4
    this.#writable.setUint32(register, -byteLength >>> 0, true)
    if (kind === 'io') this.#bytes.setUint32(register, PCI_BASE_ADDRESS_IO, true)
    if (kind !== 'memory64') return
    const prefetchable = isPrefetchable === true ? PCI_BASE_ADDRESS_PREFETCHABLE : 0
    this.#bytes.setUint32(register, PCI_BASE_ADDRESS_64 | prefetchable, true)
    this.#writable.setUint32(register + 4, 0xffffffff, true)
  }

  /** In D3hot a function answers configuration accesses only (PCI Power Management 1.2, section 5.4). */
  #decode(): void {
    const command = this.#bytes.getUint16(PCI_COMMAND, true)
    const at = this.#powerManagementAt
    const pmcsr = at === 0 ? 0 : this.#bytes.getUint32(at + PCI_PM_PMCSR, true)
    const isAwake = (pmcsr & PCI_PM_PMCSR_POWER_STATE) !== PCI_PM_D3HOT
    for (const window of this.windows) {
      const space = window.kind === 'io' ? PCI_COMMAND_IO_SPACE : PCI_COMMAND_MEMORY_SPACE
      const base = this.#baseOf(window)
      window.base = isAwake && base !== 0 && (command & space) !== 0 ? base : -1
    }
    this.isBusMaster = isAwake && (command & PCI_COMMAND_BUS_MASTER) !== 0
  }

  #baseOf({ bar, kind, byteLength, fixedAt }: PciWindow): number {
    if (fixedAt !== undefined) return fixedAt
    const register = PCI_BASE_ADDRESS_0 + bar * 4
    const low = (this.#bytes.getUint32(register, true) & -byteLength) >>> 0
    return kind === 'memory64' ? fromHalves(this.#bytes.getUint32(register + 4, true), low) : low
  }
}

// Smaller and unaligned accesses to a device of dwords are dword cycles with byte enables (PCI 3.0 section 3.2.2.2).

export function readDwords(registers: DwordRegisters, offset: number, size: number): number {
  const inDword = offset & 3
  if (inDword === 0 && size === 4) return registers.readRegister(offset)
  let value = registers.readRegister(offset - inDword) >>> (inDword * 8)
  if (inDword + size > 4) value |= registers.readRegister(offset - inDword + 4) << ((4 - inDword) * 8)
  return (value & sizeMask(size)) >>> 0
}

export function writeDwords(registers: DwordRegisters, offset: number, size: number, value: number): void {
  const inDword = offset & 3
  const mask = sizeMask(size)
  if (inDword === 0 && size === 4) {
    registers.writeRegister(offset, value >>> 0, mask)
    return
  }
  const shift = inDword * 8
  registers.writeRegister(offset - inDword, ((value & mask) << shift) >>> 0, (mask << shift) >>> 0)
  if (inDword + size <= 4) return
  const back = 32 - shift
  registers.writeRegister(offset - inDword + 4, (value & mask) >>> back, mask >>> back)
}

/** The bits of an access of `size` bytes. */
export const sizeMask = (size: number): number => (size === 4 ? 0xffffffff : (1 << (size * 8)) - 1)
