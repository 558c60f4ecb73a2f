// Names of the registers of virtio over PCI (VIRTIO 1.2 sections 4.1.4.3 and 4.1.4.10) and of the block device's configuration (5.2.4).
import * as registers from '@dumpstack/registers'
import { VIRTIO_PCI_LEGACY_CONFIG, VirtioBlkConfig } from '@dumpstack/registers'
import { nameAround, named } from '../register-names.ts'
import {
  COMMON_AT,
  DEVICE_AT,
  ISR_AT,
  LEGACY_BAR,
  MODERN_BAR,
  NOTIFY_AT,
  STRUCTURE_BYTES,
} from './identity.ts'

const COMMON = named(registers, 'VIRTIO_PCI_COMMON_', [
  'DFSELECT',
  'DF',
  'GFSELECT',
  'GF',
  'MSIX',
  'NUMQ',
  'STATUS',
  'CFGGENERATION',
  'Q_SELECT',
  'Q_SIZE',
  'Q_MSIX',
  'Q_ENABLE',
  'Q_NOFF',
  'Q_DESCLO',
  'Q_DESCHI',
  'Q_AVAILLO',
  'Q_AVAILHI',
  'Q_USEDLO',
  'Q_USEDHI',
])
const LEGACY = named(registers, 'VIRTIO_PCI_LEGACY_', [
  'HOST_FEATURES',
  'GUEST_FEATURES',
  'QUEUE_PFN',
  'QUEUE_NUM',
  'QUEUE_SEL',
  'QUEUE_NOTIFY',
  'STATUS',
  'ISR',
])
const BLOCK = new Map(Object.entries(VirtioBlkConfig.fields).map(([name, { offset }]) => [offset, name]))

export function virtioRegisterName(window: number, offset: number): string | null {
  if (window === LEGACY_BAR) {
    return offset < VIRTIO_PCI_LEGACY_CONFIG
      ? nameAround(LEGACY, offset)
      : blockName(offset - VIRTIO_PCI_LEGACY_CONFIG)
  }
  if (window !== MODERN_BAR) return null
  const inside = offset % STRUCTURE_BYTES
  switch (offset - inside) {
    case COMMON_AT:
      return nameAround(COMMON, inside)
    case ISR_AT:
      return inside === 0 ? 'ISR' : null
    case DEVICE_AT:
      return blockName(inside)
    case NOTIFY_AT:
      return 'NOTIFY'
    default:
      return null
  }
}

function blockName(offset: number): string | null {
  const name = nameAround(BLOCK, offset)
  return name === null ? null : `config.${name}`
}
