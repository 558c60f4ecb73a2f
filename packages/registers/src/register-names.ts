// Names of registers as the specifications spell them, for reports. A window of registers holds one structure or several.
import * as ahci from './ahci.ts'
import * as virtio from './virtio.ts'

/** What lies in a register window: the HBA's memory registers, or one of the virtio structures over PCI. */
export const REGISTER_STRUCTURES = [
  'ahci',
  'virtio legacy',
  'virtio common',
  'virtio isr',
  'virtio device',
  'virtio notify',
] as const
export type RegisterStructure = (typeof REGISTER_STRUCTURES)[number]

/** The constants of one structure whose name has the prefix, by offset: `VIRTIO_PCI_COMMON_STATUS` is `STATUS` at 0x14. */
function named(constants: object, prefix: string, names: readonly string[]): ReadonlyMap<number, string> {
  const all = new Map(Object.entries(constants))
  return new Map(names.map((name) => [Number(all.get(`${prefix}${name}`)), name]))
}

// AHCI 1.3.1 section 3.1
const GENERIC = named(ahci, 'AHCI_', [
  'CAP',
  'GHC',
  'IS',
  'PI',
  'VS',
  'CCC_CTL',
  'CCC_PORTS',
  'EM_LOC',
  'EM_CTL',
  'CAP2',
  'BOHC',
])
// AHCI 1.3.1 section 3.3
const PORT = named(ahci, 'Px', [
  'CLB',
  'CLBU',
  'FB',
  'FBU',
  'IS',
  'IE',
  'CMD',
  'TFD',
  'SIG',
  'SSTS',
  'SCTL',
  'SERR',
  'SACT',
  'CI',
  'SNTF',
  'FBS',
  'DEVSLP',
  'VS',
])
// VIRTIO 1.2 section 4.1.4.3
const COMMON = named(virtio, 'VIRTIO_PCI_COMMON_', [
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
// VIRTIO 1.2 section 4.1.4.10
const LEGACY = named(virtio, 'VIRTIO_PCI_LEGACY_', [
  'HOST_FEATURES',
  'GUEST_FEATURES',
  'QUEUE_PFN',
  'QUEUE_NUM',
  'QUEUE_SEL',
  'QUEUE_NOTIFY',
  'STATUS',
  'ISR',
])
const BLOCK = new Map(
  Object.entries(virtio.VirtioBlkConfig.fields).map(([name, { offset }]) => [offset, name]),
)

/** The register at or around `offset` of the structure; null where the specification has none. */
export function registerName(structure: RegisterStructure, offset: number): string | null {
  switch (structure) {
    case 'ahci':
      return ahciName(offset)
    case 'virtio legacy':
      return offset < virtio.VIRTIO_PCI_LEGACY_CONFIG
        ? nameAround(LEGACY, offset)
        : blockName(offset - virtio.VIRTIO_PCI_LEGACY_CONFIG)
    case 'virtio common':
      return nameAround(COMMON, offset)
    case 'virtio isr':
      return offset === 0 ? 'ISR' : null
    case 'virtio device':
      return blockName(offset)
    case 'virtio notify':
      return 'NOTIFY'
  }
}

/** `P0CMD`: the specification writes PxCMD, with the number of the port for x. */
function ahciName(offset: number): string | null {
  if (offset < ahci.AHCI_PORTS) return nameAround(GENERIC, offset)
  const inPorts = offset - ahci.AHCI_PORTS
  const port = Math.floor(inPorts / ahci.AHCI_PORT_BYTES)
  const name = nameAround(PORT, inPorts % ahci.AHCI_PORT_BYTES)
  return port < ahci.AHCI_MAX_PORTS && name !== null ? `P${port}${name}` : null
}

const blockName = (offset: number): string | null => {
  const name = nameAround(BLOCK, offset)
  return name === null ? null : `config.${name}`
}

const REGISTER_BYTES = 4

/** A part of a register has the register's name and its place in it: `CLB+2`. */
function nameAround(names: ReadonlyMap<number, string>, offset: number): string | null {
  for (let inside = 0; inside < REGISTER_BYTES; inside++) {
    const name = names.get(offset - inside)
    if (name !== undefined) return inside === 0 ? name : `${name}+${inside}`
  }
  return null
}
