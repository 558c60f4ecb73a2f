// The import directory: PE Format, section "The .idata Section".
import { hex } from '@dumpstack/bytes'
import { ImageError } from './errors.ts'
import type { Directory, ImageFile } from './image-file.ts'
import { ImportDescriptor } from './layouts.ts'

export interface ImportedName {
  /** `#17` for an import by ordinal 17, as forwarders write it. */
  readonly name: string
  /** Where the loader puts the address: 8 bytes in the import address table. */
  readonly iatRva: number
}

export interface PeImport {
  readonly dll: string
  readonly names: readonly ImportedName[]
}

const HINT_BYTES = 2
/** Our choice: the largest images of Windows import some thousand. */
const MAX_IMPORTS = 0x1_0000

export function readImports(file: ImageFile, directory: Directory | null, sizeOfImage: number): PeImport[] {
  const imports: PeImport[] = []
  if (directory === null) return imports
  // Thunk tables do not overlap, so all of them together are never longer than the file.
  let thunksLeft = Math.min(Math.floor(file.bytes.byteLength / 8), MAX_IMPORTS)
  for (let rva = directory.rva; ; rva += ImportDescriptor.size) {
    const descriptor = file.structAt(ImportDescriptor, rva, `import descriptor ${imports.length}`)
    if (descriptor.name === 0 || descriptor.firstThunk === 0) return imports
    const dll = file.nameAt(descriptor.name, `name of import descriptor ${imports.length}`)
    const lookup = descriptor.originalFirstThunk === 0 ? descriptor.firstThunk : descriptor.originalFirstThunk
    const names: ImportedName[] = []
    for (;;) {
      const iatRva = descriptor.firstThunk + names.length * 8
      const what = `import ${names.length} of ${dll}`
      const at = file.offsetOf(lookup + names.length * 8, 8, what)
      const low = file.view.getUint32(at, true)
      const high = file.view.getUint32(at + 4, true)
      if (low === 0 && high === 0) break
      if (thunksLeft-- === 0 || iatRva + 8 > sizeOfImage) {
        throw new ImageError(
          'IMAGE_BAD_IMPORT',
          `${what} has its address at rva ${hex(iatRva)}: the tables are longer than the image of ${hex(sizeOfImage)} bytes, or than ${MAX_IMPORTS} entries`,
          { dll, iatRva },
        )
      }
      const name = high >>> 31 === 1 ? `#${low & 0xffff}` : file.nameAt(low + HINT_BYTES, what)
      names.push({ name, iatRva })
    }
    imports.push({ dll, names })
  }
}
