// Real inputs from outside this project are in shared/data, beside the project or beside a folder above it; they
// are no part of it. A test that needs one is skipped where it is absent, and says `shared/data` in its name.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The path of shared/data/`name`; null where it is not there. */
export function sharedData(name: string): string | null {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const candidate = join(folder, 'shared', 'data', name)
    if (existsSync(candidate)) return candidate
    if (folder === dirname(folder)) return null
  }
}
