// stornvme: the miniport of NVMe controllers, from SRB to NVM command and back. Our own code after NVM Express 1.4 and the public rules
// for boot drive miniports. It has no STOR_FEATURE_DUMP_POINTERS: the dump instance finds its controller through the bus again (DM-35),
// and its memory in the region that the running instance asked for (DM-15).
import { diskMiniportImage } from '../disk/disk-miniport-image.ts'
import { NvmeAdapter } from './adapter.ts'
import { SRB_EXTENSION_BYTES } from './layouts.ts'
import { NvmeRequest } from './nvme-command.ts'

export const stornvme = diskMiniportImage({
  fileName: 'stornvme.sys',
  symbolPrefix: 'Nvme',
  featureSupport: 0,
  srbExtensionSize: SRB_EXTENSION_BYTES,
  Request: NvmeRequest,
  Adapter: NvmeAdapter,
})
