// The images of the stack as the module lists and `dumpstack stack` show them.
import type { StackImage, StackRow } from '@dumpstack/nt'
import type { KernelServices, LoadedImage } from '../kernel-services.ts'

export class StackImages {
  readonly rows: StackRow[] = []
  readonly #kernel: KernelServices

  constructor(kernel: KernelServices) {
    this.#kernel = kernel
  }

  load(image: StackImage): LoadedImage {
    const loaded = this.#kernel.loadImage(image.nameOnDisk, image.baseName, image.fullName)
    this.rows.push({
      nameOnDisk: image.nameOnDisk,
      baseName: image.baseName,
      fullName: image.fullName,
      base: loaded.base,
      size: loaded.size,
      purpose: image.purpose,
      state: 'loaded',
    })
    return loaded
  }

  unload(image: LoadedImage): void {
    const index = this.rows.findIndex((row) => row.base === image.base && row.state === 'loaded')
    this.rows[index] = { ...this.rows[index]!, state: 'unloaded' }
    this.#kernel.unloadImage(image)
  }
}
