// The loader of a driver file: maps its images as the kernel does, binds their imports, and knows which are loaded.
import { type Gpa, type Gva, gva, PAGE_SIZE } from '@dumpstack/bytes'
import type { Cpu } from '@dumpstack/cpu'
import type { PeSection } from '@dumpstack/image'
import type { Machine } from '@dumpstack/machine'
import type { KernelServices, LoadedImage } from '../kernel-services.ts'
import { bindImage } from './bind-image.ts'
import { DataImports } from './data-imports.ts'
import type { SysFile } from './driver-file.ts'
import type { LoadedDriver } from './sys-instance.ts'
import type { TrapTable } from './trap-table.ts'

const IMAGE_SCN_MEM_DISCARDABLE = 0x0200_0000
const IMAGE_SCN_MEM_EXECUTE = 0x2000_0000
const IMAGE_SCN_MEM_WRITE = 0x8000_0000
const isDiscardable = ({ name, characteristics }: PeSection): boolean =>
  name === 'INIT' && (characteristics & IMAGE_SCN_MEM_DISCARDABLE) !== 0

/** Microsoft "Making Drivers Pageable". */
const isPageable = ({ name }: PeSection): boolean => name.startsWith('PAGE')
const LOCKS_SECTIONS = /^MmLockPagable/

/** Pages that begin in such a section and hold no byte of another one. */
function pagesOf(sections: readonly PeSection[], isOne: (section: PeSection) => boolean): number[] {
  const pages = new Map<number, boolean>()
  for (const section of sections) {
    const end = Math.ceil((section.rva + section.virtualSize) / PAGE_SIZE)
    for (let page = Math.floor(section.rva / PAGE_SIZE); page < end; page++)
      pages.set(page, isOne(section) && pages.get(page) !== false)
  }
  const [header] = sections
  const first = Math.ceil((header?.rva ?? 0) / PAGE_SIZE)
  return Array.from(pages)
    .filter(([page, isAlone]) => isAlone && page >= first)
    .map(([page]) => page)
}

export class SysLoader {
  /** The kernel's services for the stacks that run the driver: images of the file come bound. */
  readonly kernel: KernelServices
  readonly #file: SysFile
  /** By image base. */
  readonly #drivers = new Map<Gva, LoadedDriver>()

  #discarded: LoadedImage | null = null
  /** Of an image; none where the driver locks sections itself. */
  readonly #pageable: readonly number[]
  /** Pageable pages that are not in memory, with where they were. */
  readonly #pagedOut = new Map<Gva, { readonly at: Gpa; readonly section: PeSection }>()
  readonly #cpu: Cpu

  constructor(machine: Machine, cpu: Cpu, kernel: KernelServices, file: SysFile, traps: TrapTable) {
    this.#file = file
    this.#cpu = cpu
    const locksSections = traps.slots.some(({ name }) => LOCKS_SECTIONS.test(name))
    this.#pageable = locksSections ? [] : pagesOf(file.image.sections, isPageable)
    const data = new DataImports(machine, kernel)
    this.kernel = {
      version: kernel.version,
      allocate: (byteLength, given) => kernel.allocate(byteLength, given),
      vaToGpa: (va) => kernel.vaToGpa(va),
      reserveSystemPtes: (pageCount, tables) => kernel.reserveSystemPtes(pageCount, tables),
      mapSystemPte: (va, page, access) => {
        kernel.mapSystemPte(va, page, access)
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

  /**
   * DriverEntry of the running driver has returned: the kernel frees the pages that hold nothing but discardable sections named INIT. The
   * copy for a dump keeps them, since its DriverEntry runs after the crash. Microsoft "When should code and data be pageable".
   */
  discardInitialization(image: LoadedImage): void {
    const pages = pagesOf(this.#file.image.sections, isDiscardable)
    for (const page of pages) this.kernel.mapSystemPte(gva(image.base + BigInt(page * PAGE_SIZE)), null)
    if (pages.length === 0) return
    this.#discarded = image
    this.#cpu.invalidate()
  }

  /** Takes the pageable sections of the running driver out of memory: from DISPATCH_LEVEL on it may not need them. */
  pageOut(image: LoadedImage): void {
    if (this.#pagedOut.size > 0) return
    for (const page of this.#pageable) {
      const va = gva(image.base + BigInt(page * PAGE_SIZE))
      const at = this.kernel.vaToGpa(va)
      const section = this.#sectionAt(page * PAGE_SIZE)
      if (at === null || section === undefined) continue
      this.#pagedOut.set(va, { at, section })
      this.kernel.mapSystemPte(va, null)
    }
    if (this.#pagedOut.size > 0) this.#cpu.invalidate()
  }

  pageIn(): void {
    if (this.#pagedOut.size === 0) return
    for (const [va, { at, section }] of this.#pagedOut) {
      const write = (section.characteristics & IMAGE_SCN_MEM_WRITE) !== 0
      const execute = (section.characteristics & IMAGE_SCN_MEM_EXECUTE) !== 0
      this.kernel.mapSystemPte(va, at, { write, execute })
    }
    this.#pagedOut.clear()
    this.#cpu.invalidate()
  }

  /** The name of the pageable section that lies at that address and is out of memory; null for any other address. */
  pagedOutSection(address: Gva): string | null {
    return this.#pagedOut.get(gva(address & ~BigInt(PAGE_SIZE - 1)))?.section.name ?? null
  }

  #sectionAt(rva: number): PeSection | undefined {
    return this.#file.image.sections.find((one) => rva >= one.rva && rva < one.rva + one.virtualSize)
  }

  /** The name of the section that lay at that address until it was discarded; null for any other address. */
  discardedSection(address: Gva): string | null {
    const image = this.#discarded
    if (image === null || address < image.base || address >= image.base + BigInt(image.size)) return null
    const rva = Number(address - image.base)
    const found = this.#sectionAt(rva)
    return found !== undefined && isDiscardable(found) ? found.name : null
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
