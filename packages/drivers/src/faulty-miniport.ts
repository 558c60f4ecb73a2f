// A miniport that itself faults while the dump is written: the cause of a second bugcheck.
import { DriversError } from './errors.ts'
import type { MiniportImage } from './miniport.ts'

export function faultyMiniport(image: MiniportImage, _when: 'beforeHeader' | 'midBody'): MiniportImage {
  throw new DriversError('NOT_IMPLEMENTED', `a faulty ${image.fileName} is not built yet`)
}
