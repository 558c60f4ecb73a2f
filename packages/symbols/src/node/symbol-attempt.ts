// What one place of a symbol path said.
import type { SymbolIdentity } from '../symbol-file.ts'

export type SymbolOutcome =
  | 'found'
  | 'absent'
  /** The path names a folder that is not there: mistyped, or not mounted. */
  | 'no-such-folder'
  /** It is another build's: never used. `found` says whose. */
  | 'wrong-identity'
  /** Damaged, of another kind, or not ours to read. */
  | 'unreadable'
  /** A server that failed: not the same as not having it. */
  | 'unreachable'
  /** A part of the path that cannot be searched, or a store that cannot be written. */
  | 'unusable'

export interface SymbolAttempt {
  /** A file, folder or address. */
  readonly place: string
  readonly outcome: SymbolOutcome
  readonly text: string
  readonly found?: SymbolIdentity
}
