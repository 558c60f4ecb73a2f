// Which disk the dump goes to, as the dump port's context names it: the GUID in the header of its partition table. UEFI 2.10,
// section 5.3.2. crashdmp asks while the system runs; nothing may read the disk at the crash.
import { bytes, defineStruct, type Gpa } from '@dumpstack/bytes'
import type { Machine } from '@dumpstack/machine'
import type { RuntimeStack } from '../runtime-stack.ts'

const GptHeader = defineStruct('EFI_PARTITION_TABLE_HEADER', 0x5c, {
  signature: bytes(0x00, 8),
  diskGuid: bytes(0x38, 16),
})
const SIGNATURE = 'EFI PART'
const GPT_HEADER_BLOCK = 1

// PARTITION_STYLE (winioctl.h)
const PARTITION_STYLE_GPT = 1
const PARTITION_STYLE_RAW = 2

export interface DiskIdentity {
  readonly partitionStyle: number
  /** Zeros where the disk has no GPT. */
  readonly diskId: Uint8Array
}

/** `scratch`: a page of RAM that may be overwritten. A disk with an MBR counts as raw: its signature is not modelled. */
export function readDiskIdentity(machine: Machine, runtime: RuntimeStack, scratch: Gpa): DiskIdentity {
  const { sectorBytes } = runtime.bootDevice
  runtime.read(GPT_HEADER_BLOCK * sectorBytes, scratch, sectorBytes)
  runtime.drain()
  const header = GptHeader.at(machine.ram.view(scratch, GptHeader.size))
  const isGpt = String.fromCharCode(...header.signature) === SIGNATURE
  return {
    partitionStyle: isGpt ? PARTITION_STYLE_GPT : PARTITION_STYLE_RAW,
    diskId: isGpt ? header.diskGuid.slice() : new Uint8Array(16),
  }
}
