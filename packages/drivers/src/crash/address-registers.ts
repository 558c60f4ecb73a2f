// Registers in which a controller keeps the address of a queue (DM-34): what a partial write leaves in them is the dead instance's.
// AHCI 1.3.1, sections 3.1 and 3.3: PxCLB, PxCLBU, PxFB and PxFBU of each port.

import type { ControllerKind } from '@dumpstack/machine'
import { AHCI_PORT_BYTES, AHCI_PORTS, PxCLB, PxCLBU, PxFB, PxFBU } from '@dumpstack/registers'

const AHCI_NAMES: ReadonlyMap<number, string> = new Map([
  [PxCLB, 'PxCLB'],
  [PxCLBU, 'PxCLBU'],
  [PxFB, 'PxFB'],
  [PxFBU, 'PxFBU'],
])

/** The name of the register at `offset` of the controller's window; null where it holds no address. */
export function addressRegister(kind: ControllerKind, offset: number): string | null {
  if (kind !== 'ahci' || offset < AHCI_PORTS) return null
  const inPort = (offset - AHCI_PORTS) % AHCI_PORT_BYTES
  return AHCI_NAMES.get(inPort - (inPort % 4)) ?? null
}
