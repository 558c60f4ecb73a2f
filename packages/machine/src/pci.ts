// PCI configuration space of one function (PCI Local Bus 3.0, section 6) and what the bus needs from its device.
import {
  PCI_BASE_ADDRESS_5,
  PCI_CAPABILITIES_POINTER,
  PCI_CLASS_CODE,
  PCI_COMMAND,
  PCI_COMMAND_BUS_MASTER,
  PCI_COMMAND_INTERRUPT_DISABLE,
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
} from '@dumpstack/spec'

/** Keeps the bits outside `mask`, takes those inside from `value`: a write with byte enables. */
export const merge = (old: number, value: number, mask: number): number =>
  ((old & ~mask) | (value & mask)) >>> 0

/** A device on the bus: one function with one memory window, BAR5. Dword accesses, `mask` = bytes enabled. */
export interface PciFunction {
  readonly name: string
  readonly bdf: number
  readonly interruptVector: number
  readonly config: PciConfig
  readRegister(offset: number): number
  writeRegister(offset: number, value: number, mask: number): void
  /** The command register or the power state changed. */
  configChanged(): void
  /** Level of its interrupt pin, before the command register's disable bit. */
  readonly isInterrupting: boolean
}

export interface PciIdentity {
  readonly vendorId: number
  readonly deviceId: number
  readonly revisionId: number
  readonly classCode: number
  /** Bytes of the window behind BAR5, a power of two. */
  readonly windowBytes: number
  /** Where its power management capability is: after the header, dword aligned. */
  readonly powerManagementAt: number
}

export class PciConfig {
  readonly windowBytes: number
  readonly #bytes = new DataView(new ArrayBuffer(PCI_CONFIG_BYTES))
  /** Bits that software may change. */
  readonly #writable = new DataView(new ArrayBuffer(PCI_CONFIG_BYTES))
  readonly #identity: PciIdentity
  /** Where memory accesses reach the device; -1 while it does not decode them. */
  windowBase = -1
  isBusMaster = false

  constructor(identity: PciIdentity) {
    this.#identity = identity
    this.windowBytes = identity.windowBytes
    this.reset()
  }

  reset(): void {
    const { vendorId, deviceId, revisionId, classCode, windowBytes, powerManagementAt } = this.#identity
    const bytes = this.#bytes
    for (let offset = 0; offset < PCI_CONFIG_BYTES; offset += 4) bytes.setUint32(offset, 0)
    bytes.setUint16(PCI_VENDOR_ID, vendorId, true)
    bytes.setUint16(PCI_DEVICE_ID, deviceId, true)
    bytes.setUint16(PCI_STATUS, PCI_STATUS_CAPABILITIES_LIST, true)
    bytes.setUint8(PCI_REVISION_ID, revisionId)
    bytes.setUint16(PCI_CLASS_CODE, classCode & 0xffff, true)
    bytes.setUint8(PCI_CLASS_CODE + 2, classCode >>> 16)
    bytes.setUint16(PCI_SUBSYSTEM_VENDOR_ID, vendorId, true)
    bytes.setUint16(PCI_SUBSYSTEM_ID, deviceId, true)
    bytes.setUint8(PCI_CAPABILITIES_POINTER, powerManagementAt)
    bytes.setUint8(PCI_INTERRUPT_PIN, 1)
    // id 1, no next capability, version 3 of the interface; no soft reset on D3hot to D0 (PMCSR bit 3)
    bytes.setUint32(powerManagementAt, 0x0003_0001, true)
    bytes.setUint32(powerManagementAt + PCI_PM_PMCSR, 0x0000_0008, true)

    const writable = this.#writable
    writable.setUint16(
      PCI_COMMAND,
      PCI_COMMAND_MEMORY_SPACE | PCI_COMMAND_BUS_MASTER | PCI_COMMAND_INTERRUPT_DISABLE,
      true,
    )
    writable.setUint32(PCI_BASE_ADDRESS_5, -windowBytes >>> 0, true)
    writable.setUint8(PCI_INTERRUPT_LINE, 0xff)
    writable.setUint32(powerManagementAt + PCI_PM_PMCSR, PCI_PM_PMCSR_POWER_STATE, true)
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

  get isInterruptDisabled(): boolean {
    return (this.#bytes.getUint16(PCI_COMMAND, true) & PCI_COMMAND_INTERRUPT_DISABLE) !== 0
  }

  /** In D3hot a function answers configuration accesses only (PCI Power Management 1.2, section 5.4). */
  #decode(): void {
    const command = this.#bytes.getUint16(PCI_COMMAND, true)
    const pmcsr = this.#bytes.getUint32(this.#identity.powerManagementAt + PCI_PM_PMCSR, true)
    const isAwake = (pmcsr & PCI_PM_PMCSR_POWER_STATE) !== PCI_PM_D3HOT
    const base = this.#bytes.getUint32(PCI_BASE_ADDRESS_5, true)
    const isDecoded = isAwake && base !== 0 && (command & PCI_COMMAND_MEMORY_SPACE) !== 0
    this.windowBase = isDecoded ? base : -1
    this.isBusMaster = isAwake && (command & PCI_COMMAND_BUS_MASTER) !== 0
  }
}
