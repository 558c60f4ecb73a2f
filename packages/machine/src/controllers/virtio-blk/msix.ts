// The MSI-X side of the function (PCI Local Bus 3.0, section 6.8.2; VIRTIO 1.2 section 4.1.5.1.2): a capability, a table of vectors, and
// the two registers that choose among them. Drivers look for it and write the registers even where they leave it disabled; no
// message is ever sent.
import {
  PCI_CAPABILITY_ID_MSIX,
  PCI_MSIX_CONTROL,
  PCI_MSIX_CONTROL_ENABLE,
  PCI_MSIX_CONTROL_MASK_ALL,
  PCI_MSIX_PBA,
  PCI_MSIX_TABLE,
  VIRTIO_MSI_NO_VECTOR,
} from '@dumpstack/spec'
import type { PciCapability, PciWindowShape } from '../../pci.ts'

export const MSIX_BAR = 1
export const MSIX_CAPABILITY_AT = 0x98
/** As QEMU's: one for the configuration, one for the queue. */
const VECTORS = 2
const WINDOW_BYTES = 0x1000
const PENDING_AT = 0x800
const ENTRY_DWORDS = 4
const VECTOR_CONTROL = 3
const MASKED = 1

export const MSIX_WINDOW: PciWindowShape = {
  bar: MSIX_BAR,
  kind: 'memory',
  byteLength: WINDOW_BYTES,
  structures: [],
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
  readonly #table = new Uint32Array(VECTORS * ENTRY_DWORDS)

  /** Device reset: the vectors are forgotten. */
  reset(): void {
    this.configVector = this.queueVector = VIRTIO_MSI_NO_VECTOR
  }

  powerOn(): void {
    this.#table.fill(0)
    for (let i = VECTOR_CONTROL; i < this.#table.length; i += ENTRY_DWORDS) this.#table[i] = MASKED
  }

  /** What a vector register holds after `value` was written: a vector that is not there is refused (4.1.5.1.2.1). */
  vector(value: number): number {
    const vector = value & 0xffff
    return vector < VECTORS ? vector : VIRTIO_MSI_NO_VECTOR
  }

  /** Aligned to its size. Nothing is ever pending. */
  read(offset: number): number {
    return (this.#table[offset >>> 2] ?? 0) >>> ((offset & 3) * 8)
  }

  /** Software writes whole dwords (6.8.2). */
  write(offset: number, size: number, value: number): void {
    const index = offset >>> 2
    if (size === 4 && index < this.#table.length) this.#table[index] = value
  }
}
