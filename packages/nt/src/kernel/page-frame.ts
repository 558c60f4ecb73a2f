// MMPFNENTRY1 of a row of the page frame database, the same in the public types of builds 7601 and 19041 for x64.

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
