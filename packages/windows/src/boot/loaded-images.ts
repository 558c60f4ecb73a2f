// Kernel images in memory and the two lists that a debugger reads: nt!PsLoadedModuleList (KLDR_DATA_TABLE_ENTRY, linked
// in load order) and nt!MmUnloadedDrivers (a ring of rows).
import { type Gva, gva, hex64, PAGE_SIZE } from '@dumpstack/bytes'
import type { LoadedImage } from '@dumpstack/drivers'
import { type PeImage, parsePe } from '@dumpstack/image'
import { Owner } from '@dumpstack/machine'
import { type KernelLayouts, MI_UNLOADED_DRIVERS, UnicodeString } from '@dumpstack/nt'
import { WindowsError } from '../errors.ts'
import type { AddressSpace } from './address-space.ts'
import type { UnloadedImage } from './contract.ts'
import { mapImage } from './image-mapping.ts'
import type { NonpagedPool } from './nonpaged-pool.ts'
import { writeUnicodeString } from './unicode-string.ts'
import type { VirtualRegion } from './virtual-region.ts'

/** Drivers start on a 64 KiB boundary, as the system's loader places them. */
const IMAGE_ALIGNMENT = 0x10000
const DUMP_PREFIX = 'dump_'
/** Characters of a name that a row of the unloaded list keeps. */
const UNLOADED_NAME_LENGTH = 12
const LDRP_ENTRY_PROCESSED = 0x4000
const IMAGE_DIRECTORY_ENTRY_EXCEPTION_BYTES = 12 // one RUNTIME_FUNCTION

/** A loaded image with what the system itself needs to know of it. */
export interface KernelImage extends LoadedImage {
  /** `\SystemRoot\system32\ntoskrnl.exe` */
  readonly fullName: string
  readonly pe: PeImage
  /** Address of its KLDR_DATA_TABLE_ENTRY. */
  readonly entry: Gva
}

/** Calls a routine that the kernel exports; answers rax. */
export interface KernelRoutines {
  call(name: string, ...args: readonly bigint[]): bigint
}

export interface LoadedImagesOptions {
  readonly layouts: KernelLayouts
  readonly space: AddressSpace
  readonly pool: NonpagedPool
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly systemTime: () => bigint
  /** Files, by name on disk, whose code runs: their host binds their imports, and their dump copy writes to itself. */
  readonly hosted: ReadonlySet<string>
}

export class LoadedImages {
  readonly #options: LoadedImagesOptions
  readonly #parsed = new Map<string, PeImage>()
  readonly #loaded: KernelImage[] = []
  readonly #unloaded: UnloadedImage[] = []
  #code: KernelRoutines | null = null

  constructor(options: LoadedImagesOptions) {
    this.#options = options
  }

  get loaded(): readonly KernelImage[] {
    return this.#loaded
  }

  get unloaded(): readonly UnloadedImage[] {
    return this.#unloaded
  }

  /** The file, parsed once however often it is loaded. Throws WindowsError IMAGE_NOT_INSTALLED. */
  parse(nameOnDisk: string): PeImage {
    const known = this.#parsed.get(nameOnDisk)
    if (known !== undefined) return known
    const bytes = this.#options.files.get(nameOnDisk)
    if (bytes === undefined) {
      throw new WindowsError('IMAGE_NOT_INSTALLED', `image ${nameOnDisk} is not installed`, { nameOnDisk })
    }
    const image = parsePe(bytes)
    this.#parsed.set(nameOnDisk, image)
    return image
  }

  /** The kernel has started and entered what the loader had loaded; from now on its own code enters images. */
  attach(code: KernelRoutines): void {
    this.#code = code
  }

  find(baseName: string): KernelImage | null {
    const wanted = baseName.toLowerCase()
    return this.#loaded.find((image) => image.baseName.toLowerCase() === wanted) ?? null
  }

  /** Maps the image into `region`, binds its imports and appends it to the loaded list; throws before it changes anything. */
  load(
    nameOnDisk: string,
    baseName: string,
    region: VirtualRegion,
    fullName: string = fullNameOf(baseName),
  ): KernelImage {
    const { space, pool, layouts } = this.#options
    const pe = this.parse(nameOnDisk)
    const isHosted = this.#options.hosted.has(nameOnDisk)
    const imports = isHosted ? [] : this.#resolveImports(pe, baseName)
    const base = region.take(pe.sizeOfImage, IMAGE_ALIGNMENT)
    mapImage(space, pe, base, isHosted && isDumpDriver(baseName) ? Owner.dumpPath : Owner.kernel)
    for (const { iatRva, address } of imports) space.setU64(gva(base + BigInt(iatRva)), address)
    const entry = pool.allocate(layouts.KldrDataTableEntry.size, 'MmLd')
    const image: KernelImage = {
      nameOnDisk,
      baseName,
      fullName,
      base,
      size: pe.sizeOfImage,
      pe,
      entry,
      exportAddress: (name) => {
        const rva = pe.exports.get(name)
        return rva === undefined ? null : gva(base + BigInt(rva))
      },
    }
    this.#writeEntry(image)
    this.#code?.call('MiProcessLoaderEntry', entry, 1n)
    this.#loaded.push(image)
    return image
  }

