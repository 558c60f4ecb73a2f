// storahci: the miniport of AHCI controllers.
import { DriversError } from '../../errors.ts'
import type { MiniportImage } from '../../miniport.ts'

export const storahci: MiniportImage = {
  fileName: 'storahci.sys',
  load() {
    throw new DriversError('NOT_IMPLEMENTED', 'storahci is not built yet')
  },
}
