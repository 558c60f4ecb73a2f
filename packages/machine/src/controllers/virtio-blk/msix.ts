// The MSI-X side of a virtio function (VIRTIO 1.2 section 4.1.5.1.2): its vectors, and the registers that choose among them.
import { VIRTIO_MSI_NO_VECTOR } from '@dumpstack/registers'
import type { PciConfig, PciWindowShape } from '../../pci.ts'
import { Msix, type MsixPlace } from '../msix.ts'
import type { VirtioBlkSettings } from './settings.ts'

export const MSIX_BAR = 1
export const MSIX_WINDOW: PciWindowShape = { bar: MSIX_BAR, kind: 'memory', byteLength: 0x1000 }

/** As QEMU's: one vector for the configuration, one for each queue. */
export const msixPlace = ({ msix, queues }: Pick<VirtioBlkSettings, 'msix' | 'queues'>): MsixPlace => ({
  at: 0x98,
  bar: MSIX_BAR,
  tableAt: 0,
  pendingAt: 0x800,
  vectorCount: msix === 'on' ? queues + 1 : 0,
})

export class VirtioMsix extends Msix {
  configVector = VIRTIO_MSI_NO_VECTOR
  readonly queueVectors: Uint16Array

  constructor(
    config: PciConfig,
    settings: VirtioBlkSettings,
    onMessage: (address: number, data: number) => void,
  ) {
    super(config, msixPlace(settings), onMessage)
    this.queueVectors = new Uint16Array(settings.queues)
  }

  /** The vectors are forgotten too. */
  override reset(): void {
    super.reset()
    this.configVector = VIRTIO_MSI_NO_VECTOR
    this.queueVectors.fill(VIRTIO_MSI_NO_VECTOR)
  }

  /** What a vector register holds after `value` was written: a vector that is not there is refused (4.1.5.1.2.1). */
  vector(value: number): number {
    const vector = value & 0xffff
    return vector < this.vectorCount ? vector : VIRTIO_MSI_NO_VECTOR
  }
}
