// Where a file is in a symbol store (Microsoft's "Symbol storage format", "Symbol store folder tree"): root, name, key,
// name; the name again with its last letter replaced when compressed; or a pointer to a file elsewhere.
import { SymbolsError } from '../errors.ts'
import type { SymbolIdentity } from '../symbol-file.ts'

export type StoreLayout =
  /** root\name\key\name */
  | 'single-tier'
  /** root\na\name\key\name, where the root holds `index2.txt`. */
  | 'two-tier'
  /** root\name, where the root holds `flat.txt`. unverified: known from one tool of another maker. */
  | 'flat'

export const TWO_TIER_MARK = 'index2.txt'
export const FLAT_MARK = 'flat.txt'
export const POINTER_NAME = 'file.ptr'
/** A pointer is one path; what is larger is none. */
export const MAX_POINTER_BYTES = 0x400
/** Marks the root of a store for debuggers. */
export const STORE_MARK = 'pingme.txt'

export const pdbKey = ({ guid, age }: SymbolIdentity): string => `${guid.toUpperCase()}${age.toString(16)}`

/** For images: what they were linked at, and their size in memory. */
export const imageKey = (timeDateStamp: number, sizeOfImage: number): string =>
  `${timeDateStamp.toString(16).toUpperCase().padStart(8, '0')}${sizeOfImage.toString(16)}`

export const compressedName = (name: string): string => `${[...name].slice(0, -1).join('')}_`

/** From the root to the folder that holds the file. */
export function storeFolder(layout: StoreLayout, name: string, key: string): string[] {
  switch (layout) {
    case 'single-tier':
      return [name, key]
    case 'two-tier':
      return [name.slice(0, 2), name, key]
    case 'flat':
      return []
  }
}

const MAX_NAME = 255
const FORBIDDEN = '\\/:*?"<>|'
/** Names of devices on Windows, whatever follows after a dot. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])(?:\.|$)/i
/** What a store has in its root for itself. */
const MARKS: ReadonlySet<string> = new Set([TWO_TIER_MARK, FLAT_MARK, STORE_MARK])

/** The last part of a path that an image names its PDB by. It comes from the image: it must not lead anywhere else. */
export function fileNameOf(path: string): string {
  const name = path.slice(Math.max(path.lastIndexOf('\\'), path.lastIndexOf('/')) + 1)
  const isClean =
    [...name].every((letter) => letter >= ' ' && !FORBIDDEN.includes(letter)) &&
    // Windows drops dots and spaces at the end; the first two letters are a folder of their own in stores of two tiers.
    !/[. ]$/.test(name) &&
    !name.startsWith('..') &&
    !DEVICE.test(name) &&
    !MARKS.has(name.toLowerCase())
  if (name === '' || name.length > MAX_NAME || !isClean) {
    throw new SymbolsError(
      'SYMBOLS_BAD_NAME',
      `${JSON.stringify(path.slice(0, MAX_NAME))} does not end in the name of a file that a store can hold`,
      {},
    )
  }
  return name
}

export type StorePointer =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'message'; readonly text: string }

/** `file.ptr`: a bare path as documented, or with the `PATH:` and `MSG:` that stores in the field have. */
export function parsePointer(content: string): StorePointer {
  const text = content.split(/[\r\n\0]/, 1)[0]!.trim()
  const [, mark, rest] = /^(path|msg):(.*)$/i.exec(text) ?? []
  if (mark?.toLowerCase() === 'msg') return { kind: 'message', text: rest!.trim() }
  const path = (rest ?? text).trim()
  return path === '' ? { kind: 'message', text: 'the pointer is empty' } : { kind: 'path', path }
}
