// IMAGE_FILE_MACHINE_* (PE/COFF specification, section "Machine Types").
export const IMAGE_FILE_MACHINE_AMD64 = 0x8664
export const IMAGE_FILE_MACHINE_ARM64 = 0xaa64

const NAMES: ReadonlyMap<number, string> = new Map([
  [0x014c, 'x86'],
  [0x0200, 'IA64'],
  [0x01c4, 'ARM'],
  [IMAGE_FILE_MACHINE_AMD64, 'x64'],
  [IMAGE_FILE_MACHINE_ARM64, 'ARM64'],
])

/** `x64`, or null for a number that is no machine Windows runs on. */
export const machineName = (machine: number): string | null => NAMES.get(machine) ?? null
