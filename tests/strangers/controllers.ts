// The controllers that strangers drive: every one that a machine can have.
import { ahci, type ControllerModel, nvme, virtioBlk } from '@dumpstack/machine'

export interface StrangersRow {
  readonly model: ControllerModel
  /** Drivers of Debian's kernel, in the order of their loading; what they depend on is found. */
  readonly modules: readonly string[]
  /** Requests that Linux has in flight when it fills the queue. */
  readonly queueDepth: number
  /** Registers that Linux reads although we do not model them; docs/conformance.md says why. */
  readonly notModelled: readonly string[]
  /** Settings whose limit SeaBIOS goes beyond, so that requests fail; docs/conformance.md says how. */
  readonly exceeded: readonly string[]
  /** Interrupts by messages, as `lspci` names their capability; every controller has a line too. */
  readonly messages: 'MSI' | 'MSI-X'
}

export const ROWS: readonly StrangersRow[] = [
  {
    model: ahci,
    modules: ['ahci', 'sd_mod'],
    queueDepth: 32,
    messages: 'MSI',
    notModelled: ['EM_LOC', 'EM_CTL'],
    exceeded: [],
  },
  { model: nvme, modules: ['nvme'], queueDepth: 64, messages: 'MSI-X', notModelled: [], exceeded: [] },
  {
    model: virtioBlk,
    modules: ['virtio_pci', 'virtio_blk'],
    queueDepth: 64,
    messages: 'MSI-X',
    notModelled: [],
    exceeded: ['sizeMax'],
  },
]
