// A compressed file of a store, expanded into a temporary. A cabinet of 3 MB can hold 2 GB of anything: what it says that it
// holds is bounded by its own size, and its first block is judged before the second is written.
import { open } from 'node:fs/promises'
import { FileSource } from '@dumpstack/bytes/node'
import { Cabinet, type CabinetFile } from '../cab/cabinet.ts'
import { SymbolsError } from '../errors.ts'
import { inflateRaw } from './inflate-raw.ts'
import type { SymbolAttempt } from './symbol-attempt.ts'

/** PDBs and images shrink to a tenth at best; a small one of zeros may be smaller, and does no harm. */
const MAX_RATIO = 100
const MAX_SMALL_BYTES = 0x400_0000
/** Blocks of 32 KiB between two turns of the host, so that Ctrl-C arrives. */
const BLOCKS_PER_TURN = 32

export interface Expansion {
  /** What the file is called; of a cabinet with one file that is taken, whatever its name. */
  readonly name: string
  /** A file that does not exist. */
  readonly into: string
  /** Judges the first block of a file of `byteLength` bytes: null where nothing speaks against it. */
  checkHead(head: Uint8Array, byteLength: number): SymbolAttempt | null
  readonly signal: AbortSignal | undefined
}

/** null once the file is whole; else why it was given up. Throws SymbolsError for a damaged cabinet. */
export async function expandCabinet(
  cabinetFile: string,
  { name, into, checkHead, signal }: Expansion,
): Promise<SymbolAttempt | null> {
  const source = new FileSource(cabinetFile)
  try {
    const cabinet = new Cabinet(source, cabinetFile, inflateRaw)
    const file = fileIn(cabinet, name)
    const most = Math.max(MAX_SMALL_BYTES, source.byteLength * MAX_RATIO)
    if (file.start + file.byteLength > most) {
      throw new SymbolsError(
        'SYMBOLS_TOO_LARGE',
        `${cabinetFile} of ${source.byteLength} bytes says that it expands to ${file.start + file.byteLength}, more than ${MAX_RATIO} times as many`,
        { cabinetFile },
      )
    }
    const output = await open(into, 'wx')
    try {
      let count = 0
      for (const block of cabinet.expand(file)) {
        const refused = count === 0 ? checkHead(block, file.byteLength) : null
        if (refused !== null) return refused
        await output.writeFile(block)
        if (++count % BLOCKS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
        signal?.throwIfAborted()
      }
    } finally {
      await output.close()
    }
    return null
  } finally {
    source.close()
  }
}

/** The one file that matters: the one of that name, or the only one. */
function fileIn(cabinet: Cabinet, name: string): CabinetFile {
  const wanted = name.toLowerCase()
  const file =
    cabinet.files.find((candidate) => candidate.name.toLowerCase() === wanted) ??
    (cabinet.files.length === 1 ? cabinet.files[0] : undefined)
  if (file !== undefined) return file
  throw new SymbolsError(
    'SYMBOLS_DAMAGED',
    `${cabinet.origin} has ${cabinet.files.length} files, none of them ${name}`,
  )
}
