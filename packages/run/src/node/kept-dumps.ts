// The way from a path of Windows to what a run has kept of it, without the test: for debuggers, which are started in a run folder, or
// in the folder of one of its variants.
import path from 'node:path'
import { MARKER, TRUTH_JSON } from '../index.ts'
import { MAX_TRUTH_JSON_BYTES } from '../limits.ts'
import { GuardedFolder } from './guarded-folder.ts'

/** A run folder, or a folder in one. Null for any other. Throws RunError RUN_FOLDER_UNSAFE, HOST_IO. */
export function runPlaceAt(folder: string): GuardedFolder | null {
  const place = GuardedFolder.at(folder)
  const isRun = place.hasFile(MARKER) || new GuardedFolder(path.dirname(place.path)).hasFile(MARKER)
  return isRun ? place : null
}

export interface KeptFile {
  /** As the system under test had it. */
  readonly windowsPath: string
  readonly modifiedAt: number
  /** On this host. */
  readonly file: string
}

/** The dumps in that place, and in the folders of variants in it, that the test has moved out of C:; a truth that is damaged leads to none. */
export function keptDumps(place: GuardedFolder, types: readonly string[]): KeptFile[] {
  const variants = place.folders().map((name) => `${name}/`)
  return ['', ...variants].flatMap((variant) =>
    types.flatMap((type) => {
      const truth = `${variant}${type}/${TRUTH_JSON}`
      if (!place.hasFile(truth)) return []
      const windowsPath = pathIn(place.read(truth, MAX_TRUTH_JSON_BYTES).toString('utf8'))
      if (windowsPath === null) return []
      const name = path.win32.basename(windowsPath)
      const kept = `${variant}${type}/${name}`
      if (!/\.dmp$/i.test(name) || !place.hasFile(kept)) return []
      return [{ windowsPath, modifiedAt: place.modifiedAt(kept), file: place.pathOf(kept) }]
    }),
  )
}

function pathIn(json: string): string | null {
  try {
    const kept: unknown = JSON.parse(json)
    if (typeof kept !== 'object' || kept === null || !('path' in kept)) return null
    return typeof kept.path === 'string' ? kept.path : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
