// What is implemented and not compared with QEMU, by the beginning of the form's name, and why.

const REASONS: Readonly<Record<string, string>> = {
  Cpuid:
    'names a processor of our own, with the features that are implemented: a test of the room asks for each',
  Rdtsc: 'counts virtual nanoseconds',
  Hlt: 'QEMU waits for an interrupt; ours ends the call',
  Int_imm8: 'stops by name where QEMU looks for a gate that the harness does not have',
  Str_: "shows the harness's task register",
  Ltr_: "the harness's task segment is busy; ours has no descriptors",
  'Movsxd_r16_rm16 register memory': 'QEMU 7.2 reads 32 bits, of which 16 are used',
  Test_rm8_imm8_F6r1: 'processors take /1 as /0, QEMU 7.2 refuses it',
  Test_rm16_imm16_F7r1: 'the same',
  Test_rm32_imm32_F7r1: 'the same',
  Test_rm64_imm32_F7r1: 'the same',
}
const PREFIXES = Object.keys(REASONS)

export const reasonOf = (name: string): string | undefined =>
  PREFIXES.find((prefix) => name.startsWith(prefix))

/** Reasons for nothing. */
export const needless = (uncompared: readonly string[]): string[] =>
  PREFIXES.filter((prefix) => !uncompared.some((name) => name.startsWith(prefix)))
