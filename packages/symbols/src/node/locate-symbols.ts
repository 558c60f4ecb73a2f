// What a debugger asks a symbol path: the symbols of a module. The answer is the file, or the reasons, one for each place
// that was tried. A file of another build is never used.
import { SymbolsError } from '../errors.ts'
import { isIsf } from '../isf/open-isf.ts'
import { readSuperBlock, SUPER_BLOCK_BYTES } from '../pdb/msf.ts'
import { fileNameOf, pdbKey } from '../store/store-key.ts'
import type { SymbolPathElement } from '../store/symbol-path.ts'
import type { SymbolFile, SymbolIdentity } from '../symbol-file.ts'
import { Search } from './search.ts'
import type { SymbolAttempt } from './symbol-attempt.ts'
import type { SymbolSession } from './symbol-session.ts'
import { walk } from './walk.ts'

export interface SymbolRequest extends SymbolIdentity {
  /** As the image names its PDB: the last part counts. */
  readonly name: string
}
export interface LocatedSymbols {
  readonly file: SymbolFile | null
  /** Where on this host, when it was found. */
  readonly path: string | null
  readonly attempts: readonly SymbolAttempt[]
  /** When nothing more will be asked of the file. */
  close(): void
}

/** Folders that symbols of an image lie in, below a plain folder of the path. */
const KINDS_OF_IMAGE = ['exe', 'dll', 'sys']

/** Tables are looked up by their names, however many there are: in the folder, or as volatility3 keeps them, from any level. */
const TABLE_SUFFIXES = ['.xz', '.gz', '.bz2', '']
const TABLE_FOLDERS = [[], ['windows'], ['symbols', 'windows']]

export async function locateSymbols(
  request: SymbolRequest,
  symbolPath: readonly SymbolPathElement[],
  session: SymbolSession,
  signal?: AbortSignal,
): Promise<LocatedSymbols> {
  const name = fileNameOf(request.name)
  const wanted = { guid: request.guid.toUpperCase(), age: request.age }
  const tables = TABLE_SUFFIXES.map((suffix) => `${wanted.guid}-${wanted.age}.json${suffix}`)
  const search = new Search(
    {
      name,
      key: pdbKey(wanted),
      loosePaths: [
        [name],
        ...KINDS_OF_IMAGE.map((kind) => [kind, name]),
        ...KINDS_OF_IMAGE.map((kind) => ['symbols', kind, name]),
        [name, pdbKey(wanted), name],
        ...tables.map((table) => [table]),
        ...TABLE_FOLDERS.flatMap((folders) => tables.map((table) => [...folders, name, table])),
      ],
      check: (file, shownAs) => checkIdentity(session, file, shownAs, wanted),
      checkHead: (head, byteLength, shownAs) => checkHead(head, byteLength, shownAs),
    },
    session,
    signal,
  )
  const found = await walk(search, symbolPath)
  if (found === null) return { file: null, path: null, attempts: search.attempts, close: () => undefined }
  return { ...(await session.open(found)), path: found, attempts: search.attempts }
}

async function checkIdentity(
  session: SymbolSession,
  file: string,
  shownAs: string,
  wanted: SymbolIdentity,
): Promise<SymbolAttempt> {
  try {
    const opened = await session.open(file, shownAs)
    opened.close()
    const found = opened.file.identity
    if (found.guid === wanted.guid && found.age === wanted.age) {
      return { place: shownAs, outcome: 'found', text: `it is ${written(found)}`, found }
    }
    const text = `mismatched: wanted ${written(wanted)}, found ${written(found)}`
    return { place: shownAs, outcome: 'wrong-identity', text, found }
  } catch (error) {
    if (!(error instanceof SymbolsError)) throw error
    return { place: shownAs, outcome: 'unreadable', text: error.message }
  }
}

/** The first block of a file shows of what kind it is, and a PDB's how long it has to be. */
function checkHead(head: Uint8Array, byteLength: number, shownAs: string): SymbolAttempt | null {
  if (isIsf(head)) return null
  try {
    readSuperBlock(head.subarray(0, SUPER_BLOCK_BYTES), byteLength, shownAs)
    return null
  } catch (error) {
    if (!(error instanceof SymbolsError)) throw error
    return { place: shownAs, outcome: 'unreadable', text: error.message }
  }
}

const written = ({ guid, age }: SymbolIdentity): string => `guid ${guid} age ${age}`
