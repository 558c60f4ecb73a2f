// The record of the AHCI controller: each disk is on a port of its own.
import { PCI_CLASS_AHCI } from '@dumpstack/registers'
import { BOTH_SECTOR_SIZES, type ControllerModel } from '../controller-model.ts'
import { AhciHba, PORT_COUNT } from './hba.ts'
import { ahciAddressRegister, ahciRegisterName } from './register-names.ts'

export const ahci: ControllerModel<Readonly<Record<never, never>>> = {
  kind: 'ahci',
  pci: { classCode: PCI_CLASS_AHCI },
  settings: {},
  places: { port: PORT_COUNT },
  hasLink: true,
  create: (_settings, attachments, parts) => new AhciHba(attachments, parts),
  registerName: (_window, offset) => ahciRegisterName(offset),
  addressRegister: (_window, offset) => ahciAddressRegister(offset),
  check: BOTH_SECTOR_SIZES,
}
