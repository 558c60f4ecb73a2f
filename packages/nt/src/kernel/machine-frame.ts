// What an x64 processor pushes when it enters the kernel (Intel SDM volume 3A 6.14.2).
import { defineStruct, u16, u32, u64 } from '@dumpstack/bytes'

export const MachineFrame = defineStruct('_MACHINE_FRAME', 0x28, {
  rip: u64(0),
  segCs: u16(0x08),
  eFlags: u32(0x10),
  rsp: u64(0x18),
  segSs: u16(0x20),
})
