// Symbols and images for kd, along its symbol path (docs/symbol-path.md).
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import type { SymbolAnswer, SymbolRequest, SymbolSource } from '@dumpstack/debugger'
import { parseSymbolPath, type SymbolPathElement, SymbolsError, type WindowsRoot } from '@dumpstack/symbols'
import {
  hostPath,
  locateImage,
  locateSymbols,
  type OpenedSymbolFile,
  openSymbolFile,
  type SymbolAttempt,
  SymbolSession,
} from '@dumpstack/symbols/node'

/** A folder with more tables than this is not searched for one by content. */
const MAX_TABLES = 64
/** The kernel's name on disk tells nothing of which build it is; these are the names of its PDB and images. */
const KERNEL_PDB = 'ntkrnlmp.pdb'
const KERNEL_IMAGES: ReadonlyMap<string, readonly string[]> = new Map([
  ['ntoskrnl.exe', ['ntoskrnl.exe', 'ntkrnlmp.exe']],
])
/** Drivers of the crash dump stack are copies under another name. */
const DUMP_PREFIX = /^dump_/i

export class HostSymbols implements SymbolSource {
  #symbolPath: string
  readonly #session: SymbolSession
  readonly #windowsRoots: readonly WindowsRoot[]

  constructor(symbolPath: string, windowsRoots: readonly WindowsRoot[]) {
    this.#symbolPath = symbolPath
    this.#windowsRoots = windowsRoots
    this.#session = new SymbolSession({ windowsRoots, defaultStore: path.join(homedir(), 'sym') })
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
      if (!(error instanceof SymbolsError)) throw error
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
      const located = await locateImage(wanted, elements, this.#session, signal)
      if (located.path !== null) return readFileSync(located.path)
    }
    return null
  }

  /** Without an identity to look for: tables and the kernel's PDB in plain folders, each judged by what it says. */
  async #byContent(request: SymbolRequest, signal: AbortSignal): Promise<SymbolAnswer> {
    const why = [`neither the dump nor the symbol path holds ${request.imageName}, which names its PDB`]
    const { matches } = request
    if (matches === undefined) return { file: null, why }
    for (const folder of this.#folders(why)) {
      const tables = readdirSync(folder).filter((entry) => /\.json(\.xz)?$/.test(entry))
      for (const entry of [...tables.slice(0, MAX_TABLES), KERNEL_PDB]) {
        signal.throwIfAborted()
        const file = path.join(folder, entry)
        if (!isFile(file)) continue
        const opened = await openOrSay(file, why)
        if (opened === null) continue
        if (matches(opened.file)) return { file: opened.file }
        opened.close()
        why.push(`${file} is of another kernel: its variables lie elsewhere than in the dump`)
      }
    }
    return { file: null, why }
  }

  #folders(why: string[]): string[] {
    return parseSymbolPath(this.#symbolPath)
      .flatMap(foldersOf)
      .map((folder) => this.#hostPath(folder, why))
      .filter((folder) => folder !== null)
      .filter((folder) => existsSync(folder) && statSync(folder).isDirectory())
  }

  /** Null where it leads nowhere, or over a link, which `why` says. */
  #hostPath(folder: string, why: string[]): string | null {
    try {
      return hostPath(folder, this.#windowsRoots)
    } catch (error) {
      if (!(error instanceof SymbolsError)) throw error
      why.push(error.message)
      return null
    }
  }
}

/** A line for each place that has something to say; those that do not have the file share the last. */
function whyNot(name: string, attempts: readonly SymbolAttempt[]): string[] {
  const without = attempts.filter(({ outcome }) => outcome === 'absent').map(({ place }) => place)
  return [
    ...attempts
      .filter(({ outcome }) => outcome !== 'absent')
      .map(({ place, outcome, text }) => `${place}: ${outcome}, ${text}`),
    `${name} was not found${without.length === 0 ? '' : ` in ${[...new Set(without)].join(', ')}`}`,
  ]
}

/** Null where it is no symbol file; `why` says more, but for JSON that was never meant to be one. */
async function openOrSay(file: string, why: string[]): Promise<OpenedSymbolFile | null> {
  try {
    return await openSymbolFile(file)
  } catch (error) {
    if (!(error instanceof SymbolsError)) throw error
    if (error.code !== 'SYMBOLS_NOT_ISF') why.push(error.message)
    return null
  }
}

function foldersOf(element: SymbolPathElement): string[] {
  switch (element.kind) {
    case 'folder':
      return [element.path]
    case 'cache':
      return element.store.kind === 'folder' ? [element.store.path] : []
    case 'chain':
      return element.stores.flatMap((store) => (store.kind === 'folder' ? [store.path] : []))
    case 'unusable':
      return []
  }
}

const isFile = (file: string): boolean => existsSync(file) && statSync(file).isFile()
