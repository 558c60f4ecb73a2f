// Names of the HBA's registers (AHCI 1.3.1 sections 3.1 and 3.3), and which of them hold addresses.
import * as registers from '@dumpstack/registers'
import { AHCI_MAX_PORTS, AHCI_PORT_BYTES, AHCI_PORTS } from '@dumpstack/registers'
import { nameAround, named } from '../register-names.ts'

const GENERIC = named(registers, 'AHCI_', [
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
const PORT = named(registers, 'Px', [
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
/** Of the command list and of received FISes. */
const ADDRESSES = named(registers, 'Px', ['CLB', 'CLBU', 'FB', 'FBU'])

/** `P0CMD`: the specification writes PxCMD, with the number of the port for x. */
export function ahciRegisterName(offset: number): string | null {
  if (offset < AHCI_PORTS) return nameAround(GENERIC, offset)
  const inPorts = offset - AHCI_PORTS
  const port = Math.floor(inPorts / AHCI_PORT_BYTES)
  const name = nameAround(PORT, inPorts % AHCI_PORT_BYTES)
  return port < AHCI_MAX_PORTS && name !== null ? `P${port}${name}` : null
}

/** `PxCLB`, of any port. */
export function ahciAddressRegister(offset: number): string | null {
  if (offset < AHCI_PORTS) return null
  const inPort = (offset - AHCI_PORTS) % AHCI_PORT_BYTES
  const name = ADDRESSES.get(inPort - (inPort % 4))
  return name === undefined ? null : `Px${name}`
}