  unload(image: LoadedImage): void {
    const index = this.#loaded.findIndex((candidate) => candidate.base === image.base)
    const found = this.#loaded[index]
    const code = this.#code
    if (found === undefined || code === null) {
      throw new WindowsError('NOT_LOADED', `image ${image.baseName} at ${hex64(image.base)} is not loaded`, {
        base: image.base,
      })
    }
    const { space, pool } = this.#options
    this.#loaded.splice(index, 1)
    code.call('MiProcessLoaderEntry', found.entry, 0n)
    space.decommit(found.base, Math.ceil(found.size / PAGE_SIZE)) // SectionAlignment may be below a page

    const row: UnloadedImage = {
      name: found.baseName.slice(0, UNLOADED_NAME_LENGTH),
      start: found.base,
      end: gva(found.base + BigInt(found.size)),
      unloadedAt: this.#options.systemTime(),
    }
    this.#unloaded.push(row)
    if (this.#unloaded.length > MI_UNLOADED_DRIVERS) this.#unloaded.shift()
    const name = pool.allocate(UnicodeString.size, 'MmUd')
    const bytes = new Uint8Array(UnicodeString.size)
    writeUnicodeString(space, pool, UnicodeString.of(bytes), row.name, 'MmUd')
    space.write(name, bytes)
    code.call('MiRememberUnloadedDriver', name, row.start, row.end, row.unloadedAt)
  }

  /** What goes into the import address table. Throws WindowsError IMPORT_NOT_FOUND. */
  #resolveImports(pe: PeImage, baseName: string): { iatRva: number; address: Gva }[] {
    return pe.imports.flatMap(({ dll, names }) => {
      const exporter = this.#exporter(baseName, dll)
      return names.map(({ name, iatRva }) => {
        const address = this.#resolve(exporter, name)
        if (address !== null) return { iatRva, address }
        throw new WindowsError(
          'IMPORT_NOT_FOUND',
          `${baseName} imports ${name} from ${dll}, which ${exporter.baseName} does not export`,
          { image: baseName, dll, name },
        )
      })
    })
  }

  /** A dump driver's imports from the runtime port driver resolve to the dump copy: that is what the prefix is for. */
  #exporter(baseName: string, dll: string): KernelImage {
    const candidates = isDumpDriver(baseName) ? [DUMP_PREFIX + dll, dll] : [dll]
    for (const name of candidates) {
      const found = this.find(name)
      if (found !== null) return found
    }
    throw new WindowsError('IMPORT_NOT_FOUND', `${baseName} imports from ${dll}, which is not loaded`, {
      image: baseName,
      dll,
    })
  }

  #resolve(exporter: KernelImage, name: string): Gva | null {
    const own = exporter.exportAddress(name)
    const forwarder = exporter.pe.forwarders.get(name)
    if (own !== null || forwarder === undefined) return own
    const dot = forwarder.lastIndexOf('.')
    const dll = forwarder.slice(0, dot).toLowerCase()
    return (
      (this.find(`${dll}.exe`) ?? this.find(`${dll}.sys`) ?? this.find(`${dll}.dll`))?.exportAddress(
        forwarder.slice(dot + 1),
      ) ?? null
    )
  }

  #writeEntry(image: KernelImage): void {
    const { space, pool, layouts } = this.#options
    const { KldrDataTableEntry } = layouts
    const { pe, base } = image
    const bytes = new Uint8Array(KldrDataTableEntry.size)
    const entry = KldrDataTableEntry.of(bytes)
    const pdata = pe.sections.find((section) => section.name === '.pdata')
    if (pdata !== undefined) entry.exceptionTable = base + BigInt(pdata.rva)
    entry.exceptionTableSize = pe.runtimeFunctions.length * IMAGE_DIRECTORY_ENTRY_EXCEPTION_BYTES
    entry.dllBase = base
    if (pe.entryPointRva !== 0) entry.entryPoint = base + BigInt(pe.entryPointRva)
    entry.sizeOfImage = pe.sizeOfImage
    writeUnicodeString(space, pool, entry.fullDllName, image.fullName, 'MmLn')
    writeUnicodeString(space, pool, entry.baseDllName, image.baseName, 'MmLn')
    entry.flags = LDRP_ENTRY_PROCESSED
    entry.loadCount = 1
    entry.checkSum = pe.checkSum
    entry.sizeOfImageNotRounded = pe.sizeOfImage
    entry.timeDateStamp = pe.timeDateStamp
    space.write(image.entry, bytes)
  }
}

const isDumpDriver = (baseName: string): boolean => baseName.toLowerCase().startsWith(DUMP_PREFIX)

/** The kernel and the HAL live in system32, drivers below it, spelled as real dumps spell them. */
const fullNameOf = (baseName: string): string =>
  /\.(?:exe|dll)$/i.test(baseName)
    ? `\\SystemRoot\\system32\\${baseName}`
    : `\\SystemRoot\\System32\\drivers\\${baseName}`
