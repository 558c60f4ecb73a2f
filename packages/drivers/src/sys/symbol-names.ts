// Names for places in a driver, from its PDB: who composes the run gives them in.
import { type Gva, hex } from '@dumpstack/bytes'
import type { SourcePlace } from '@dumpstack/nt'
import type { LoadedImage } from '../kernel-services.ts'

export interface SymbolNames {
  /** `VirtIoBuildIo+0x1c`; null where the PDB has no name below the address. */
  nameAt(rva: number): string | null
  /** Absent, or null, where no line is known. */
  lineAt?(rva: number): SourcePlace | null
}

export const NO_NAMES: SymbolNames = { nameAt: () => null }

/** As debuggers write it: `c:\src\viostor.c @ 120`. */
export const sourceText = ({ file, line }: SourcePlace): string => `${file} @ ${line}`

/**
 * `dump_viostor!VirtIoBuildIo+0x1c`, or `dump_viostor+0x1234` without a name. An import that a routine ends with is a jump: it
 * returns to the caller of the routine, outside the image.
 */
export function placeIn(image: LoadedImage, names: SymbolNames, address: Gva): string {
  const rva = Number(address - image.base)
  if (rva < 0 || rva >= image.size) return `${image.baseName} (a tail call of the routine)`
  const module = image.baseName.replace(/\.[^.]*$/, '')
  const name = names.nameAt(rva)
  return name === null ? `${module}+${hex(rva)}` : `${module}!${name}`
}
