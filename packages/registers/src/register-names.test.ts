// Offsets as the specifications print them, not as our constants have them.
import { expect, it } from 'vitest'
import { type RegisterStructure, registerName } from './register-names.ts'

it.each<[RegisterStructure, number, string | null]>([
  ['ahci', 0x00, 'CAP'],
  ['ahci', 0x04, 'GHC'],
  ['ahci', 0x28, 'BOHC'],
  ['ahci', 0x2c, null],
  ['ahci', 0x118, 'P0CMD'],
  ['ahci', 0x1b8, 'P1CI'],
  ['ahci', 0x102, 'P0CLB+2'],
  ['ahci', 0x11c, null],
  ['ahci', 0x10b4, 'P31SACT'],
  ['ahci', 0x1100, null],
  ['virtio common', 0x14, 'STATUS'],
  ['virtio common', 0x15, 'CFGGENERATION'],
  ['virtio common', 0x20, 'Q_DESCLO'],
  ['virtio legacy', 0x10, 'QUEUE_NOTIFY'],
  ['virtio legacy', 0x13, 'ISR'],
  ['virtio legacy', 0x14, 'config.capacity'],
  ['virtio device', 0x14, 'config.blkSize'],
  ['virtio isr', 0, 'ISR'],
  ['virtio isr', 4, null],
  ['virtio notify', 8, 'NOTIFY'],
])('names %s at %i as the specification does', (structure, offset, name) => {
  expect(registerName(structure, offset)).toBe(name)
})
