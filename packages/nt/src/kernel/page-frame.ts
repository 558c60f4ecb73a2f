// A row of the page frame database, nt!MmPfnDatabase: _MMPFN, x64 build 19041 (types of ntkrnlmp.pdb).
import { defineStruct, u8, u16, u64, type ViewOf } from '@dumpstack/bytes'

export const Mmpfn = defineStruct('_MMPFN', 0x30, {
  /** Active pages: working set index; listed pages: next PFN. */
  u1: u64(0x00),
  pteAddress: u64(0x08),
  originalPte: u64(0x10),
  /** Active pages: share count; listed pages: previous PFN. */
  u2: u64(0x18),
  referenceCount: u16(0x20),
  /** MMPFNENTRY1: PageLocation bits 0..2, Modified 4, CacheAttribute 6..7. */
  e1: u8(0x22),
  /** MMPFNENTRY3: Priority bits 0..2. */
  e3: u8(0x23),
  /** PteFrame bits 0..35, PfnExists bit 50. */
  u4: u64(0x28),
})
export type Mmpfn = ViewOf<typeof Mmpfn>

/** MMPFNENTRY1.PageLocation */
export const PageLocation = {
  ZeroedPageList: 0,
  FreePageList: 1,
  StandbyPageList: 2,
  ModifiedPageList: 3,
  ModifiedNoWritePageList: 4,
  BadPageList: 5,
  ActiveAndValid: 6,
  TransitionPage: 7,
} as const

export const MMPFN_MODIFIED = 0x10
/** CacheAttribute 1: cached. */
export const MMPFN_CACHED = 0x40
/** PfnExists, of the high half of u4. */
export const MMPFN_EXISTS_HIGH = 1 << 18
