// The record of the AHCI controller: each disk is on a port of its own.
import { PCI_CLASS_AHCI } from '@dumpstack/registers'
import type { ControllerModel } from '../controller-model.ts'
import { AhciHba } from './hba.ts'
import { ahciAddressRegister, ahciRegisterName } from './register-names.ts'
import { AHCI_SETTINGS, type AhciSettings, PORT_COUNT } from './settings.ts'

export const ahci: ControllerModel<AhciSettings> = {
  kind: 'ahci',
  pci: { classCode: PCI_CLASS_AHCI },
  settings: AHCI_SETTINGS,
  places: { port: PORT_COUNT },
  hasLink: true,
  create: (settings, attachments, parts) => new AhciHba(settings, attachments, parts),
  registerName: (_window, offset) => ahciRegisterName(offset),
  addressRegister: (_window, offset) => ahciAddressRegister(offset),
}
