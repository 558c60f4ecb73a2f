// A symbol file of this host by its content: a PDB, which is read as it is needed, or an ISF table, which is read whole.
import { readFileSync } from 'node:fs'
import { FileSource } from '@dumpstack/bytes/node'
import { SymbolsError } from '../errors.ts'
import { MAX_ISF_BYTES } from '../isf/json-budget.ts'
import { isIsf, openIsf } from '../isf/open-isf.ts'
import { PdbFile } from '../pdb/pdb-file.ts'
import type { SymbolFile } from '../symbol-file.ts'

/** The file stays open as long as the symbol file may be asked; `close` ends that. */
export interface OpenedSymbolFile {
  readonly file: SymbolFile
  close(): void
}

export async function openSymbolFile(path: string, origin: string = path): Promise<OpenedSymbolFile> {
  const source = openSource(path)
  try {
    const head = new Uint8Array(6)
    source.read(0, head)
    if (!isIsf(head)) {
      return { file: new PdbFile(source, origin), close: () => source.close() }
    }
    if (source.byteLength > MAX_ISF_BYTES) {
      throw new SymbolsError('SYMBOLS_TOO_LARGE', `${origin} has ${source.byteLength} bytes`, { origin })
    }
    const file = await openIsf(readFileSync(path), origin)
    source.close()
    return { file, close: () => undefined }
  } catch (error) {
    source.close()
    throw error
  }
}

function openSource(path: string): FileSource {
  try {
    return new FileSource(path)
  } catch (error) {
    throw new SymbolsError(
      'SYMBOLS_UNREADABLE',
      `${path} cannot be opened: ${error instanceof Error ? error.message : error}`,
      { path },
      { cause: error },
    )
  }
}
