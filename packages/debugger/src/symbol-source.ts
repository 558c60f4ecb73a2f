// Where symbol files and image files come from: the caller of the debugger injects it, so that the engine does no I/O.
import type { ImageIdentity } from '@dumpstack/image'
import type { SymbolFile } from '@dumpstack/symbols'

/** `pdb` is null where the dump does not hold the image's record. */
export interface SymbolRequest extends ImageIdentity {
  /**
   * Judges a file that was found without an identity to look for. Absent where nothing in the dump can tell: then no
   * file may be used.
   */
  readonly matches?: (file: SymbolFile) => boolean
}

export type SymbolAnswer =
  | { readonly file: SymbolFile }
  /** `why` has one line per place: what was wanted and what was found. */
  | { readonly file: null; readonly why: readonly string[] }

export interface SymbolSource {
  readonly symbolPath: string
  setSymbolPath(path: string): void
  symbols(request: SymbolRequest, signal: AbortSignal): Promise<SymbolAnswer>
  /** The image file itself, for code and unwind information that a dump does not hold; null where there is none. */
  image(request: SymbolRequest, signal: AbortSignal): Promise<Uint8Array | null>
}
