// Of which run a file is a part, by its place: a file that a user has written must not replace it.
import { lstatSync, readlinkSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { MARKER } from '../index.ts'
import { isInPlace, isRecord } from '../run-name.ts'
import { isLockName } from './lock-name.ts'

/** The run folder; null for a file that is none of a run's, whether it is there or not. `next`: where a run is to begin, and has no marker yet. */
export function runOfFile(file: string, next: string | null = null): string | null {
  const real = realOf(path.resolve(file))
  if (real === null) return null
  const coming = next === null ? null : realOf(path.resolve(next))
  if (real === coming) return real
  for (let at = path.dirname(real); ; at = path.dirname(at)) {
    if (at === coming || lstatSync(path.join(at, MARKER), { throwIfNoEntry: false }) !== undefined) {
      const name = path.relative(at, real).split(path.sep).join('/')
      const inVariant = name.slice(name.indexOf('/') + 1)
      const isOfRun =
        name === MARKER || isLockName(name) || isRecord(name) || isInPlace(name) || isInPlace(inVariant)
      return isOfRun ? at : null
    }
    if (at === path.dirname(at)) return null
  }
}

/** As many links as Linux follows in one path. */
const MAX_LINKS = 40

/** Where a file is or would be made, through links to what is not there yet; null where not even its folder is there. */
function realOf(file: string): string | null {
  let at = file
  for (let links = 0; links < MAX_LINKS; links++) {
    try {
      return realpathSync(at)
    } catch {
      // it is not there, or a loop of links
    }
    try {
      at = path.join(realpathSync(path.dirname(at)), path.basename(at))
    } catch {
      return null
    }
    if (!lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink()) return at
    at = path.resolve(path.dirname(at), readlinkSync(at))
  }
  return null
}
