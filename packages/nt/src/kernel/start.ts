// What a processor and the loader hand to the kernel: machine frame (Intel SDM volume 3A 6.14.2) and LOADER_PARAMETER_BLOCK
// (public symbols of build 19041; the fields that a start needs).
import { defineStruct, struct, u16, u32, u64 } from '@dumpstack/bytes'
import { ListEntry } from './list.ts'

export const MachineFrame = defineStruct('_MACHINE_FRAME', 0x28, {
  rip: u64(0),
  segCs: u16(0x08),
  eFlags: u32(0x10),
  rsp: u64(0x18),
  segSs: u16(0x20),
})

export const LoaderParameterBlock = defineStruct('_LOADER_PARAMETER_BLOCK', 0x160, {
  loadOrderListHead: struct(0x10, ListEntry),
  kernelStack: u64(0x80),
  prcb: u64(0x88),
  process: u64(0x90),
  thread: u64(0x98),
})
