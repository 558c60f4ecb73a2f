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
import type { VirtioBlkSettings } from './settings.ts'

export const MSIX_BAR = 1
const MSIX_CAPABILITY_AT = 0x98
/** As QEMU's: one for the configuration, one for each queue. */
export const vectorCount = (queues: number): number => queues + 1
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

export function msixCapability(vectors: number): PciCapability {
  const bytes = new Uint8Array(12)
  const fields = new DataView(bytes.buffer)
  fields.setUint8(0, PCI_CAPABILITY_ID_MSIX)
  fields.setUint16(PCI_MSIX_CONTROL, vectors - 1, true)
  fields.setUint32(PCI_MSIX_TABLE, MSIX_BAR, true)
  fields.setUint32(PCI_MSIX_PBA, MSIX_BAR | PENDING_AT, true)
  return { at: MSIX_CAPABILITY_AT, bytes, writable: Uint8Array.of(0, 0, 0, CONTROL_WRITABLE) }
}

export class Msix {
  configVector = VIRTIO_MSI_NO_VECTOR
  readonly queueVectors: Uint16Array
  readonly #config: PciConfig
  readonly #onMessage: (address: number, data: number) => void
  /** Of a function without the capability: none. */
  readonly #vectors: number
  readonly #table: Uint32Array
  /** A bit for each vector. */
  readonly #pending: Uint32Array
  #pendingCount = 0

  constructor(
    config: PciConfig,
    settings: Pick<VirtioBlkSettings, 'msix' | 'queues'>,
    onMessage: (address: number, data: number) => void,
  ) {
    this.#config = config
    this.#onMessage = onMessage
    this.#vectors = settings.msix === 'on' ? vectorCount(settings.queues) : 0
    this.queueVectors = new Uint16Array(settings.queues)
    this.#table = new Uint32Array(this.#vectors * ENTRY_DWORDS)
    this.#pending = new Uint32Array(Math.ceil(this.#vectors / 32))
  }

  /** Device reset: the vectors are forgotten. */
  reset(): void {
    this.configVector = VIRTIO_MSI_NO_VECTOR
    this.queueVectors.fill(VIRTIO_MSI_NO_VECTOR)
    this.#pending.fill(0)
    this.#pendingCount = 0
  }

  powerOn(): void {
    this.#table.fill(0)
    for (let i = VECTOR_CONTROL; i < this.#table.length; i += ENTRY_DWORDS) {
      this.#table[i] = PCI_MSIX_ENTRY_MASKED
    }
  }

  get isEnabled(): boolean {
    return this.#vectors > 0 && (this.#control & PCI_MSIX_CONTROL_ENABLE) !== 0
  }

  get #control(): number {
    return this.#config.read(MSIX_CAPABILITY_AT, false) >>> 16
  }

  /** What a vector register holds after `value` was written: a vector that is not there is refused (4.1.5.1.2.1). */
  vector(value: number): number {
    const vector = value & 0xffff
    return vector < this.#vectors ? vector : VIRTIO_MSI_NO_VECTOR
  }

  /** Whether the vector's message would leave now. */
  isOpen(vector: number): boolean {
    const control = this.#control
    return (
      vector < this.#vectors &&
      this.#config.isBusMaster &&
      (control & PCI_MSIX_CONTROL_ENABLE) !== 0 &&
      (control & PCI_MSIX_CONTROL_MASK_ALL) === 0 &&
      (this.#table[vector * ENTRY_DWORDS + VECTOR_CONTROL]! & PCI_MSIX_ENTRY_MASKED) === 0
    )
  }

  /** Sends the message of a vector, or keeps it for when its mask is taken off; nothing for VIRTIO_MSI_NO_VECTOR. */
  signal(vector: number): void {
    if (vector >= this.#vectors) return
    if (!this.#isPending(vector)) this.#pendingCount++
    this.#pending[vector >>> 5]! |= 1 << (vector & 31)
    this.release()
  }

  /** Messages that are pending and no longer masked are sent: after a write of the table or of message control. */
  release(): void {
    for (let vector = 0; this.#pendingCount > 0 && vector < this.#vectors; vector++) {
      if (!this.#isPending(vector) || !this.isOpen(vector)) continue
      this.#pending[vector >>> 5]! &= ~(1 << (vector & 31))
      this.#pendingCount--
      const at = vector * ENTRY_DWORDS
      const address = fromHalves(this.#table[at + UPPER_ADDRESS]!, this.#table[at]!)
      this.#onMessage(address, this.#table[at + DATA]!)
    }
  }

  /** Aligned to its size. */
  read(offset: number): number {
    const index = offset >>> 2
    const pendingAt = PENDING_AT >>> 2
    const dword = index < pendingAt ? this.#table[index] : this.#pending[index - pendingAt]
    return (dword ?? 0) >>> ((offset & 3) * 8)
  }

  /** Software writes whole dwords (6.8.2). */
  write(offset: number, size: number, value: number): void {
    const index = offset >>> 2
    if (size !== 4 || index >= this.#table.length) return
    this.#table[index] = value
    this.release()
  }

  #isPending(vector: number): boolean {
    return (this.#pending[vector >>> 5]! & (1 << (vector & 31))) !== 0
  }
}
