// STOR_SCATTER_GATHER_LIST (storport.h), x64: a header and NumberOfElements elements.
import { defineStruct, size64, u32, type ViewOf } from '@dumpstack/bytes'

export const StorScatterGatherList = defineStruct('STOR_SCATTER_GATHER_LIST', 0x10, {
  numberOfElements: u32(0x00),
})
export type StorScatterGatherList = ViewOf<typeof StorScatterGatherList>

export const StorScatterGatherElement = defineStruct('STOR_SCATTER_GATHER_ELEMENT', 0x18, {
  physicalAddress: size64(0x00),
  length: u32(0x08),
})
export type StorScatterGatherElement = ViewOf<typeof StorScatterGatherElement>
