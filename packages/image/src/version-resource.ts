// The file version in an image's resources: Microsoft "PE Format", "The .rsrc Section", and VS_VERSIONINFO of the Windows SDK's
// verrsrc.h. Windows loads drivers whose resources are damaged, so such a version is an absent one.
import { ImageError } from './errors.ts'
import type { Directory, ImageFile } from './image-file.ts'
import { FixedFileInfo, ResourceDataEntry, ResourceDirectory, ResourceDirectoryEntry } from './layouts.ts'

const RT_VERSION = 16
/** Set in an entry's offset where it is of another directory, and in its name where that is a text. */
const IS_BELOW = 0x8000_0000
const SIGNATURE = 0xfeef04bd
/** The offset of VS_FIXEDFILEINFO: after three words and the key `VS_VERSION_INFO`, on the next multiple of four. */
const FIXED_FILE_INFO_AT = 0x28

/** `10.0.19041.1`; null where the image says none. */
export function readFileVersion(file: ImageFile, directory: Directory | null): string | null {
  if (directory === null) return null
  try {
    // type, name, language: the only version, in the first language
    const type = entryBelow(file, directory.rva, 0, (id) => id === RT_VERSION)
    const name = type === null ? null : entryBelow(file, directory.rva, type)
    const language = name === null ? null : entryBelow(file, directory.rva, name)
    if (language === null) return null
    const data = file.structAt(ResourceDataEntry, directory.rva + language, 'resource')
    const info = file.structAt(FixedFileInfo, data.offsetToData + FIXED_FILE_INFO_AT, 'version')
    if (info.signature !== SIGNATURE) return null
    const { fileVersionMs: high, fileVersionLs: low } = info
    return [high >>> 16, high & 0xffff, low >>> 16, low & 0xffff].join('.')
  } catch (error) {
    if (error instanceof ImageError) return null
    throw error
  }
}

/** Where the first entry leads that `isWanted`, as an offset from the root; null where there is none. */
function entryBelow(
  file: ImageFile,
  root: number,
  offset: number,
  isWanted: (id: number) => boolean = () => true,
): number | null {
  const what = 'resource directory'
  const { numberOfNamedEntries, numberOfIdEntries } = file.structAt(ResourceDirectory, root + offset, what)
  for (let i = 0; i < numberOfNamedEntries + numberOfIdEntries; i++) {
    const at = root + offset + ResourceDirectory.size + i * ResourceDirectoryEntry.size
    const { name, offsetToData } = file.structAt(ResourceDirectoryEntry, at, what)
    if (isWanted(name)) return offsetToData & ~IS_BELOW
  }
  return null
}
