// The record of the virtio block device: one disk.
import { PCI_CLASS_SCSI } from '@dumpstack/registers'
import { BOTH_SECTOR_SIZES, type ControllerModel } from '../controller-model.ts'
import { SEG_MAX } from './identity.ts'
import { VirtioBlkPci, type VirtioBlkSettings } from './pci-function.ts'
import { virtioRegisterName } from './register-names.ts'

export const virtioBlk: ControllerModel<VirtioBlkSettings> = {
  kind: 'virtio-blk',
  pci: { classCode: PCI_CLASS_SCSI },
  settings: {
    segMax: { default: SEG_MAX, min: 1, max: 0xffffffff },
    virtio: { default: 'transitional', choices: ['transitional', 'modern'] },
  },
  places: {},
  hasLink: false,
  create: (settings, [attachment], parts) => new VirtioBlkPci(settings, attachment!.device, parts),
  registerName: virtioRegisterName,
  addressRegister: () => null,
  check: [
    ...BOTH_SECTOR_SIZES,
    { name: '8 segments a request', logicalSectorBytes: 512, settings: { segMax: 8 } },
  ],
}
