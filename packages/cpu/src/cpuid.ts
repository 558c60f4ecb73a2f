// What cpuid answers: a fixed, modest processor of our own. Feature bits name what is implemented and nothing else, so
// that code which asks takes a path that can run (Intel SDM vol. 2, CPUID; AMD's manual, volume 3, appendix E).

export interface CpuidLeaf {
  readonly eax: number
  readonly ebx: number
  readonly ecx: number
  readonly edx: number
}

/** Four characters, first in the low byte. */
const text = (characters: string): number =>
  characters.split('').reduce((word, character, index) => word | (character.charCodeAt(0) << (8 * index)), 0)

const bits = (names: Readonly<Record<string, number>>): number =>
  Object.values(names).reduce((word, bit) => word | (1 << bit), 0)

const FEATURES_ECX = bits({
  sse3: 0,
  ssse3: 9,
  cmpxchg16b: 13,
  sse41: 19,
  sse42: 20,
  movbe: 22,
  popcnt: 23,
  rdrand: 30,
})
const FEATURES_EDX = bits({
  de: 2,
  tsc: 4,
  msr: 5,
  pae: 6,
  cmpxchg8b: 8,
  pge: 13,
  cmov: 15,
  pat: 16,
  clflush: 19,
  fxsr: 24,
  sse: 25,
  sse2: 26,
})
const STRUCTURED_EBX = bits({ bmi1: 3, bmi2: 8, rdseed: 18, clflushopt: 23, clwb: 24 })
const EXTENDED_ECX = bits({ lahf: 0, lzcnt: 5, prefetchw: 8 })
const EXTENDED_EDX = bits({ syscall: 11, nx: 20, gigabytePages: 26, rdtscp: 27, longMode: 29 })
const CACHE_LINE_64 = 8 << 8
const NO_LEAF: CpuidLeaf = { eax: 0, ebx: 0, ecx: 0, edx: 0 }

const LEAVES: Readonly<Record<number, CpuidLeaf>> = {
  0: { eax: 7, ebx: text('Dump'), edx: text('stac'), ecx: text('kCPU') },
  1: { eax: 0x600, ebx: CACHE_LINE_64 | (1 << 16), ecx: FEATURES_ECX, edx: FEATURES_EDX },
  2147483648: { ...NO_LEAF, eax: 0x80000008 | 0 },
  2147483649: { ...NO_LEAF, ecx: EXTENDED_ECX, edx: EXTENDED_EDX },
  2147483656: { ...NO_LEAF, eax: 0x3030 }, // 48 bits of physical and of linear address
}
/** Leaf 7 has subleaves: features are in the first. */
const STRUCTURED = 7

export function cpuid(leaf: number, subleaf: number): CpuidLeaf {
  if (leaf === STRUCTURED) return subleaf === 0 ? { ...NO_LEAF, ebx: STRUCTURED_EBX } : NO_LEAF
  return LEAVES[leaf >>> 0] ?? NO_LEAF
}
