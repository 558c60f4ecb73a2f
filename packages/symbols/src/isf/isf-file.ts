// An ISF table as a symbol file: the JSON that volatility3 makes of a PDB (its schema 6.x). Opening parses the JSON and
// reads the identity; symbols are sorted by the first address asked for, types made one by one.
import { countBefore } from '@dumpstack/bytes'
import { SymbolsError } from '../errors.ts'
import type {
  NamedSymbol,
  NearSymbol,
  SymbolFile,
  SymbolIdentity,
  SymbolType,
  TypeRef,
} from '../symbol-file.ts'
import { IsfTypes } from './isf-types.ts'
import { JsonPlace } from './json-place.ts'

/** Earlier schemas know no windows metadata or other kinds of type; none later is published. */
const SCHEMA_MAJOR = '6'
const MAX_RVA = 0xffffffff

export class IsfFile implements SymbolFile {
  readonly kind = 'isf'
  /** Its symbols have RVAs. */
  readonly hasSections = true
  readonly origin: string
  readonly identity: SymbolIdentity
  /** The name of the PDB that the table was made of. */
  readonly pdbName: string
  readonly #root: JsonPlace
  readonly #types: IsfTypes
  #table: { readonly rvas: Uint32Array; readonly symbols: readonly NamedSymbol[] } | null = null
  #byName: ReadonlyMap<string, NamedSymbol> | null = null
  #byOtherCase: ReadonlyMap<string, NamedSymbol> | null = null

  /** Throws a SymbolsError when the text is no table of Windows symbols. */
  constructor(text: string, origin: string) {
    this.origin = origin
    this.#root = new JsonPlace(parseJson(text, origin), `${origin}:`)
    const metadata = this.#root.at('metadata')
    if (metadata.value === undefined) {
      throw new SymbolsError('SYMBOLS_NOT_ISF', `${origin} has no metadata: not a table of symbols`, {
        origin,
      })
    }
    const format = metadata.at('format').string()
    if (format.split('.')[0] !== SCHEMA_MAJOR) {
      throw new SymbolsError(
        'SYMBOLS_UNSUPPORTED',
        `${origin}: metadata/format is ${JSON.stringify(format)}, expected ${SCHEMA_MAJOR}.x`,
        { origin, format },
      )
    }
    const windows = metadata.at('windows')
    if (windows.value === undefined) {
      throw new SymbolsError(
        'SYMBOLS_UNSUPPORTED',
        `${origin}: metadata has no windows part: not a table of a PDB`,
        { origin },
      )
    }
    const pdb = windows.at('pdb')
    const guid = pdb.at('GUID')
    if (!/^[0-9a-f]{32}$/i.test(guid.string())) throw guid.damaged('32 hexadecimal digits')
    this.identity = { guid: guid.string().toUpperCase(), age: pdb.at('age').integer(0, 0xffffffff) }
    this.pdbName = pdb.at('database').string()
    this.#types = new IsfTypes(this.#root)
  }

  /** Takes the first of several names for one address: nothing in the table says which is better. */
  near(rva: number): NearSymbol | null {
    const { rvas, symbols } = this.#sorted()
    const count = countBefore(rvas.length, (i) => rvas[i]! <= rva)
    if (count === 0) return null
    let index = count - 1
    while (index > 0 && rvas[index - 1] === rvas[index]) index--
    const symbol = symbols[index]!
    return { ...symbol, displacement: rva - symbol.rva }
  }

  /** By the exact name, else by the decorated one, else by the name in another case. */
  byName(name: string): NamedSymbol | null {
    this.#byName ??= this.#readNames()
    const exact = this.#byName.get(name)
    if (exact !== undefined) return exact
    this.#byOtherCase ??= new Map([...this.#byName].map(([key, symbol]) => [key.toLowerCase(), symbol]))
    return this.#byOtherCase.get(name.toLowerCase()) ?? null
  }

  symbols(): Iterable<NamedSymbol> {
    return this.#sorted().symbols
  }

  /** A table has neither procedures nor lines. */
  procedureAt(): null {
    return null
  }

  lineAt(): null {
    return null
  }

  typeByName(name: string): SymbolType | null {
    return this.#types.byName(name)
  }

  typeNames(): Iterable<string> {
    return this.#types.names()
  }

  resolve(type: TypeRef): SymbolType {
    return this.#types.resolve(type)
  }

  missingTypes(): null {
    return null
  }

  useSections(): void {}

  #readNames(): ReadonlyMap<string, NamedSymbol> {
    const { symbols } = this.#sorted()
    const table = this.#root.at('symbols').object()
    const names = new Map(symbols.map((symbol) => [symbol.name, symbol]))
    for (const symbol of symbols) {
      const { linkage_name: linkageName } = table[symbol.name] as { linkage_name?: unknown } // had an address
      if (typeof linkageName === 'string' && !names.has(linkageName)) names.set(linkageName, symbol)
    }
    return names
  }

  #sorted(): { readonly rvas: Uint32Array; readonly symbols: readonly NamedSymbol[] } {
    if (this.#table === null) {
      const table = this.#root.at('symbols')
      const symbols = Object.entries(table.object()).map(([name, value]): NamedSymbol => {
        const { address, type } = (value ?? {}) as { address?: unknown; type?: unknown } // any JSON: checked here
        const isRva = typeof address === 'number' && Number.isInteger(address) && address >= 0
        // A place for its message is made only for what is wrong: there are 40000 symbols.
        const rva = isRva && address <= MAX_RVA ? address : table.at(name).at('address').integer(0, MAX_RVA)
        return { name, rva, kind: type === undefined ? 'public' : kindOf(table.at(name).at('type')) }
      })
      symbols.sort((a, b) => a.rva - b.rva)
      this.#table = { rvas: Uint32Array.from(symbols, (symbol) => symbol.rva), symbols }
    }
    return this.#table
  }
}

/** Tables of public PDBs tell no types of symbols. */
const kindOf = (type: JsonPlace): NamedSymbol['kind'] =>
  type.at('kind').value === 'function' ? 'function' : 'data'

function parseJson(text: string, origin: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SymbolsError(
      'SYMBOLS_DAMAGED',
      `${origin} is not JSON of ${text.length} characters: ${error instanceof Error ? error.message : error}`,
      { origin },
      { cause: error },
    )
  }
}
