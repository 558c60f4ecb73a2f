// The legacy interface in its ports (VIRTIO 1.2 section 4.1.4.10): eight registers, two more while MSI-X is enabled, then the device
// configuration.
import {
  VIRTIO_MSI_NO_VECTOR,
  VIRTIO_PCI_LEGACY_CONFIG,
  VIRTIO_PCI_LEGACY_CONFIG_MSIX,
  VIRTIO_PCI_LEGACY_CONFIG_VECTOR,
  VIRTIO_PCI_LEGACY_GUEST_FEATURES,
  VIRTIO_PCI_LEGACY_HOST_FEATURES,
  VIRTIO_PCI_LEGACY_ISR,
  VIRTIO_PCI_LEGACY_QUEUE_ALIGN,
  VIRTIO_PCI_LEGACY_QUEUE_NOTIFY,
  VIRTIO_PCI_LEGACY_QUEUE_NUM,
  VIRTIO_PCI_LEGACY_QUEUE_PFN,
  VIRTIO_PCI_LEGACY_QUEUE_SEL,
  VIRTIO_PCI_LEGACY_QUEUE_VECTOR,
  VIRTIO_PCI_LEGACY_STATUS,
} from '@dumpstack/registers'
import type { VirtioBlk } from './device.ts'

const NOTHING = 0xffffffff

const configAt = (device: VirtioBlk): number =>
  device.msix.isEnabled ? VIRTIO_PCI_LEGACY_CONFIG_MSIX : VIRTIO_PCI_LEGACY_CONFIG

export function readLegacy(device: VirtioBlk, offset: number, size: number): number {
  const config = configAt(device)
  if (offset >= config) return device.readDeviceConfig(offset - config, size)
  const queue = device.queues[device.queueSelect]
  switch (offset) {
    case VIRTIO_PCI_LEGACY_HOST_FEATURES:
      return device.offeredLegacy
    case VIRTIO_PCI_LEGACY_GUEST_FEATURES:
      return device.driverFeatures(0)
    case VIRTIO_PCI_LEGACY_QUEUE_PFN:
      return Math.floor((queue?.desc ?? 0) / VIRTIO_PCI_LEGACY_QUEUE_ALIGN)
    case VIRTIO_PCI_LEGACY_QUEUE_NUM:
      return queue?.size ?? 0
    case VIRTIO_PCI_LEGACY_QUEUE_SEL:
      return device.queueSelect
    case VIRTIO_PCI_LEGACY_STATUS:
      return device.status
    case VIRTIO_PCI_LEGACY_ISR:
      return device.takeIsr()
    case VIRTIO_PCI_LEGACY_CONFIG_VECTOR:
      return device.msix.configVector
    case VIRTIO_PCI_LEGACY_QUEUE_VECTOR:
      return device.msix.queueVectors[device.queueSelect] ?? VIRTIO_MSI_NO_VECTOR
    default:
      return NOTHING
  }
}

export function writeLegacy(device: VirtioBlk, offset: number, size: number, value: number): void {
  const config = configAt(device)
  if (offset >= config) {
    device.writeDeviceConfig(offset - config, size, value)
    return
  }
  switch (offset) {
    case VIRTIO_PCI_LEGACY_GUEST_FEATURES:
      device.setLegacyFeatures(value)
      break
    case VIRTIO_PCI_LEGACY_QUEUE_PFN:
      device.placeLegacyQueue(value * VIRTIO_PCI_LEGACY_QUEUE_ALIGN)
      break
    case VIRTIO_PCI_LEGACY_QUEUE_SEL:
      device.queueSelect = value & 0xffff
      break
    case VIRTIO_PCI_LEGACY_QUEUE_NOTIFY:
      device.notify(value)
      break
    case VIRTIO_PCI_LEGACY_STATUS:
      if ((value & 0xff) === 0) device.reset()
      else device.setStatus(value & 0xff)
      break
    case VIRTIO_PCI_LEGACY_CONFIG_VECTOR:
      device.msix.configVector = device.msix.vector(value)
      break
    case VIRTIO_PCI_LEGACY_QUEUE_VECTOR:
      device.setQueueVector(value)
  }
}
