// The record of the virtio block device: one disk.
import { PCI_CLASS_SCSI } from '@dumpstack/registers'
import type { ControllerModel } from '../controller-model.ts'
import { VirtioBlkPci } from './pci-function.ts'
import { virtioRegisterName } from './register-names.ts'
import { VIRTIO_BLK_SETTINGS, type VirtioBlkSettings } from './settings.ts'

export const virtioBlk: ControllerModel<VirtioBlkSettings> = {
  kind: 'virtio-blk',
  pci: { classCode: PCI_CLASS_SCSI },
  settings: VIRTIO_BLK_SETTINGS,
  places: {},
  hasLink: false,
  create: (settings, [attachment], parts) => new VirtioBlkPci(settings, attachment!.device, parts),
  registerName: virtioRegisterName,
  addressRegister: () => null,
}
