// Symbols and images for kd, along its symbol path (docs/symbol-path.md).
import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import type { SymbolAnswer, SymbolRequest, SymbolSource } from '@dumpstack/debugger'
import { parseSymbolPath, type SymbolPathElement, SymbolsError, type WindowsRoot } from '@dumpstack/symbols'
import {
  foldersAlong,
  type ImageRequest,
  locateImage,
  locateSymbols,
  type OpenedSymbolFile,
  type SymbolAttempt,
  type SymbolEvent,
  SymbolSession,
} from '@dumpstack/symbols/node'

/** The kernel's name on disk tells nothing of which build it is; these are the names of its PDB and images. */
const KERNEL_PDB = 'ntkrnlmp.pdb'
/** Tables of one folder that are opened to find the kernel's by content, at half a second each; an identity finds it by name. */
const MAX_TABLES = 512
/** Below a folder of the path: where tables of the kernel alone are. */
const TABLE_FOLDERS = [[], [KERNEL_PDB], ['windows', KERNEL_PDB], ['symbols', 'windows', KERNEL_PDB]]
const TABLE_NAME = /\.json(\.(xz|gz))?$/i
/** No image of Windows is larger. */
const MAX_IMAGE_BYTES = 0x4000_0000
const KERNEL_IMAGES: ReadonlyMap<string, readonly string[]> = new Map([
  ['ntoskrnl.exe', ['ntoskrnl.exe', 'ntkrnlmp.exe']],
])
/** Drivers of the crash dump stack are copies under another name. */
const DUMP_PREFIX = /^dump_/i

export class HostSymbols implements SymbolSource {
  #symbolPath: string
  readonly #session: SymbolSession
  readonly #windowsRoots: readonly WindowsRoot[]

  /** `onEvent` is told of downloads. */
  constructor(
    symbolPath: string,
    windowsRoots: readonly WindowsRoot[],
    onEvent: (event: SymbolEvent) => void = () => undefined,
  ) {
    this.#symbolPath = symbolPath
    this.#windowsRoots = windowsRoots
    this.#session = new SymbolSession({ windowsRoots, defaultStore: path.join(homedir(), 'sym'), onEvent })
  }

  get symbolPath(): string {
    return this.#symbolPath
  }
  setSymbolPath(symbolPath: string): void {
    this.#symbolPath = symbolPath
  }

