// viostor: the miniport of virtio block devices, from SRB to block request and back. Our own code after VIRTIO 1.2 and the public
// rules for boot drive miniports; the name is the field's, where the driver comes from a third party. Like that one it has no
// STOR_FEATURE_DUMP_POINTERS: the dump instance finds its device through the bus again (DM-35).
import { diskMiniportImage } from '../disk/disk-miniport-image.ts'
import { VirtioBlkAdapter } from './adapter.ts'
import { BlkRequest } from './blk-command.ts'
import { SRB_EXTENSION_BYTES } from './layouts.ts'

export const viostor = diskMiniportImage({
  fileName: 'viostor.sys',
  symbolPrefix: 'VirtIo',
  featureSupport: 0,
  srbExtensionSize: SRB_EXTENSION_BYTES,
  Request: BlkRequest,
  Adapter: VirtioBlkAdapter,
})
