// The modules of the target: their names as debuggers write them, their image (from memory, and from a file where the
// dump does not hold it), and their symbols, which are looked for when first needed.
import { countBefore, type Gva, gva, hex, hex64 } from '@dumpstack/bytes'
import { type LoadedModule, moduleFileName, type VirtualSpace } from '@dumpstack/dumpfile'
import { ImageError, type MappedImage, mapPe, openMappedImage, parsePe } from '@dumpstack/image'
import type { SymbolFile } from '@dumpstack/symbols'
import type { SymbolRequest, SymbolSource } from './symbol-source.ts'

export type SymbolStatus = 'deferred' | 'pdb' | 'isf' | 'export' | 'none'

export interface NamedPlace {
  readonly name: string
  /** Bytes from the symbol to the address. */
  readonly displacement: number
}

const PAGE = 4096
/** First address after user space. */
const USER_END = 1n << 47n
/** How Microsoft's compilers decorate string constants. */
const STRING_CONSTANT = '??_C@'

export class DebugModule {
  /** `nt` for the kernel, else the base name without its extension. */
  readonly name: string
  readonly loaded: LoadedModule
  readonly #space: VirtualSpace
  readonly #matches: ((file: SymbolFile) => boolean) | undefined
  #fileMemory: Uint8Array | null = null
  #hasAskedForFile = false
  #imageFault: string | null = null
  #image: MappedImage | ImageError | null = null
  #exports: readonly (readonly [name: string, rva: number])[] | null = null
  #symbols: SymbolFile | null = null
  #status: SymbolStatus = 'deferred'
  #why: readonly string[] = []

  constructor(
    loaded: LoadedModule,
    name: string,
    space: VirtualSpace,
    matches?: (file: SymbolFile) => boolean,
  ) {
    this.loaded = loaded
    this.name = name
    this.#space = space
    this.#matches = matches
  }

  get base(): Gva {
    return this.loaded.base
  }
  get isUser(): boolean {
    return this.base < USER_END
  }
  /** First address after the module. */
  get end(): Gva {
    return gva(this.loaded.base + BigInt(this.loaded.size))
  }
  get imageName(): string {
    return moduleFileName(this.loaded)
  }
  get symbols(): SymbolFile | null {
    return this.#symbols
  }
  get status(): SymbolStatus {
    return this.#status
  }
  /** Why there are no symbols: one line for each place that was tried. */
  get why(): readonly string[] {
    return this.#why
  }

  /** Whether code or tables may come from the image's file, because the dump does not hold them. */
  get hasImageFile(): boolean {
    return this.#fileMemory !== null
  }

