// What cpuid answers: a fixed, modest processor of our own. Feature bits name what is implemented and nothing else, so
// that code which asks takes a path that can run (Intel SDM vol. 2, CPUID).

export interface CpuidLeaf {
  readonly eax: number
  readonly ebx: number
  readonly ecx: number
  readonly edx: number
}

/** Four characters, first in the low byte. */
const text = (characters: string): number =>
  characters.split('').reduce((word, character, index) => word | (character.charCodeAt(0) << (8 * index)), 0)

const FEATURES_ECX = (1 << 13) | (1 << 23) // CMPXCHG16B, POPCNT
// TSC, MSR, PAE, CX8, PGE, CMOV, PAT, CLFSH, FXSR, SSE, SSE2
const FEATURES_EDX =
  (1 << 4) |
  (1 << 5) |
  (1 << 6) |
  (1 << 8) |
  (1 << 13) |
  (1 << 15) |
  (1 << 16) |
  (1 << 19) |
  (1 << 24) |
  (1 << 25) |
  (1 << 26)
const EXTENDED_EDX = (1 << 20) | (1 << 26) | (1 << 27) | (1 << 29) // NX, 1 GiB pages, RDTSCP, long mode
const LAHF_AND_LZCNT = (1 << 0) | (1 << 5)
const CACHE_LINE_64 = 8 << 8
const NO_LEAF: CpuidLeaf = { eax: 0, ebx: 0, ecx: 0, edx: 0 }

const LEAVES: Readonly<Record<number, CpuidLeaf>> = {
  0: { eax: 1, ebx: text('Dump'), edx: text('stac'), ecx: text('kCPU') },
  1: { eax: 0x600, ebx: CACHE_LINE_64 | (1 << 16), ecx: FEATURES_ECX, edx: FEATURES_EDX },
  2147483648: { ...NO_LEAF, eax: 0x80000008 | 0 },
  2147483649: { ...NO_LEAF, ecx: LAHF_AND_LZCNT, edx: EXTENDED_EDX },
  2147483656: { ...NO_LEAF, eax: 0x3030 }, // 48 bits of physical and of linear address
}

export const cpuid = (leaf: number): CpuidLeaf => LEAVES[leaf >>> 0] ?? NO_LEAF
