// POOL_HEADER of x64 (types of ntkrnlmp.pdb): in front of each block of pool that shares its page with others. Sizes count 16 bytes.
// The segment heap of later builds has pages without it.
import { bytes, defineStruct, u8, type ViewOf } from '@dumpstack/bytes'

export const PoolHeader = defineStruct('_POOL_HEADER', 0x10, {
  previousSize: u8(0x00),
  blockSize: u8(0x02),
  poolTag: bytes(0x04, 4),
})
export type PoolHeader = ViewOf<typeof PoolHeader>

export const POOL_BLOCK_UNIT = 0x10
