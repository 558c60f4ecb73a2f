// The processor's registers and all that generated code shares with the run loop: one array of 32-bit words, so that no
// 64-bit value is ever a BigInt while code runs. Seen as bytes, doubles and 64-bit integers too.

/** Indexes into `State.words`; a 64-bit value takes two, low half first. */
export const Word = {
  gpr: 0,
  rip: 32,
  /** Lazy flags, see flags.ts: how they came about and from which values. */
  flagKind: 34,
  result: 35,
  resultHigh: 36,
  left: 37,
  leftHigh: 38,
  right: 39,
  carry: 40,
  overflow: 41,
  adjust: 42,
  /** Arithmetic flags in their EFLAGS places when flagKind says that nothing is lazy. */
  arithmetic: 43,
  /** All other EFLAGS bits. */
  system: 44,
  /** Instructions until the run loop wants control back. */
  remaining: 45,
  /** Number of the instruction in its block that may be about to stop. */
  current: 46,
  /** Upper half of what a 64-bit load answered. */
  high: 47,
  gsBase: 48,
  fsBase: 50,
  cr8: 52,
  mxcsr: 53,
  cr0: 54,
  cr2: 56,
  cr3: 58,
  cr4: 60,
  efer: 62,
  xmm: 64,
  /** Room for forms that work on sixteen bytes of memory. */
  scratch: 128,
  kernelGsBase: 132,
  // what privileged.ts keeps
  star: 134,
  lstar: 136,
  cstar: 138,
  syscallMask: 140,
  gdtBase: 142,
  idtBase: 144,
  gdtLimit: 146,
  idtLimit: 147,
  tr: 148,
  ldtr: 149,
  cs: 150,
  ss: 151,
  x87Control: 152,
  /** dr0 to dr7, two words each. */
  dr: 154,
  count: 170,
} as const

export interface State {
  readonly words: Int32Array
  readonly bytes: Uint8Array
  readonly floats: Float32Array
  readonly doubles: Float64Array
  readonly quads: BigUint64Array
}

export function createState(): State {
  const buffer = new ArrayBuffer(Word.count * 4)
  const words = new Int32Array(buffer)
  words[Word.system] = 0x202 // the bit that is always set, and interrupts enabled
  words[Word.cr0] = 0x80050033 | 0 // PG, AM, WP, NE, ET, MP, PE
  words[Word.cr4] = 0x668 // OSXMMEXCPT, OSFXSR, MCE, PAE, DE
  words[Word.efer] = 0xd01 // NXE, LMA, LME, SCE
  words[Word.mxcsr] = 0x1f80
  words[Word.x87Control] = 0x27f // as Windows kernels run: double precision, exceptions masked
  words[Word.cs] = 0x10
  words[Word.ss] = 0x18
  words[Word.dr + 12] = 0xffff0ff0 | 0 // dr6 and dr7 after a reset (Intel SDM vol. 3A, table 10-1)
  words[Word.dr + 14] = 0x400
  return {
    words,
    bytes: new Uint8Array(buffer),
    floats: new Float32Array(buffer),
    doubles: new Float64Array(buffer),
    quads: new BigUint64Array(buffer),
  }
}
