// The record of the NVMe controller: one namespace.
import { PCI_CLASS_NVME } from '@dumpstack/registers'
import type { ControllerModel } from '../controller-model.ts'
import { NvmeController } from './controller.ts'
import { nvmeAddressRegister, nvmeRegisterName } from './register-names.ts'
import { NVME_SETTINGS, type NvmeSettings } from './settings.ts'

export const nvme: ControllerModel<NvmeSettings> = {
  kind: 'nvme',
  pci: { classCode: PCI_CLASS_NVME },
  settings: NVME_SETTINGS,
  places: {},
  hasLink: false,
  create: (settings, [attachment], parts) => new NvmeController(settings, attachment!.device, parts),
  registerName: (_window, offset) => nvmeRegisterName(offset),
  addressRegister: (_window, offset) => nvmeAddressRegister(offset),
}
