// The loader of a driver file: maps its images as the kernel does, binds their imports, and knows which are loaded.
import { type Gva, gva } from '@dumpstack/bytes'
import type { Cpu } from '@dumpstack/cpu'
import type { Machine } from '@dumpstack/machine'
import type { KernelServices, LoadedImage } from '../kernel-services.ts'
import { bindImage } from './bind-image.ts'
import { DataImports } from './data-imports.ts'
import type { SysFile } from './driver-file.ts'
import type { LoadedDriver } from './sys-instance.ts'
import type { TrapTable } from './trap-table.ts'

export class SysLoader {
  /** The kernel's services for the stacks that run the driver: images of the file come bound. */
  readonly kernel: KernelServices
  readonly #file: SysFile
  /** By image base. */
  readonly #drivers = new Map<Gva, LoadedDriver>()

  constructor(machine: Machine, cpu: Cpu, kernel: KernelServices, file: SysFile, traps: TrapTable) {
    this.#file = file
    const data = new DataImports(machine, kernel)
    this.kernel = {
      version: kernel.version,
      allocate: (byteLength, given) => kernel.allocate(byteLength, given),
      vaToGpa: (va) => kernel.vaToGpa(va),
      reserveSystemPtes: (pageCount, tables) => kernel.reserveSystemPtes(pageCount, tables),
      mapSystemPte: (va, page) => {
        kernel.mapSystemPte(va, page)
        cpu.invalidate(va)
      },
      mapIoSpace: (address, byteLength) => kernel.mapIoSpace(address, byteLength),
      clockInterrupt: () => kernel.clockInterrupt(),
      loadImage: (nameOnDisk, baseName, fullName) => {
        const image = kernel.loadImage(nameOnDisk, baseName, fullName)
        if (nameOnDisk === file.fileName && !this.#drivers.has(image.base)) {
          bindImage({ machine, kernel, image, pe: file.image, traps, data })
          this.#drivers.set(image.base, { image, table: null })
        }
        return image
      },
      unloadImage: (image) => {
        this.#drivers.delete(image.base)
        kernel.unloadImage(image)
      },
    }
  }

  get images(): readonly LoadedImage[] {
    return Array.from(this.#drivers.values(), ({ image }) => image)
  }

  /** Null for an image that is not the file's, or that is not loaded. */
  driver(image: LoadedImage): LoadedDriver | null {
    return this.#drivers.get(image.base) ?? null
  }

  entryPoint(image: LoadedImage): Gva {
    return gva(image.base + BigInt(this.#file.image.entryPointRva))
  }

  /** Address of a routine by the kit's name, as the driver gave it to the port; null where it gave none. */
  routine(image: LoadedImage, name: string): Gva | null {
    if (name === 'DriverEntry') return this.entryPoint(image)
    const routines: ReadonlyMap<string, Gva> | undefined = this.driver(image)?.table?.routines
    return routines?.get(name) ?? null
  }
}