  /** Bytes of the image: from the dump, else from the image's file where that is at hand. */
  read(rva: number, into: Uint8Array): number {
    let done = 0
    while (done < into.byteLength) {
      done += this.#space.read(gva(this.base + BigInt(rva + done)), into.subarray(done))
      if (done === into.byteLength || this.#fileMemory === null) break
      const at = rva + done
      const part = this.#fileMemory.subarray(at, Math.min(at + into.byteLength - done, (at | (PAGE - 1)) + 1))
      if (part.byteLength === 0) break
      into.set(part, done)
      done += part.byteLength
    }
    return done
  }

  /** Throws ImageError where the dump holds no headers of it. */
  image(): MappedImage {
    if (this.#image === null) {
      try {
        this.#image = openMappedImage((rva, into) => this.read(rva, into))
      } catch (error) {
        if (!(error instanceof ImageError)) throw error
        this.#image = error
      }
    }
    if (this.#image instanceof ImageError) throw this.#image
    return this.#image
  }

  /** Looks for the image's file once; true when there is one now that was not there before. */
  async fetchImageFile(source: SymbolSource, signal: AbortSignal): Promise<boolean> {
    if (this.#hasAskedForFile) return false
    const bytes = await source.image(this.request(), signal)
    // Only now: a look-up that the user interrupted has not been answered.
    this.#hasAskedForFile = true
    if (bytes === null) return false
    try {
      const file = parsePe(bytes)
      const { timeDateStamp, size } = this.loaded
      if (file.timeDateStamp !== timeDateStamp || file.sizeOfImage !== size) return false
      this.#fileMemory = mapPe(file, this.base)
    } catch (error) {
      if (!(error instanceof ImageError)) throw error
      this.#imageFault = `its image on the symbol path: ${error.message}`
      return false
    }
    this.#image = null
    return true
  }

  async loadSymbols(source: SymbolSource, signal: AbortSignal): Promise<void> {
    if (this.#status !== 'deferred') return
    // A minidump holds no CodeView record of a driver, and seldom that of the kernel: the image's file does.
    if (this.request().pdb === null) await this.fetchImageFile(source, signal)
    const answer = await source.symbols(this.request(), signal)
    if (answer.file !== null && !(await this.#placeSections(answer.file, source, signal))) {
      this.#why = [
        `${answer.file.origin} has no section headers, and those of ${this.imageName} are not at hand`,
      ]
    } else if (answer.file !== null) {
      this.#symbols = answer.file
      this.#status = answer.file.kind
      return
    } else this.#why = this.#imageFault === null ? answer.why : [...answer.why, this.#imageFault]
    this.#status = this.#exportTable().length > 0 ? 'export' : 'none'
  }

  /** A file without section headers gets those of the image: in memory, else of the image's file; false where there are none. */
  async #placeSections(file: SymbolFile, source: SymbolSource, signal: AbortSignal): Promise<boolean> {
    if (file.hasSections) return true
    const placed = (): boolean => {
      try {
        file.useSections(this.image().sections())
        return true
      } catch (error) {
        if (!(error instanceof ImageError)) throw error
        return false
      }
    }
    return placed() || ((await this.fetchImageFile(source, signal)) && placed())
  }

  /** Symbols are looked for again, along a path that may have changed. */
  forgetSymbols(): void {
    this.#status = 'deferred'
    this.#symbols = null
    this.#why = []
    this.#hasAskedForFile = false
    this.#imageFault = null
  }

  /** The nearest name at or below an address inside the module; null without symbols and exports. */
  near(address: bigint): NamedPlace | null {
    const rva = Number(address - this.base) // inside the module, whose size is 32 bits
    if (this.#symbols !== null) {
      const near = this.#symbols.near(rva)
      // A string constant names itself, not the code that happens to follow it.
      return near === null || (near.displacement > 0 && near.name.startsWith(STRING_CONSTANT)) ? null : near
    }
    const table = this.#exportTable()
    const count = countBefore(table.length, (i) => table[i]![1] <= rva)
    const found = table[count - 1]
    return found === undefined ? null : { name: found[0], displacement: rva - found[1] }
  }

  /** The first name above an address; null where there is none. */
  next(address: bigint): { readonly name: string; readonly rva: number } | null {
    const rva = Number(address - this.base) // inside the module, whose size is 32 bits
    let best: { name: string; rva: number } | null = null
    for (const symbol of this.names()) {
      if (symbol.rva > rva && (best === null || symbol.rva < best.rva)) best = symbol
    }
    return best
  }

  byName(name: string): Gva | null {
    const rva =
      this.#symbols !== null
        ? this.#symbols.byName(name)?.rva
        : this.#exportTable().find(([exported]) => exported === name)?.[1]
    return rva === undefined ? null : gva(this.base + BigInt(rva))
  }

  /** Every name, in no promised order. */
  *names(): Iterable<{ readonly name: string; readonly rva: number }> {
    if (this.#symbols !== null) {
      yield* this.#symbols.symbols()
      return
    }
    for (const [name, rva] of this.#exportTable()) yield { name, rva }
  }

  #exportTable(): readonly (readonly [string, number])[] {
    if (this.#exports === null) {
      this.#exports = []
      try {
        this.#exports = [...this.image().exports().byName].sort((a, b) => a[1] - b[1])
      } catch (error) {
        if (!(error instanceof ImageError)) throw error
      }
    }
    return this.#exports
  }

  /** `ntkrnlmp.pdb 5278AFF86C341677D7D7835C85B7B844 1`, or why it is not known. */
  identity(): string {
    try {
      const pdb = this.image().rsds()
      return pdb === null ? 'the image names none' : `${pdb.path} ${pdb.guid} ${pdb.age.toString(16)}`
    } catch (error) {
      if (!(error instanceof ImageError)) throw error
      return `not known: ${error.message}`
    }
  }

  /** What symbols and image files of it are looked for by. */
  request(): SymbolRequest {
    let pdb = null
    try {
      pdb = this.image().rsds()
    } catch (error) {
      if (!(error instanceof ImageError)) throw error
    }
    return {
      imageName: this.imageName,
      timeDateStamp: this.loaded.timeDateStamp,
      sizeOfImage: this.loaded.size,
      pdb,
      ...(this.#matches && { matches: this.#matches }),
    }
  }
}

export class ModuleList {
  readonly #kernel: readonly DebugModule[]
  #all: readonly DebugModule[]
  #byAddress: readonly DebugModule[]

  constructor(
    loaded: readonly LoadedModule[],
    space: VirtualSpace,
    kernelMatches?: (file: SymbolFile) => boolean,
  ) {
    const taken = new Set<string>()
    this.#kernel = loaded.map((module, index) => {
      const name = freeName(index === 0 ? 'nt' : symbolName(moduleFileName(module)), module, taken)
      return new DebugModule(module, name, space, index === 0 ? kernelMatches : undefined)
    })
    this.#all = this.#kernel
    this.#byAddress = inOrder(this.#all)
  }

  /** Kernel modules in the order of the target's list, then user modules in the order of theirs. */
  get all(): readonly DebugModule[] {
    return this.#all
  }

  /** In place of the user modules that were there. */
  setUserModules(loaded: readonly LoadedModule[], space: VirtualSpace): void {
    const taken = new Set(this.#kernel.map(({ name }) => name))
    const user = loaded.map(
      (module) => new DebugModule(module, freeName(symbolName(moduleFileName(module)), module, taken), space),
    )
    this.#all = [...this.#kernel, ...user]
    this.#byAddress = inOrder(this.#all)
  }

  get byAddress(): readonly DebugModule[] {
    return this.#byAddress
  }

  at(address: bigint): DebugModule | null {
    const count = countBefore(this.#byAddress.length, (i) => this.#byAddress[i]!.base <= address)
    const module = this.#byAddress[count - 1]
    return module !== undefined && address < module.end ? module : null
  }

  /** By its name in expressions, or by the name of its image. */
  named(name: string): DebugModule | null {
    const lower = name.toLowerCase()
    return (
      this.all.find((module) => module.name.toLowerCase() === lower) ??
      this.all.find((module) => symbolName(module.imageName).toLowerCase() === lower) ??
      null
    )
  }
}

const inOrder = (modules: readonly DebugModule[]): DebugModule[] =>
  [...modules].sort((a, b) => (a.base < b.base ? -1 : a.base > b.base ? 1 : 0))

/** Debuggers tell modules of one name apart by their base. */
function freeName(wanted: string, { base }: LoadedModule, taken: Set<string>): string {
  const name = wanted === '' || taken.has(wanted) ? `${wanted}_${base.toString(16)}` : wanted
  taken.add(name)
  return name
}

/** `dump_storahci.sys` -> `dump_storahci`; characters that expressions cannot hold become underscores. */
function symbolName(fileName: string): string {
  const dot = fileName.lastIndexOf('.')
  return (dot > 0 ? fileName.slice(0, dot) : fileName).replace(/[^A-Za-z0-9_]/g, '_')
}

/** `nt!KeBugCheckEx+0x12`, `amdppm+0x334c`, `fffff804`12345678`. */
export function symbolize(modules: ModuleList, address: bigint): string {
  const module = modules.at(address)
  if (module === null) return `0x${hex64(address)}`
  const near = module.near(address)
  if (near === null) return `${module.name}+${hex(address - module.base)}`
  const offset = near.displacement === 0 ? '' : `+${hex(near.displacement)}`
  return `${module.name}!${near.name}${offset}`
}

export type NoSymbolsFact = {
  readonly kind: 'noSymbols'
  readonly imageName: string
  /** One line for each place that was tried. */
  readonly why: readonly string[]
}
export const noSymbolsFact = ({ imageName, why }: DebugModule): NoSymbolsFact => ({
  kind: 'noSymbols',
  imageName,
  why,
})

/** Why a module has no symbols, in a few words. */
export function noSymbols({ imageName, why }: Pick<NoSymbolsFact, 'imageName' | 'why'>): string {
  return `no symbols for ${imageName} (${why.length === 0 ? 'none were found' : why.join('; ')})`
}
