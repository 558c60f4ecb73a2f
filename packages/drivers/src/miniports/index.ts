// The miniports that TypeScript stands in for, by the names that profiles give them.
import { DriversError } from '../errors.ts'
import type { MiniportImage } from '../miniport.ts'
import { storahci } from './storahci/index.ts'
import { stornvme } from './stornvme/index.ts'
import { viostor } from './viostor/index.ts'

const MINIPORTS: readonly MiniportImage[] = [storahci, stornvme, viostor]

/** Throws DriversError WRONG_MINIPORT for a name that only a file can have. */
export function miniportNamed(fileName: string): MiniportImage {
  const found = MINIPORTS.find((miniport) => miniport.fileName === fileName)
  if (found !== undefined) return found
  const names = MINIPORTS.map((miniport) => miniport.fileName).join(', ')
  throw new DriversError(
    'WRONG_MINIPORT',
    `${fileName} is not a miniport of our own, expected one of ${names}`,
    {
      fileName,
    },
  )
}
