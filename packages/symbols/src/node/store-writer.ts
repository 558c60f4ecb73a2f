// Writing into a downstream store: a file appears under its name whole and checked, or not at all. What is under way lies
// in the store's root under a name of its own, on the same file system.
import { randomUUID } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { FileSource } from '@dumpstack/bytes/node'
import { Cabinet } from '../cab/cabinet.ts'
import { SymbolsError } from '../errors.ts'
import { FLAT_MARK, STORE_MARK, type StoreLayout, storeFolder, TWO_TIER_MARK } from '../store/store-key.ts'
import { inAnyCase } from './host-folder.ts'
import { inflateRaw } from './inflate-raw.ts'

export function layoutOf(root: string): StoreLayout {
  if (existsSync(path.join(root, TWO_TIER_MARK))) return 'two-tier'
  return existsSync(path.join(root, FLAT_MARK)) ? 'flat' : 'single-tier'
}

/** A name for what is under way; makes the store where there is none. Throws the system's error when it cannot. */
export function newTemporary(root: string): string {
  if (!existsSync(root)) {
    makeFolder(root)
    writeFileSync(path.join(root, STORE_MARK), '')
  }
  const file = path.join(root, `dumpstack-${randomUUID()}.tmp`)
  writeFileSync(file, '', { flag: 'wx' }) // finds out now whether the store can be written
  rmSync(file)
  return file
}

/** One level at a time: node's own `recursive` never returns where the system says that a parent which is there is not, as in /proc. */
function makeFolder(folder: string): void {
  const parent = path.dirname(folder)
  if (parent !== folder && !existsSync(parent)) makeFolder(parent)
  try {
    mkdirSync(folder)
  } catch (error) {
    if (!existsSync(folder)) throw error // another process may have made it meanwhile
  }
}

/** Gives the temporary of this store its place, over a bad one that may be there. */
export function place(root: string, temporary: string, name: string, key: string, fileName: string): string {
  const folder = inAnyCase(root, storeFolder(layoutOf(root), name, key))
  mkdirSync(folder, { recursive: true })
  const file = inAnyCase(folder, [fileName])
  renameSync(temporary, file)
  return file
}

/** A copy under the store's own name for it. */
export function copyInto(root: string, from: string, name: string, key: string, fileName: string): string {
  const temporary = newTemporary(root)
  try {
    copyFileSync(from, temporary)
    return place(root, temporary, name, key, fileName)
  } finally {
    rmSync(temporary, { force: true })
  }
}

/** Expands the one file that matters: the one of that name, or the only one. */
export function expandCabinet(cabinetFile: string, name: string, into: string): void {
  const source = new FileSource(cabinetFile)
  try {
    const cabinet = new Cabinet(source, cabinetFile, inflateRaw)
    const wanted = name.toLowerCase()
    const file =
      cabinet.files.find((candidate) => candidate.name.toLowerCase() === wanted) ??
      (cabinet.files.length === 1 ? cabinet.files[0] : undefined)
    if (file === undefined) {
      throw new SymbolsError(
        'SYMBOLS_DAMAGED',
        `${cabinetFile} has ${cabinet.files.length} files, none of them ${name}`,
      )
    }
    const output = openSync(into, 'wx')
    try {
      for (const block of cabinet.expand(file)) writeFileSync(output, block)
    } finally {
      closeSync(output)
    }
  } finally {
    source.close()
  }
}
