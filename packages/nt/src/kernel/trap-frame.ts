// KTRAP_FRAME of x64: what the entry of a trap or interrupt leaves on the stack (types of ntkrnlmp.pdb, build 19041; debuggers
// read those of other builds by it too: unverified before it). The nonvolatile registers but rbp are kept elsewhere, and only by some entries.
import { defineStruct, u8, u16, u32, u64, type ViewOf } from '@dumpstack/bytes'

export const KtrapFrame = defineStruct('_KTRAP_FRAME', 0x190, {
  previousMode: u8(0x28),
  mxCsr: u32(0x2c),
  rax: u64(0x30),
  rcx: u64(0x38),
  rdx: u64(0x40),
  r8: u64(0x48),
  r9: u64(0x50),
  r10: u64(0x58),
  r11: u64(0x60),
  /** The address of a page fault. */
  faultAddress: u64(0xd0),
  rbp: u64(0x158),
  errorCode: u64(0x160),
  rip: u64(0x168),
  segCs: u16(0x170),
  eFlags: u32(0x178),
  rsp: u64(0x180),
  segSs: u16(0x188),
})
export type KtrapFrame = ViewOf<typeof KtrapFrame>

/**
 * What KTHREAD.KernelStack of a thread that does not run points to: the end of the frame that switching away left.
 * unverified: no public page gives it; public PDBs of some builds hold the type, and these offsets are theirs.
 */
export const KswitchFrame = defineStruct('_KSWITCH_FRAME', 0x40, { rbp: u64(0x30), return: u64(0x38) })
