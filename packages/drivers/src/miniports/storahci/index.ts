// storahci: the miniport of AHCI controllers, from SRB to ATA command and back. Our own code after AHCI 1.3.1, SAT-3 and the
// public rules for boot drive miniports.
import { STOR_FEATURE_DUMP_POINTERS } from '@dumpstack/nt'
import { diskMiniportImage } from '../disk/disk-miniport-image.ts'
import { AhciAdapter } from './adapter.ts'
import { SRB_EXTENSION_BYTES } from './layouts.ts'
import { AhciRequest } from './request.ts'

export const storahci = diskMiniportImage({
  fileName: 'storahci.sys',
  symbolPrefix: 'Ahci',
  featureSupport: STOR_FEATURE_DUMP_POINTERS,
  srbExtensionSize: SRB_EXTENSION_BYTES,
  Request: AhciRequest,
  Adapter: AhciAdapter,
})
