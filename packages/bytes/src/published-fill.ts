// RAM that the guest never wrote holds a published pattern, so that a stranger can recompute every unused page:
// 32-bit word j (0..1023) of page PFN is fmix32(seed + PFN*1024 + j), arithmetic modulo 2^32.
// fmix32 is the finaliser of MurmurHash3_x86_32 (Austin Appleby, public domain).
import type { Pfn } from './address.ts'

const WORDS_PER_PAGE = 1024

/** Fills `pageCount` pages that follow each other; `into` holds 1024 words a page, little-endian host. */
export function publishedFill(seed: number, base: Pfn, pageCount: number, into: Uint32Array): void {
  let key = (seed + base * WORDS_PER_PAGE) | 0
  const words = pageCount * WORDS_PER_PAGE
  for (let j = 0; j < words; j++) {
    let h = key
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    into[j] = h ^ (h >>> 16)
    key = (key + 1) | 0
  }
}