  async symbols(request: SymbolRequest, signal: AbortSignal): Promise<SymbolAnswer> {
    const elements = parseSymbolPath(this.#symbolPath)
    if (elements.length === 0) return { file: null, why: ['the symbol path is empty'] }
    const { pdb } = request
    if (pdb === null) return this.#byContent(request, signal)
    const wanted = { name: pdb.path, guid: pdb.guid, age: pdb.age }
    try {
      const located = await locateSymbols(wanted, elements, this.#session, signal)
      if (located.file !== null) return { file: located.file }
      const name = `${path.win32.basename(pdb.path)} ${pdb.guid} ${pdb.age.toString(16)}`
      return { file: null, why: whyNot(name, located.attempts) }
    } catch (error) {
      // What the image names its PDB by may be no name of a file.
      if (!(error instanceof SymbolsError && error.code === 'SYMBOLS_BAD_NAME')) throw error
      return { file: null, why: [error.message] }
    }
  }

  async image(request: SymbolRequest, signal: AbortSignal): Promise<Uint8Array | null> {
    const elements = parseSymbolPath(this.#symbolPath)
    const { timeDateStamp, sizeOfImage } = request
    const plain = request.imageName.replace(DUMP_PREFIX, '')
    const names = KERNEL_IMAGES.get(request.imageName.toLowerCase()) ?? [request.imageName, plain]
    for (const name of new Set(names)) {
      const wanted = { name, timeDateStamp, sizeOfImage }
      const found = await this.#imagePath(wanted, elements, signal)
      if (found !== null && statSync(found).size <= MAX_IMAGE_BYTES) return readFileSync(found)
    }
    return null
  }

  /** A name that comes from a dump may be none of a file: then no file has it. */
  async #imagePath(
    wanted: ImageRequest,
    elements: readonly SymbolPathElement[],
    signal: AbortSignal,
  ): Promise<string | null> {
    try {
      return (await locateImage(wanted, elements, this.#session, signal)).path
    } catch (error) {
      if (error instanceof SymbolsError && error.code === 'SYMBOLS_BAD_NAME') return null
      throw error
    }
  }

  /** Without an identity to look for: tables and the kernel's PDB in plain folders, each judged by what it says. */
  async #byContent(request: SymbolRequest, signal: AbortSignal): Promise<SymbolAnswer> {
    const why = [`neither the dump nor the symbol path holds ${request.imageName}, which names its PDB`]
    const { folders, attempts } = foldersAlong(parseSymbolPath(this.#symbolPath), this.#windowsRoots)
    why.push(...attempts.map(lineOf))
    const { matches } = request
    if (matches === undefined) return { file: null, why }
    for (const folder of folders) {
      const candidates = candidatesIn(folder)
      const others: string[] = []
      for (const file of candidates.slice(0, MAX_TABLES)) {
        signal.throwIfAborted()
        const opened = await this.#openOrSay(file, why)
        if (opened === null) continue
        if (matches(opened.file)) return { file: opened.file }
        opened.close()
        others.push(file)
      }
      if (others.length === 1)
        why.push(`${others[0]} is of another kernel: its variables lie elsewhere than in the dump`)
      else if (others.length > 1)
        why.push(
          `${folder} has ${others.length} of other kernels: their variables lie elsewhere than in the dump`,
        )
      const left = candidates.length - MAX_TABLES
      if (left > 0)
        why.push(
          `${folder} has ${left} tables more, which were not tried: put the image on the path, which names its PDB`,
        )
    }
    return { file: null, why }
  }

  /** Null where it is no symbol file; `why` says more, but for JSON that was never meant to be one. */
  async #openOrSay(file: string, why: string[]): Promise<OpenedSymbolFile | null> {
    try {
      return await this.#session.open(file)
    } catch (error) {
      if (!(error instanceof SymbolsError)) throw error
      if (error.code !== 'SYMBOLS_NOT_ISF') why.push(error.message)
      return null
    }
  }
}

/** A line for each place that has something to say; those that do not have the file share the last. */
function whyNot(name: string, attempts: readonly SymbolAttempt[]): string[] {
  const without = attempts.filter(({ outcome }) => outcome === 'absent').map(({ place }) => place)
  return [
    ...attempts.filter(({ outcome }) => outcome !== 'absent').map(lineOf),
    `${name} was not found${without.length === 0 ? '' : ` in ${[...new Set(without)].join(', ')}`}`,
  ]
}

const lineOf = ({ place, outcome, text }: SymbolAttempt): string =>
  outcome === 'no-such-folder' ? `${place}: ${text}` : `${place}: ${outcome}, ${text}`

/** Files that may be those of a kernel: its PDB and tables, also where volatility3 keeps them. */
function candidatesIn(folder: string): string[] {
  const tables = TABLE_FOLDERS.map((names) => path.join(folder, ...names))
    .filter((below) => isFolder(below))
    .flatMap((below) =>
      entriesOf(below)
        .filter((entry) => TABLE_NAME.test(entry))
        .map((entry) => path.join(below, entry)),
    )
  return [...tables, path.join(folder, KERNEL_PDB)].filter(isFile)
}

/** None where the folder is not ours to read. */
function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

const isFile = (file: string): boolean => kindOf(file)?.isFile() === true
const isFolder = (folder: string): boolean => kindOf(folder)?.isDirectory() === true

function kindOf(file: string): Stats | null {
  try {
    return statSync(file)
  } catch {
    return null // nothing there, or a loop of links
  }
}
