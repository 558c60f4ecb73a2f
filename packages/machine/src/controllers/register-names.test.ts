// Offsets as the specifications print them, not as our constants have them.
import { expect, it } from 'vitest'
import { ahci } from './ahci/index.ts'
import type { ControllerModel } from './controller-model.ts'
import { nvme } from './nvme/index.ts'
import { virtioBlk } from './virtio-blk/index.ts'

it.each<[ControllerModel, number, number, string | null]>([
  [ahci, 5, 0x00, 'CAP'],
  [ahci, 5, 0x04, 'GHC'],
  [ahci, 5, 0x28, 'BOHC'],
  [ahci, 5, 0x2c, null],
  [ahci, 5, 0x118, 'P0CMD'],
  [ahci, 5, 0x1b8, 'P1CI'],
  [ahci, 5, 0x102, 'P0CLB+2'],
  [ahci, 5, 0x11c, null],
  [ahci, 5, 0x10b4, 'P31SACT'],
  [ahci, 5, 0x1100, null],
  [nvme, 0, 0x00, 'CAP'],
  [nvme, 0, 0x14, 'CC'],
  [nvme, 0, 0x1e, 'CSTS+2'],
  [nvme, 0, 0x18, null],
  [nvme, 0, 0x1000, 'SQ0TDBL'],
  [nvme, 0, 0x100c, 'doorbell 0x100c'],
  [nvme, 0, 0x5000, null],
  [virtioBlk, 4, 0x14, 'STATUS'],
  [virtioBlk, 4, 0x15, 'CFGGENERATION'],
  [virtioBlk, 4, 0x20, 'Q_DESCLO'],
  [virtioBlk, 0, 0x10, 'QUEUE_NOTIFY'],
  [virtioBlk, 0, 0x13, 'ISR'],
  [virtioBlk, 0, 0x14, 'config.capacity'],
  [virtioBlk, 4, 0x2014, 'config.blkSize'],
  [virtioBlk, 4, 0x1000, 'ISR'],
  [virtioBlk, 4, 0x1004, null],
  [virtioBlk, 4, 0x3008, 'NOTIFY'],
  [virtioBlk, 1, 0, null],
])('names registers of $kind, window %i, at %i as the specification does', (model, window, offset, name) => {
  expect(model.registerName(window, offset)).toBe(name)
})

it.each([
  [ahci, 0x100, 'PxCLB'],
  [ahci, 0x18e, 'PxFBU'],
  [ahci, 0x118, null],
  [ahci, 0x08, null],
  [nvme, 0x28, 'ASQ'],
  [nvme, 0x36, 'ACQ_HIGH'],
  [nvme, 0x24, null],
  [nvme, 0x38, null],
])('says which registers hold addresses: $kind at %i', (model, offset, name) => {
  expect(model.addressRegister(5, offset)).toBe(name)
})
