// A row of the crash dump stack as the broker has loaded it, which `dumpstack stack` prints.
import type { StackImage } from './profile.ts'

export interface StackRow extends Pick<StackImage, 'nameOnDisk' | 'baseName' | 'fullName' | 'purpose'> {
  readonly base: bigint
  readonly size: number
  readonly state: 'loaded' | 'unloaded'
}
