// x64 page-table entries as the processor (Intel SDM vol. 3, 4.5) and, where not valid, Windows (MMPTE_TRANSITION,
// MMPTE_PROTOTYPE, MMPTE_SOFTWARE of ntkrnlmp.pdb, build 19041) read them. Masks are of the low 32 bits of an entry
// unless the name says High: translation works on halves.

export const PTE_VALID = 0x001
export const PTE_WRITE = 0x002
export const PTE_OWNER = 0x004
export const PTE_WRITE_THROUGH = 0x008
export const PTE_CACHE_DISABLE = 0x010
export const PTE_ACCESSED = 0x020
export const PTE_DIRTY = 0x040
/** In a PDPTE a 1 GiB page, in a PDE a 2 MiB page. */
export const PTE_LARGE_PAGE = 0x080
export const PTE_GLOBAL = 0x100
export const PTE_COPY_ON_WRITE = 0x200
export const PTE_PROTOTYPE = 0x400
/** In an entry that is not valid: the page is still in memory. */
export const PTE_TRANSITION = 0x800

/** PFN bits 12..47: bits 12..31 of the low half, bits 0..15 of the high half. */
export const PTE_PFN_LOW_MASK = 0xffff_f000
export const PTE_PFN_HIGH_MASK = 0x0000_ffff
export const PTE_NO_EXECUTE_HIGH = 0x8000_0000

export const PTE_SIZE = 8
export const PTES_PER_TABLE = 512
