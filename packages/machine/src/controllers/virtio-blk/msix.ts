// The MSI-X side of the function (PCI Local Bus 3.0, section 6.8.2; VIRTIO 1.2 section 4.1.5.1.2): a capability, a table of vectors with
// their messages and pending bits, and the two registers that choose among them.
import { fromHalves } from '@dumpstack/bytes'
import {
  PCI_CAPABILITY_ID_MSIX,
  PCI_MSIX_CONTROL,
  PCI_MSIX_CONTROL_ENABLE,
  PCI_MSIX_CONTROL_MASK_ALL,
  PCI_MSIX_ENTRY_MASKED,
  PCI_MSIX_PBA,
  PCI_MSIX_TABLE,
  VIRTIO_MSI_NO_VECTOR,
} from '@dumpstack/registers'
import type { PciCapability, PciConfig, PciWindowShape } from '../../pci.ts'

export const MSIX_BAR = 1
const MSIX_CAPABILITY_AT = 0x98
/** As QEMU's: one for the configuration, one for the queue. */
const VECTORS = 2
const WINDOW_BYTES = 0x1000
const PENDING_AT = 0x800
const ENTRY_DWORDS = 4
const UPPER_ADDRESS = 1
const DATA = 2
const VECTOR_CONTROL = 3

export const MSIX_WINDOW: PciWindowShape = {
  bar: MSIX_BAR,
  kind: 'memory',
  byteLength: WINDOW_BYTES,
}

const CONTROL_WRITABLE = (PCI_MSIX_CONTROL_ENABLE | PCI_MSIX_CONTROL_MASK_ALL) >>> 8

export const MSIX_CAPABILITY: PciCapability = {
  at: MSIX_CAPABILITY_AT,
  bytes: new Uint8Array(12),
  writable: Uint8Array.of(0, 0, 0, CONTROL_WRITABLE),
}
const fields = new DataView(MSIX_CAPABILITY.bytes.buffer)
fields.setUint8(0, PCI_CAPABILITY_ID_MSIX)
fields.setUint16(PCI_MSIX_CONTROL, VECTORS - 1, true)
fields.setUint32(PCI_MSIX_TABLE, MSIX_BAR, true)
fields.setUint32(PCI_MSIX_PBA, MSIX_BAR | PENDING_AT, true)

export class Msix {
  configVector = VIRTIO_MSI_NO_VECTOR
  queueVector = VIRTIO_MSI_NO_VECTOR
  readonly #config: PciConfig
  readonly #onMessage: (address: number, data: number) => void
  readonly #table = new Uint32Array(VECTORS * ENTRY_DWORDS)
  /** A bit for each vector. */
  #pending = 0

  constructor(config: PciConfig, onMessage: (address: number, data: number) => void) {
    this.#config = config
    this.#onMessage = onMessage
  }

  /** Device reset: the vectors are forgotten. */
  reset(): void {
    this.configVector = this.queueVector = VIRTIO_MSI_NO_VECTOR
    this.#pending = 0
  }

  powerOn(): void {
    this.#table.fill(0)
    for (let i = VECTOR_CONTROL; i < this.#table.length; i += ENTRY_DWORDS) {
      this.#table[i] = PCI_MSIX_ENTRY_MASKED
    }
  }

  get isEnabled(): boolean {
    return (this.#control & PCI_MSIX_CONTROL_ENABLE) !== 0
  }

  get #control(): number {
    return this.#config.read(MSIX_CAPABILITY_AT, false) >>> 16
  }

  /** What a vector register holds after `value` was written: a vector that is not there is refused (4.1.5.1.2.1). */
  vector(value: number): number {
    const vector = value & 0xffff
    return vector < VECTORS ? vector : VIRTIO_MSI_NO_VECTOR
  }

  /** Sends the message of a vector, or keeps it for when its mask is taken off; nothing for VIRTIO_MSI_NO_VECTOR. */
  signal(vector: number): void {
    if (vector >= VECTORS) return
    this.#pending |= 1 << vector
    this.release()
  }

  /** Messages that are pending and no longer masked are sent: after a write of the table or of message control. */
  release(): void {
    if (this.#pending === 0 || !this.#config.isBusMaster) return
    const control = this.#control
    if ((control & PCI_MSIX_CONTROL_ENABLE) === 0 || (control & PCI_MSIX_CONTROL_MASK_ALL) !== 0) return
    for (let vector = 0; vector < VECTORS; vector++) {
      const at = vector * ENTRY_DWORDS
      const isMasked = (this.#table[at + VECTOR_CONTROL]! & PCI_MSIX_ENTRY_MASKED) !== 0
      if ((this.#pending & (1 << vector)) === 0 || isMasked) continue
      this.#pending &= ~(1 << vector)
      const address = fromHalves(this.#table[at + UPPER_ADDRESS]!, this.#table[at]!)
      this.#onMessage(address, this.#table[at + DATA]!)
    }
  }

  /** Aligned to its size. */
  read(offset: number): number {
    const dword = (offset & ~3) === PENDING_AT ? this.#pending : (this.#table[offset >>> 2] ?? 0)
    return dword >>> ((offset & 3) * 8)
  }

  /** Software writes whole dwords (6.8.2). */
  write(offset: number, size: number, value: number): void {
    const index = offset >>> 2
    if (size !== 4 || index >= this.#table.length) return
    this.#table[index] = value
    this.release()
  }
}
