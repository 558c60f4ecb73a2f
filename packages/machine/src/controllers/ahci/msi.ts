// The MSI side of the function (PCI Local Bus 3.0, section 6.8.1; AHCI 1.3.1 section 2.3): one message with a 64-bit address.
import { fromHalves } from '@dumpstack/bytes'
import {
  PCI_CAPABILITY_ID_MSI,
  PCI_MSI_ADDRESS,
  PCI_MSI_ADDRESS_HIGH,
  PCI_MSI_CONTROL,
  PCI_MSI_CONTROL_64BIT,
  PCI_MSI_CONTROL_ENABLE,
  PCI_MSI_DATA,
} from '@dumpstack/registers'
import type { PciCapability, PciConfig } from '../../pci.ts'

/** As on ICH9 (and QEMU's model of it). */
const AT = 0x80
const BYTES = 0x10

const bytes = new Uint8Array(BYTES)
const writable = new Uint8Array(BYTES)
bytes[0] = PCI_CAPABILITY_ID_MSI
bytes[PCI_MSI_CONTROL] = PCI_MSI_CONTROL_64BIT
writable[PCI_MSI_CONTROL] = PCI_MSI_CONTROL_ENABLE
writable.fill(0xff, PCI_MSI_ADDRESS, PCI_MSI_DATA + 2)
writable[PCI_MSI_ADDRESS] = 0xfc
export const MSI_CAPABILITY: PciCapability = { at: AT, bytes, writable }

export class Msi {
  readonly #config: PciConfig
  readonly #onMessage: (address: number, data: number) => void

  constructor(config: PciConfig, onMessage: (address: number, data: number) => void) {
    this.#config = config
    this.#onMessage = onMessage
  }

  get isEnabled(): boolean {
    return ((this.#dword(0) >>> 16) & PCI_MSI_CONTROL_ENABLE) !== 0
  }

  /** Sends the message, where the function may. */
  signal(): void {
    if (!this.isEnabled || !this.#config.isBusMaster) return
    const address = fromHalves(this.#dword(PCI_MSI_ADDRESS_HIGH), this.#dword(PCI_MSI_ADDRESS))
    this.#onMessage(address, this.#dword(PCI_MSI_DATA) & 0xffff)
  }

  #dword(offset: number): number {
    return this.#config.read(AT + offset, false)
  }
}
