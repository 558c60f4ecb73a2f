// A kernel for tests: contiguous memory from a bump allocator, one VA per GPA, images that are only addresses.

import { type Gpa, type Gva, gpa, gpaToPfn, gva, PAGE_SIZE, pfn } from '@dumpstack/bytes'
import {
  ahci,
  type ControllerModel,
  type ControllerOptions,
  createDisk,
  createMachine,
  type DiskImage,
  type Machine,
  MemoryDiskImage,
  Owner,
} from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import type { KernelMemory, KernelServices, LoadedImage } from './kernel-services.ts'

const RAM_VA = 0xffff_8000_0000_0000n
const IO_VA = 0xffff_f780_0000_0000n
const SYSTEM_PTES_VA = 0xffff_f880_0000_0000n
const FIRST_FREE = 0x200000
const IMAGE_BYTES = 0x4000
const named = (prefixes: readonly string[], routines: readonly string[]): string[] =>
  prefixes.flatMap((prefix) => routines.map((routine) => prefix + routine))
/** What the images of the stack export, and that of the toy. */
const EXPORTS = [
  ...named(
    ['Ahci', 'Nvme', 'VirtIo', 'Toy'],
    ['HwFindAdapter', 'HwInitialize', 'HwBuildIo', 'HwStartIo', 'HwInterrupt', 'HwResetBus'],
  ),
  ...named(['DumpFve'], ['Start', 'Write', 'Finish', 'Unload']),
  ...named(['DiskDump'], ['Open', 'Write', 'Finish']),
  'CrashdmpInitDumpStack',
  'KeStallExecutionProcessor',
  'AhciHwAdapterControl',
]

export class FakeKernel implements KernelServices {
  readonly version = win10_19041
  readonly loaded: LoadedImage[] = []
  readonly unloaded: LoadedImage[] = []
  readonly #machine: Machine
  readonly #mapped = new Map<Gva, Gpa>()
  #next = FIRST_FREE
  #nextPte = gva(SYSTEM_PTES_VA)

  constructor(machine: Machine) {
    this.#machine = machine
  }

  /** Pages below this one were handed out. */
  get nextPage(): number {
    return this.#next / PAGE_SIZE
  }

  allocate(byteLength: number, options: { owner: Owner }): KernelMemory {
    const length = Math.ceil(byteLength / PAGE_SIZE) * PAGE_SIZE
    const address = gpa(this.#next)
    this.#next += length
    this.#machine.ram.setOwner(gpaToPfn(address), length / PAGE_SIZE, options.owner)
    this.#machine.ram.write(address, new Uint8Array(length))
    return { va: gva(RAM_VA + BigInt(address)), gpa: address, byteLength: length }
  }

  vaToGpa(va: Gva): Gpa | null {
    const offset = Number(va & 0xfffn)
    const page = this.#mapped.get(gva(va - BigInt(offset)))
    return page === undefined ? this.#ramAddress(va) : gpa(page + offset)
  }

  #ramAddress(va: Gva): Gpa | null {
    const address = Number(va - RAM_VA)
    const { ram } = this.#machine
    const page = Math.floor(address / PAGE_SIZE)
    const isRam = ram.runs.some((run) => page >= run.basePage && page < run.basePage + run.pageCount)
    return va >= RAM_VA && isRam && address < this.#next ? gpa(address) : null
  }

  reserveSystemPtes(pageCount: number): Gva {
    const va = this.#nextPte
    this.#nextPte = gva(va + BigInt(pageCount * PAGE_SIZE))
    return va
  }

  mapSystemPte(va: Gva, page: Gpa | null): void {
    if (page === null) this.#mapped.delete(va)
    else this.#mapped.set(va, page)
  }

  mapIoSpace(address: Gpa): Gva {
    return gva(IO_VA + BigInt(address))
  }

  loadImage(nameOnDisk: string, baseName: string): LoadedImage {
    const present = this.loaded.find((image) => image.baseName === baseName)
    if (present !== undefined) return present
    const { va } = this.allocate(IMAGE_BYTES, { owner: Owner.kernel })
    const image: LoadedImage = {
      nameOnDisk,
      baseName,
      base: va,
      size: IMAGE_BYTES,
      exportAddress: (name) => {
        const index = EXPORTS.indexOf(name)
        return index < 0 ? null : gva(va + 0x1000n + BigInt(index) * 0x100n)
      },
    }
    this.loaded.push(image)
    return image
  }

  unloadImage(image: LoadedImage): void {
    this.loaded.splice(this.loaded.indexOf(image), 1)
    this.unloaded.push(image)
  }

  clockInterrupt(): void {}
}

export const TEST_SEED = 7
export const TEST_DISK_BYTES = 64 * 1024 * 1024

export interface TestMachine {
  readonly machine: Machine
  readonly kernel: FakeKernel
  readonly controller: ControllerOptions
  readonly image: DiskImage
}

export interface TestMachineOptions {
  readonly model?: ControllerModel
  readonly settings?: Exclude<ControllerOptions['settings'], undefined>
  readonly logicalSectorBytes?: 512 | 4096
  readonly diskBytes?: number
  readonly bdf?: number
}

/** 16 MiB of RAM with the legacy hole and a piece above 4 GiB, one controller, one disk in memory. */
export function testMachine(options: TestMachineOptions = {}): TestMachine {
  const { model = ahci, settings } = options
  const image = new MemoryDiskImage(options.diskBytes ?? TEST_DISK_BYTES)
  const disk = createDisk({
    name: 'disk0',
    model: 'Dumpstack Disk',
    serialNumber: 'DS0001',
    logicalSectorBytes: options.logicalSectorBytes ?? 512,
    image,
  })
  const controller: ControllerOptions = {
    model,
    name: `${model.kind}0`,
    bdf: options.bdf ?? (1 << 3) | 0,
    interruptVector: 16,
    attachments: [{ disk }],
    ...(settings !== undefined && { settings }),
  }
  const machine = createMachine({
    seed: TEST_SEED,
    runs: [
      { basePage: pfn(1), pageCount: 0x9f },
      { basePage: pfn(0x100), pageCount: 0xd61 },
      { basePage: pfn(0x100000), pageCount: 0x200 },
    ],
    cpuCount: 1,
    controllers: [controller],
  })
  return { machine, kernel: new FakeKernel(machine), controller, image }
}
