// Whether two paths of this host lead to one file: by another spelling, by a link.
import { statSync } from 'node:fs'

/** False where one is not there. */
export function isSameFile(one: string, other: string): boolean {
  const [first, second] = [one, other].map((file) => statSync(file, { throwIfNoEntry: false }))
  return first !== undefined && first.dev === second?.dev && first.ino === second.ino
}
