// Boots the kernel half of the system: page tables, images, processes, processors, all laid out in guest RAM.
import { WindowsError } from '../errors.ts'
import type { BootedKernel, BootOptions } from './contract.ts'

export function bootKernel(_options: BootOptions): BootedKernel {
  throw new WindowsError('NOT_IMPLEMENTED', 'bootKernel is not built yet')
}
