// What one dump of a run has loaded, the next one has: symbol files by identity, images by time stamp and size. A symbol path
// that changes begins anew.
import type { SymbolAnswer, SymbolRequest, SymbolSource } from '@dumpstack/debugger'

export class SharedSymbols implements SymbolSource {
  readonly #source: SymbolSource
  readonly #files = new Map<string, SymbolAnswer>()
  readonly #images = new Map<string, Uint8Array | null>()

  constructor(source: SymbolSource) {
    this.#source = source
  }

  get symbolPath(): string {
    return this.#source.symbolPath
  }
  setSymbolPath(symbolPath: string): void {
    this.#files.clear()
    this.#images.clear()
    this.#source.setSymbolPath(symbolPath)
  }

  async symbols(request: SymbolRequest, signal: AbortSignal): Promise<SymbolAnswer> {
    // Without an identity only the dump at hand can tell whether a file is the right one.
    if (request.pdb === null) return this.#source.symbols(request, signal)
    const { path, guid, age } = request.pdb
    const key = `${path} ${guid} ${age}`
    const known = this.#files.get(key)
    if (known !== undefined) return known
    const answer = await this.#source.symbols(request, signal)
    this.#files.set(key, answer)
    return answer
  }

  async image(request: SymbolRequest, signal: AbortSignal): Promise<Uint8Array | null> {
    const key = `${request.imageName} ${request.timeDateStamp} ${request.sizeOfImage}`
    const known = this.#images.get(key)
    if (known !== undefined) return known
    const bytes = await this.#source.image(request, signal)
    this.#images.set(key, bytes)
    return bytes
  }
}
