// The modern interface in its memory window (VIRTIO 1.2 section 4.1.4): common configuration, ISR status, device configuration and
// notifications, each 4 KiB. A driver accesses each field at its own width (4.1.3.1); another width sees the field that begins there.
import { fromHalves, highHalf, lowHalf } from '@dumpstack/bytes'
import {
  VIRTIO_PCI_COMMON_CFGGENERATION,
  VIRTIO_PCI_COMMON_DF,
  VIRTIO_PCI_COMMON_DFSELECT,
  VIRTIO_PCI_COMMON_GF,
  VIRTIO_PCI_COMMON_GFSELECT,
  VIRTIO_PCI_COMMON_MSIX,
  VIRTIO_PCI_COMMON_NUMQ,
  VIRTIO_PCI_COMMON_Q_AVAILHI,
  VIRTIO_PCI_COMMON_Q_AVAILLO,
  VIRTIO_PCI_COMMON_Q_DESCHI,
  VIRTIO_PCI_COMMON_Q_DESCLO,
  VIRTIO_PCI_COMMON_Q_ENABLE,
  VIRTIO_PCI_COMMON_Q_MSIX,
  VIRTIO_PCI_COMMON_Q_NOFF,
  VIRTIO_PCI_COMMON_Q_SELECT,
  VIRTIO_PCI_COMMON_Q_SIZE,
  VIRTIO_PCI_COMMON_Q_USEDHI,
  VIRTIO_PCI_COMMON_Q_USEDLO,
  VIRTIO_PCI_COMMON_STATUS,
} from '@dumpstack/registers'
import type { VirtioBlk } from './device.ts'
import {
  COMMON_AT,
  DEVICE_AT,
  ISR_AT,
  NOTIFY_AT,
  NOTIFY_OFF_MULTIPLIER,
  STRUCTURE_BYTES,
} from './identity.ts'
import type { Virtqueue } from './virtqueue.ts'

export function readModern(device: VirtioBlk, offset: number, size: number): number {
  const inStructure = offset % STRUCTURE_BYTES
  switch (offset - inStructure) {
    case COMMON_AT:
      return readCommon(device, inStructure)
    case ISR_AT:
      return inStructure === 0 ? device.takeIsr() : 0
    case DEVICE_AT:
      return device.readDeviceConfig(inStructure, size)
    default:
      return 0
  }
}

export function writeModern(device: VirtioBlk, offset: number, size: number, value: number): void {
  const inStructure = offset % STRUCTURE_BYTES
  switch (offset - inStructure) {
    case COMMON_AT:
      writeCommon(device, inStructure, value)
      break
    case DEVICE_AT:
      device.writeDeviceConfig(inStructure, size, value)
      break
    case NOTIFY_AT:
      device.notify(Math.floor(inStructure / NOTIFY_OFF_MULTIPLIER))
  }
}

function readCommon(device: VirtioBlk, field: number): number {
  switch (field) {
    case VIRTIO_PCI_COMMON_DFSELECT:
      return device.deviceFeatureSelect
    case VIRTIO_PCI_COMMON_DF:
      return device.deviceFeatures()
    case VIRTIO_PCI_COMMON_GFSELECT:
      return device.driverFeatureSelect
    case VIRTIO_PCI_COMMON_GF:
      return device.driverFeatures(device.driverFeatureSelect)
    case VIRTIO_PCI_COMMON_MSIX:
      return device.msix.configVector
    case VIRTIO_PCI_COMMON_NUMQ:
      return device.queues.length
    case VIRTIO_PCI_COMMON_STATUS:
      return device.status
    case VIRTIO_PCI_COMMON_CFGGENERATION:
      return device.generation
    case VIRTIO_PCI_COMMON_Q_SELECT:
      return device.queueSelect
    default: {
      // a queue that is not there has size 0 (4.1.4.3.1)
      const queue = device.queues[device.queueSelect]
      return queue === undefined ? 0 : readQueue(device, queue, field)
    }
  }
}

function readQueue({ msix }: VirtioBlk, queue: Virtqueue, field: number): number {
  switch (field) {
    case VIRTIO_PCI_COMMON_Q_SIZE:
      return queue.size
    case VIRTIO_PCI_COMMON_Q_MSIX:
      return msix.queueVectors[queue.index]!
    case VIRTIO_PCI_COMMON_Q_ENABLE:
      return queue.isEnabled ? 1 : 0
    case VIRTIO_PCI_COMMON_Q_NOFF:
      return queue.index
    case VIRTIO_PCI_COMMON_Q_DESCLO:
      return lowHalf(queue.desc)
    case VIRTIO_PCI_COMMON_Q_DESCHI:
      return highHalf(queue.desc)
    case VIRTIO_PCI_COMMON_Q_AVAILLO:
      return lowHalf(queue.avail)
    case VIRTIO_PCI_COMMON_Q_AVAILHI:
      return highHalf(queue.avail)
    case VIRTIO_PCI_COMMON_Q_USEDLO:
      return lowHalf(queue.used)
    case VIRTIO_PCI_COMMON_Q_USEDHI:
      return highHalf(queue.used)
    default:
      return 0
  }
}

function writeCommon(device: VirtioBlk, field: number, value: number): void {
  switch (field) {
    case VIRTIO_PCI_COMMON_DFSELECT:
      device.deviceFeatureSelect = value
      break
    case VIRTIO_PCI_COMMON_GFSELECT:
      device.driverFeatureSelect = value
      break
    case VIRTIO_PCI_COMMON_GF:
      device.setDriverFeatures(value)
      break
    case VIRTIO_PCI_COMMON_MSIX:
      device.msix.configVector = device.msix.vector(value)
      break
    case VIRTIO_PCI_COMMON_STATUS:
      if ((value & 0xff) === 0) device.beginReset()
      else device.setStatus(value & 0xff)
      break
    case VIRTIO_PCI_COMMON_Q_SELECT:
      device.queueSelect = value & 0xffff
      break
    default: {
      const queue = device.queues[device.queueSelect]
      if (queue !== undefined) writeQueue(device, queue, field, value)
    }
  }
}

function writeQueue(device: VirtioBlk, queue: Virtqueue, field: number, value: number): void {
  switch (field) {
    case VIRTIO_PCI_COMMON_Q_SIZE:
      if (!queue.isEnabled && value >= 1 && value <= queue.sizeMax) queue.size = value
      break
    case VIRTIO_PCI_COMMON_Q_MSIX:
      device.setQueueVector(value)
      break
    case VIRTIO_PCI_COMMON_Q_ENABLE:
      // 4.1.4.3.2: a driver never writes 0
      if (value === 1) device.enableQueue(queue)
      else device.fail(`queue_enable written with ${value}, expected 1`)
      break
    case VIRTIO_PCI_COMMON_Q_DESCLO:
      queue.desc = fromHalves(highHalf(queue.desc), value)
      break
    case VIRTIO_PCI_COMMON_Q_DESCHI:
      queue.desc = fromHalves(value, lowHalf(queue.desc))
      break
    case VIRTIO_PCI_COMMON_Q_AVAILLO:
      queue.avail = fromHalves(highHalf(queue.avail), value)
      break
    case VIRTIO_PCI_COMMON_Q_AVAILHI:
      queue.avail = fromHalves(value, lowHalf(queue.avail))
      break
    case VIRTIO_PCI_COMMON_Q_USEDLO:
      queue.used = fromHalves(highHalf(queue.used), value)
      break
    case VIRTIO_PCI_COMMON_Q_USEDHI:
      queue.used = fromHalves(value, lowHalf(queue.used))
  }
}
