// Symbols for kd: what lies in the folders of the symbol path.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { FileSource } from '@dumpstack/bytes/node'
import type { SymbolAnswer, SymbolRequest, SymbolSource } from '@dumpstack/debugger'
import { openIsf, PdbFile, type SymbolFile, SymbolsError } from '@dumpstack/symbols'

/** A folder with more entries than any store's is not searched for tables by content. */
const MAX_TABLES = 64

export class HostSymbols implements SymbolSource {
  #symbolPath: string
  readonly #open: FileSource[] = []

  constructor(symbolPath: string) {
    this.#symbolPath = symbolPath
  }

  get symbolPath(): string {
    return this.#symbolPath
  }
  setSymbolPath(symbolPath: string): void {
    this.#symbolPath = symbolPath
  }

  async symbols(request: SymbolRequest, signal: AbortSignal): Promise<SymbolAnswer> {
    const why: string[] = []
    for (const folder of this.#folders()) {
      signal.throwIfAborted()
      for (const candidate of candidates(folder, request)) {
        const file = await this.#openSymbols(candidate, why)
        if (file === null) continue
        if (isWanted(file, request)) return { file }
        why.push(mismatch(file, request))
      }
    }
    if (this.#symbolPath === '') why.push('the symbol path is empty')
    else if (why.length === 0) why.push(`${wantedName(request)} is not in ${this.#symbolPath}`)
    return { file: null, why }
  }

  image(request: SymbolRequest): Promise<Uint8Array | null> {
    for (const folder of this.#folders()) {
      for (const name of imageNames(request)) {
        const key = `${hexUpper(request.timeDateStamp).padStart(8, '0')}${request.sizeOfImage.toString(16)}`
        for (const file of [path.join(folder, name), path.join(folder, name, key, name)]) {
          if (existsSync(file)) return Promise.resolve(readFileSync(file))
        }
      }
    }
    return Promise.resolve(null)
  }

  close(): void {
    for (const source of this.#open) source.close()
  }

  #folders(): string[] {
    return this.#symbolPath
      .split(';')
      .flatMap((element) =>
        element
          .trim()
          .replace(/^(srv|cache)\*/i, '')
          .split('*'),
      )
      .filter((folder) => folder !== '' && existsSync(folder) && statSync(folder).isDirectory())
  }

  async #openSymbols(file: string, why: string[]): Promise<SymbolFile | null> {
    try {
      if (/\.json(\.xz)?$/.test(file)) return await openIsf(readFileSync(file), file)
      const source = new FileSource(file)
      this.#open.push(source)
      return new PdbFile(source, file)
    } catch (error) {
      if (!(error instanceof SymbolsError)) throw error
      why.push(error.message)
      return null
    }
  }
}

const hexUpper = (value: number): string => value.toString(16).toUpperCase()

const pdbName = (request: SymbolRequest): string | null =>
  request.pdb === null ? null : path.win32.basename(request.pdb.path)

/** The kernel is called ntoskrnl.exe on disk, whichever of its builds it is. */
const imageNames = ({ imageName }: SymbolRequest): string[] =>
  imageName.toLowerCase() === 'ntoskrnl.exe'
    ? [imageName, 'ntkrnlmp.exe']
    : [imageName, imageName.replace(/^dump_/, '')]

function candidates(folder: string, request: SymbolRequest): string[] {
  const name = pdbName(request)
  const found: string[] = []
  const add = (...parts: string[]): void => {
    const file = path.join(folder, ...parts)
    if (existsSync(file) && statSync(file).isFile()) found.push(file)
  }
  if (name !== null && request.pdb !== null) {
    const key = `${request.pdb.guid}${request.pdb.age.toString(16).toUpperCase()}`
    add(name)
    add('symbols', path.extname(request.imageName).slice(1), name)
    add(name, key, name)
    for (const ending of ['json', 'json.xz']) {
      add(`${request.pdb.guid}-${request.pdb.age}.${ending}`)
      add(name, `${request.pdb.guid}-${request.pdb.age}.${ending}`)
    }
  } else if (request.matches !== undefined) {
    const tables = readdirSync(folder).filter((entry) => /\.json(\.xz)?$/.test(entry))
    for (const entry of tables.slice(0, MAX_TABLES)) add(entry)
    add('ntkrnlmp.pdb')
  }
  return found
}

function isWanted(file: SymbolFile, request: SymbolRequest): boolean {
  if (request.pdb === null) return request.matches?.(file) === true
  return file.identity.guid === request.pdb.guid && file.identity.age === request.pdb.age
}

const wantedName = (request: SymbolRequest): string =>
  request.pdb === null
    ? `a PDB of ${request.imageName}, whose identity is not in the dump,`
    : `${pdbName(request)} ${request.pdb.guid} ${request.pdb.age.toString(16)}`

const mismatch = (file: SymbolFile, request: SymbolRequest): string =>
  request.pdb === null
    ? `${file.origin} is of another kernel: its variables lie elsewhere than in the dump`
    : `${file.origin} has ${file.identity.guid} ${file.identity.age.toString(16)}, wanted ${request.pdb.guid} ${request.pdb.age.toString(16)}`
