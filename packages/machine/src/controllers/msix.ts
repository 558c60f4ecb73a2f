// The MSI-X side of a function (PCI Local Bus 3.0, section 6.8.2): a capability, a table of vectors with their messages, and pending bits.
import { fromHalves } from '@dumpstack/bytes'
import {
  PCI_CAPABILITY_ID_MSIX,
  PCI_MSIX_CONTROL,
  PCI_MSIX_CONTROL_ENABLE,
  PCI_MSIX_CONTROL_MASK_ALL,
  PCI_MSIX_ENTRY_BYTES,
  PCI_MSIX_ENTRY_MASKED,
  PCI_MSIX_PBA,
  PCI_MSIX_TABLE,
} from '@dumpstack/registers'
import type { PciCapability, PciConfig } from '../pci.ts'

const ENTRY_DWORDS = PCI_MSIX_ENTRY_BYTES / 4
const UPPER_ADDRESS = 1
const DATA = 2
const VECTOR_CONTROL = 3
const CONTROL_WRITABLE = (PCI_MSIX_CONTROL_ENABLE | PCI_MSIX_CONTROL_MASK_ALL) >>> 8

/** Where a function has it. */
export interface MsixPlace {
  /** Of its capability. */
  readonly at: number
  /** Of the window with table and pending bits, and where they are in it. */
  readonly bar: number
  readonly tableAt: number
  readonly pendingAt: number
  /** 0: the function is without the capability. */
  readonly vectorCount: number
}

export function msixCapability({ at, bar, tableAt, pendingAt, vectorCount }: MsixPlace): PciCapability {
  const bytes = new Uint8Array(12)
  const fields = new DataView(bytes.buffer)
  fields.setUint8(0, PCI_CAPABILITY_ID_MSIX)
  fields.setUint16(PCI_MSIX_CONTROL, vectorCount - 1, true)
  fields.setUint32(PCI_MSIX_TABLE, bar | tableAt, true)
  fields.setUint32(PCI_MSIX_PBA, bar | pendingAt, true)
  return { at, bytes, writable: Uint8Array.of(0, 0, 0, CONTROL_WRITABLE) }
}

export class Msix {
  readonly #config: PciConfig
  readonly #onMessage: (address: number, data: number) => void
  readonly #place: MsixPlace
  readonly #table: Uint32Array
  /** A bit for each vector. */
  readonly #pending: Uint32Array
  #pendingCount = 0

  constructor(config: PciConfig, place: MsixPlace, onMessage: (address: number, data: number) => void) {
    this.#config = config
    this.#onMessage = onMessage
    this.#place = place
    this.#table = new Uint32Array(place.vectorCount * ENTRY_DWORDS)
    this.#pending = new Uint32Array(Math.ceil(place.vectorCount / 32))
  }

  get vectorCount(): number {
    return this.#place.vectorCount
  }

  /** Device reset: no message is pending. */
  reset(): void {
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
    return this.vectorCount > 0 && (this.#control & PCI_MSIX_CONTROL_ENABLE) !== 0
  }

  get #control(): number {
    return this.#config.read(this.#place.at, false) >>> 16
  }

  /** Whether the vector's message would leave now. */
  isOpen(vector: number): boolean {
    const control = this.#control
    return (
      vector < this.vectorCount &&
      this.#config.isBusMaster &&
      (control & PCI_MSIX_CONTROL_ENABLE) !== 0 &&
      (control & PCI_MSIX_CONTROL_MASK_ALL) === 0 &&
      (this.#table[vector * ENTRY_DWORDS + VECTOR_CONTROL]! & PCI_MSIX_ENTRY_MASKED) === 0
    )
  }

  /** Sends the message of a vector, or keeps it for when its mask is taken off; nothing for a vector that is not there. */
  signal(vector: number): void {
    if (vector >= this.vectorCount) return
    if (!this.#isPending(vector)) this.#pendingCount++
    this.#pending[vector >>> 5]! |= 1 << (vector & 31)
    this.release()
  }

  /** Messages that are pending and no longer masked are sent: after a write of the table or of message control. */
  release(): void {
    for (let vector = 0; this.#pendingCount > 0 && vector < this.vectorCount; vector++) {
      if (!this.#isPending(vector) || !this.isOpen(vector)) continue
      this.#pending[vector >>> 5]! &= ~(1 << (vector & 31))
      this.#pendingCount--
      const at = vector * ENTRY_DWORDS
      const address = fromHalves(this.#table[at + UPPER_ADDRESS]!, this.#table[at]!)
      this.#onMessage(address, this.#table[at + DATA]!)
    }
  }

  /** `offset` in the window, aligned to its size. */
  read(offset: number): number {
    const { tableAt, pendingAt } = this.#place
    const dword =
      offset < pendingAt ? this.#table[(offset - tableAt) >>> 2] : this.#pending[(offset - pendingAt) >>> 2]
    return (dword ?? 0) >>> ((offset & 3) * 8)
  }

  /** Software writes whole dwords (6.8.2). */
  write(offset: number, size: number, value: number): void {
    const index = (offset - this.#place.tableAt) >>> 2
    if (size !== 4 || index >= this.#table.length) return
    this.#table[index] = value
    this.release()
  }

  #isPending(vector: number): boolean {
    return (this.#pending[vector >>> 5]! & (1 << (vector & 31))) !== 0
  }
}
