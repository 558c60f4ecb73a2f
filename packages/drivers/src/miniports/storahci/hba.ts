// The HBA as a whole: taking it over and finding the port with the disk. Serial ATA AHCI 1.3.1, sections 10.1.2 and 10.4.3.
import {
  AHCI_GHC,
  AHCI_MAX_PORTS,
  AHCI_PI,
  GHC_AE,
  GHC_HR,
  GHC_IE,
  PxCMD,
  PxCMD_SUD,
} from '@dumpstack/registers'
import type { DeviceRegisters, PortExports } from '../../miniport.ts'
import { HbaPort } from './hba-port.ts'

// 10.4.3: the HBA clears HR within a second
const RESET_STEP_MS = 20
const RESET_STEPS = 50

/** DM-29: an HBA that firmware or a dead instance left enabled is reset first; commands in flight end there. */
export function takeHba(registers: DeviceRegisters, port: PortExports): boolean {
  if ((registers.read32(AHCI_GHC) & GHC_AE) !== 0) {
    registers.write32(AHCI_GHC, (GHC_AE | GHC_HR) >>> 0)
    let steps = 0
    while ((registers.read32(AHCI_GHC) & GHC_HR) !== 0) {
      if (++steps > RESET_STEPS) return false
      port.stallExecution(RESET_STEP_MS * 1000)
    }
  }
  // AE first: while it is clear, other registers take no writes
  registers.write32(AHCI_GHC, GHC_AE >>> 0)
  registers.write32(AHCI_GHC, (GHC_AE | GHC_IE) >>> 0)
  return true
}

/** The first implemented port whose link comes up; -1 without one. */
export function firstPortWithDevice(registers: DeviceRegisters, port: PortExports): number {
  const implemented = registers.read32(AHCI_PI)
  for (let number = 0; number < AHCI_MAX_PORTS; number++) {
    if ((implemented & (1 << number)) === 0) continue
    const candidate = new HbaPort(registers, port, number)
    candidate.write(PxCMD, candidate.read(PxCMD) | PxCMD_SUD)
    if (candidate.awaitLink(0)) return number
  }
  return -1
}
