// The booted kernel as drivers and the rest of the system see it: memory, images, and the way into the bugcheck.
import { endOfRuns, type Gpa, type Gva, PAGE_SIZE, PageSet, type PhysicalSpace, pfn } from '@dumpstack/bytes'
import type { KernelMemory, LoadedImage, PageAccess } from '@dumpstack/drivers'
import type { DumpFacts, TriageFacts } from '@dumpstack/dumpfile'
import { Owner } from '@dumpstack/machine'
import type { Bugcheck, DumpType, OsVersion } from '@dumpstack/nt'
import { CRASH_DRIVER, crash, startCrashDriver } from '../bugcheck/crash.ts'
import { stoppedKernel } from '../bugcheck/stopped-kernel.ts'
import { triageFacts } from '../bugcheck/triage-facts.ts'
import { WindowsError } from '../errors.ts'
import type { BootedKernel, StoppedCode, StoppedKernel, UnloadedImage } from './contract.ts'
import { CRASH_DRIVER_TAG, crashDriverData } from './crash-driver-data.ts'
import type { KernelState } from './kernel-state.ts'
import type { KernelImage } from './loaded-images.ts'
import { KERNEL_READ_WRITE } from './page-tables.ts'
import { REASON_CALLBACK_HEAD, registerSecondaryData } from './secondary-data.ts'

/** What one page table maps. */
const PAGE_TABLE_BYTES = 0x20_0000

export class Kernel implements BootedKernel {
  readonly #state: KernelState
  #crash: { readonly facts: DumpFacts; readonly cpu: number } | null = null

  constructor(state: KernelState) {
    this.#state = state
  }

  get version(): OsVersion {
    return this.#state.profile
  }

  get reasonCallbackHead(): Gva {
    return this.#state.globals.address(REASON_CALLBACK_HEAD)
  }

  get directoryTableBase(): Gpa {
    return this.#state.memory.tables.directoryTableBase
  }

  get processorRegion(): Gva {
    return this.#state.processors[0]!.kpcr
  }

  get loadedImages(): readonly LoadedImage[] {
    return this.#state.images.loaded
  }

  get unloadedImages(): readonly UnloadedImage[] {
    return this.#state.images.unloaded
  }

  allocate(byteLength: number, options: { owner: Owner; below4GiB?: boolean }): KernelMemory {
    return this.#state.memory.allocateContiguous(byteLength, options.owner, options.below4GiB === true)
  }

  vaToGpa(va: Gva): Gpa | null {
    return this.#state.memory.tables.translate(va)
  }

  reserveSystemPtes(pageCount: number, tables?: Owner): Gva {
    const { regions } = this.#state.memory
    if (tables === undefined) return regions.systemPtes.take(pageCount * PAGE_SIZE)
    // A table of its own: all of the 2 MiB that it maps.
    const va = regions.systemPtes.take(PAGE_TABLE_BYTES, PAGE_TABLE_BYTES)
    this.#state.memory.tables.makeTable(va, tables)
    return va
  }

  mapSystemPte(va: Gva, page: Gpa | null, access: PageAccess = KERNEL_READ_WRITE): void {
    const { tables } = this.#state.memory
    tables.point(va, page === null ? null : pfn(page / PAGE_SIZE), access)
  }

  mapIoSpace(gpa: Gpa, byteLength: number): Gva {
    return this.#state.memory.mapIoSpace(gpa, byteLength)
  }

  loadImage(nameOnDisk: string, baseName: string, fullName?: string): KernelImage {
    const { images, memory } = this.#state
    const present = images.find(baseName)
    if (present !== null) return present
    return images.load(nameOnDisk, baseName, memory.regions.driverImages, fullName)
  }

  clockInterrupt(): void {
    const { sharedData, clock } = this.#state
    sharedData.tick(clock)
  }

  loadCrashDriver(): void {
    const { memory, globals, clock, secondaryData } = this.#state
    const driver = this.loadImage(CRASH_DRIVER, CRASH_DRIVER)
    const bytes = crashDriverData(driver, clock.systemTime)
    this.#state.crashDriver = startCrashDriver(this.#state, driver)
    secondaryData.push(registerSecondaryData(memory, globals, driver, { tag: CRASH_DRIVER_TAG, bytes }))
  }

  unloadImage(image: LoadedImage): void {
    this.#state.images.unload(image)
  }

  bugcheck(bugcheck: Bugcheck, cpu: number): PhysicalSpace {
    if (this.#crash !== null) {
      throw new WindowsError('ALREADY_CRASHED', 'the system has crashed already', { cpu })
    }
    if (!Number.isInteger(cpu) || cpu < 0 || cpu >= this.#state.processors.length) {
      throw new WindowsError(
        'NO_SUCH_PROCESSOR',
        `processor ${cpu} does not exist, the machine has ${this.#state.processors.length}`,
        { cpu },
      )
    }
    this.#crash = { facts: crash(this.#state, bugcheck, cpu), cpu }
    this.#state.machine.interruptsEnabled = false
    return this.#state.machine.checkpoint()
  }

  dumpFacts(): DumpFacts {
    return this.#existingCrash().facts
  }

  stoppedNow(bugcheck: Bugcheck, { contextRecord, exceptionRecord }: StoppedCode): StoppedKernel {
    const directoryTableBase = this.#crash?.facts.directoryTableBase ?? this.directoryTableBase
    const stopped = { contextRecord, exceptionRecord, directoryTableBase }
    return stoppedKernel(this.#state, this.#crash?.cpu ?? 0, bugcheck, stopped)
  }

  triageFacts(): TriageFacts {
    return triageFacts(this.#state, this.#existingCrash().cpu)
  }

  promised(dump: Exclude<DumpType, 'mini'>): PageSet {
    const { ram } = this.#state.machine
    const end = endOfRuns(ram.runs)
    if (dump === 'full') return PageSet.ofRuns(ram.runs, end)
    const pages = new PageSet(end)
    for (const run of ram.runs) {
      for (let page = run.basePage; page < run.basePage + run.pageCount; page = pfn(page + 1)) {
        const owner = ram.owner(page)
        if (owner === Owner.kernel || owner === Owner.dumpPath) pages.add(page)
      }
    }
    return pages
  }

  #existingCrash(): { readonly facts: DumpFacts; readonly cpu: number } {
    if (this.#crash === null) throw new WindowsError('NOT_CRASHED', 'the system has not crashed')
    return this.#crash
  }
}
