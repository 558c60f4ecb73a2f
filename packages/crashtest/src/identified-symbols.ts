// Symbols of images whose identity the dump does not hold: a mini dump keeps no image, and no dump but a full one ntdll. The
// system itself has the files, and its test knows their PDBs; time stamp and size tell whether it is the same image.
import type { SymbolAnswer, SymbolRequest, SymbolSource } from '@dumpstack/debugger'
import type { ImageIdentity } from '@dumpstack/target'

export class IdentifiedSymbols implements SymbolSource {
  readonly #source: SymbolSource
  readonly #images: readonly ImageIdentity[]

  constructor(source: SymbolSource, images: readonly ImageIdentity[]) {
    this.#source = source
    this.#images = images
  }

  get symbolPath(): string {
    return this.#source.symbolPath
  }
  setSymbolPath(symbolPath: string): void {
    this.#source.setSymbolPath(symbolPath)
  }

  symbols(request: SymbolRequest, signal: AbortSignal): Promise<SymbolAnswer> {
    if (request.pdb !== null) return this.#source.symbols(request, signal)
    const image = this.#images.find(
      ({ timeDateStamp, sizeOfImage }) =>
        timeDateStamp === request.timeDateStamp && sizeOfImage === request.sizeOfImage,
    )
    return this.#source.symbols(image === undefined ? request : { ...request, pdb: image.pdb }, signal)
  }

  image(request: SymbolRequest, signal: AbortSignal): Promise<Uint8Array | null> {
    return this.#source.image(request, signal)
  }
}
