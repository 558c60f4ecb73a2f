// The PCI function of a virtio block device, as QEMU 7.2's virtio-blk-pci: the modern interface in memory and, when it is transitional,
// the legacy one in ports (VIRTIO 1.2 section 4.1), INTx or MSI-X.
import { VIRTIO_PCI_CAP_EXTRA, VirtioPciCap } from '@dumpstack/registers'
import type { BlockDevice } from '../../disk/block-device.ts'
import { type ControllerState, PciConfig, type PciFunction, sizeMask } from '../../pci.ts'
import type { ControllerParts } from '../controller-parts.ts'
import { VirtioBlk } from './device.ts'
import { LEGACY_BAR, MODERN_BAR, PCI_CFG_CAPABILITY_AT, pciIdentity, STRUCTURE_BYTES } from './identity.ts'
import { readLegacy, writeLegacy } from './legacy-registers.ts'
import { readModern, writeModern } from './modern-registers.ts'
import { MSIX_BAR } from './msix.ts'
import type { VirtioBlkSettings } from './settings.ts'

const PCI_CFG_DATA_AT = PCI_CFG_CAPABILITY_AT + VIRTIO_PCI_CAP_EXTRA

export class VirtioBlkPci implements PciFunction {
  readonly name: string
  readonly bdf: number
  readonly interruptVector: number
  readonly config: PciConfig
  readonly #device: VirtioBlk

  constructor(settings: VirtioBlkSettings, block: BlockDevice, parts: ControllerParts) {
    this.name = parts.name
    this.bdf = parts.bdf
    this.interruptVector = parts.interruptVector
    this.config = new PciConfig(pciIdentity(settings))
    this.#device = new VirtioBlk(settings, block, parts, this.config)
  }

  powerOn(): void {
    this.config.reset()
    this.#device.powerOn()
  }

  get state(): ControllerState {
    return this.#device
  }

  get isInterrupting(): boolean {
    return this.#device.isInterrupting
  }

  get isInterruptEnabled(): boolean {
    return this.#device.isInterruptEnabled(!this.config.isInterruptDisabled)
  }

  configReading(offset: number): void {
    if (offset !== PCI_CFG_DATA_AT) return
    const target = this.#pciCfgTarget()
    if (target !== null) this.config.show(offset, this.readWindow(MODERN_BAR, target.offset, target.length))
  }

  configWritten(offset: number): void {
    if (offset === PCI_CFG_DATA_AT) {
      const target = this.#pciCfgTarget()
      const value = this.config.read(offset, false) & sizeMask(target?.length ?? 4)
      if (target !== null) this.writeWindow(MODERN_BAR, target.offset, target.length, value >>> 0)
    }
    this.#device.configWritten()
  }

  /** What is not naturally aligned reaches the registers as aligned pieces, as in QEMU. */
  readWindow(bar: number, offset: number, size: number): number {
    if (offset % size !== 0) {
      const half = size / 2
      const low = this.readWindow(bar, offset, half)
      return (low | (this.readWindow(bar, offset + half, half) << (half * 8))) >>> 0
    }
    return (this.#readAligned(bar, offset, size) & sizeMask(size)) >>> 0
  }

  #readAligned(bar: number, offset: number, size: number): number {
    if (bar === MSIX_BAR) return this.#device.msix.read(offset)
    return bar === LEGACY_BAR
      ? readLegacy(this.#device, offset, size)
      : readModern(this.#device, offset, size)
  }

  writeWindow(bar: number, offset: number, size: number, value: number): void {
    if (offset % size !== 0) {
      const half = size / 2
      this.writeWindow(bar, offset, half, (value & sizeMask(half)) >>> 0)
      this.writeWindow(bar, offset + half, half, value >>> (half * 8))
    } else if (bar === MSIX_BAR) this.#device.msix.write(offset, size, value)
    else if (this.#device.isResetting) this.#device.refuseWrite()
    else if (bar === LEGACY_BAR) writeLegacy(this.#device, offset, size, value)
    else writeModern(this.#device, offset, size, value)
  }

  /** Where the PCI configuration access capability points; null unless it is an access that a structure can have. */
  #pciCfgTarget(): { offset: number; length: number } | null {
    const at = PCI_CFG_CAPABILITY_AT
    const dword = (field: number): number => this.config.read(at + field, false)
    const bar = dword(VirtioPciCap.fields.bar.offset) & 0xff
    const offset = dword(VirtioPciCap.fields.offset.offset)
    const length = dword(VirtioPciCap.fields.length.offset)
    const isAccess = (length === 1 || length === 2 || length === 4) && offset % length === 0
    return bar === MODERN_BAR && isAccess && offset < STRUCTURE_BYTES * 4 ? { offset, length } : null
  }
}
