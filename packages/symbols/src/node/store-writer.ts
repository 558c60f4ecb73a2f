// Writing into a downstream store: a file appears under its name whole and checked, or not at all. What is under way lies
// in the store's root under a name of its own, on the same file system. Nothing is written outside the store, no link is
// followed for a name that is made here, and nothing that was there before is lost.
import { randomUUID } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { copyFile } from 'node:fs/promises'
import path from 'node:path'
import { isSystemError } from '@dumpstack/bytes/node'
import { SymbolsError } from '../errors.ts'
import { FLAT_MARK, STORE_MARK, type StoreLayout, storeFolder, TWO_TIER_MARK } from '../store/store-key.ts'
import { inAnyCase } from './host-folder.ts'

/** A file of a store. */
export interface StorePlace {
  readonly root: string
  readonly name: string
  readonly key: string
  /** `name`, or what it is called compressed. */
  readonly fileName: string
  /** Whether a file that is there already is the right one. */
  isRight(file: string): Promise<boolean>
}

export function layoutOf(root: string): StoreLayout {
  if (existsSync(path.join(root, TWO_TIER_MARK))) return 'two-tier'
  return existsSync(path.join(root, FLAT_MARK)) ? 'flat' : 'single-tier'
}

/** A name for what is under way; makes the store where there is none. Throws the system's error when it cannot. */
export function newTemporary(root: string): string {
  if (!existsSync(root)) {
    makeFolder(root)
    makeMark(path.join(root, STORE_MARK))
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

function makeMark(file: string): void {
  try {
    writeFileSync(file, '', { flag: 'wx' })
  } catch (error) {
    if (!isSystemError(error) || error.code !== 'EEXIST') throw error
  }
}

/** Gives the temporary of this store its place; what is there already stays when it is right. */
export async function place(temporary: string, to: StorePlace): Promise<string> {
  const layout = layoutOf(to.root)
  const folder = folderInside(to.root, storeFolder(layout, to.name, to.key))
  const file = inAnyCase(folder, [to.fileName])
  if (movedTo(temporary, file) || (await to.isRight(file))) return file
  // In a store without folders for keys a file of another build is at home.
  if (layout === 'flat') {
    throw new SymbolsError(
      'SYMBOLS_STORE',
      `${file} is there and is another file, which is not overwritten`,
      { file },
    )
  }
  // In a folder of its key a file that is not of that key is of no use; it is not ours to delete.
  renameSync(file, `${file}.${randomUUID()}.bad`)
  if (movedTo(temporary, file) || (await to.isRight(file))) return file
  throw new SymbolsError('SYMBOLS_STORE', `${file} is made again and again by another process`, { file })
}

/** A copy under the store's own name for it. */
export async function copyInto(from: string, to: StorePlace): Promise<string> {
  const temporary = newTemporary(to.root)
  try {
    await copyFile(from, temporary, constants.COPYFILE_EXCL)
    return await place(temporary, to)
  } finally {
    rmSync(temporary, { force: true })
  }
}

/** Makes the folder below the root. A link that leads out of the store is not followed. */
function folderInside(root: string, names: readonly string[]): string {
  const inside = realpathSync(root)
  return names.reduce((parent, name) => {
    const folder = inAnyCase(parent, [name])
    makeFolder(folder)
    if (
      !`${realpathSync(folder)}${path.sep}`.startsWith(
        `${inside}${inside.endsWith(path.sep) ? '' : path.sep}`,
      )
    ) {
      throw new SymbolsError('SYMBOLS_STORE', `${folder} leads out of the store ${root}`, { folder })
    }
    return folder
  }, root)
}

/** In one step, and only where nothing is; false where something is. */
function movedTo(temporary: string, file: string): boolean {
  try {
    linkSync(temporary, file)
    rmSync(temporary)
    return true
  } catch (error) {
    if (!isSystemError(error)) throw error
    if (error.code === 'EEXIST') return false
  }
  // File systems without links, such as FAT: an empty file of our own takes the name first.
  try {
    closeSync(openSync(file, 'wx'))
  } catch (error) {
    if (isSystemError(error) && error.code === 'EEXIST') return false
    throw error
  }
  renameSync(temporary, file)
  return true
}
