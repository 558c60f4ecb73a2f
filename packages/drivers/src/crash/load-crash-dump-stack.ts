// crashdmp, the broker: loads the stack of a profile over a running storage stack, twice, keeps what the dump will need and
// guards it, and writes the dump when KeBugCheckEx asks. The kernel reaches it through a call table in guest RAM.
import { type Gva, hex, PAGE_SIZE } from '@dumpstack/bytes'
import type { DumpPlan } from '@dumpstack/dumpfile'
import { type Machine, Owner } from '@dumpstack/machine'
import {
  type ControllerDrivers,
  controllerDrivers,
  STATUS_DEVICE_NOT_READY,
  STATUS_IO_TIMEOUT,
  STATUS_NOT_SUPPORTED,
  STATUS_UNSUCCESSFUL,
  type StackImage,
  type StackRow,
  withMiniport,
} from '@dumpstack/nt'
import type { DumpFilterImage } from '../dump-filter.ts'
import type { DumpPortImage } from '../dump-port.ts'
import type { CrashDumpStack, CrashDumpStackOptions, DumpWriteReport, PageFileExtent } from '../dump-stack.ts'
import { DriversError } from '../errors.ts'
import { dumpfve } from '../filters/dumpfve.ts'
import { guestBlock } from '../guest-block.ts'
import { GuestFault, NotJudged, NotOneView, PageTablesDamaged } from '../guest-fault.ts'
import { HIGH_LEVEL } from '../irql.ts'
import type { KernelMemory, KernelServices, LoadedImage } from '../kernel-services.ts'
import { routineAddress } from '../port-configuration.ts'
import { readDiskIdentity } from './disk-identity.ts'
import { DriverHang } from './driver-hang.ts'
import { DumpRun } from './dump-run.ts'
import { GuardedMemory } from './guarded-memory.ts'
import { LoadedFilter } from './loaded-filter.ts'
import { checkExtents, layPageFileMap, PageFileMap, pageFileMapBytes } from './page-file-map.ts'
import { diskdump } from './ports/diskdump.ts'
import { layStackContext } from './stack-context.ts'
import { StackImages } from './stack-images.ts'
import { ViolationLog } from './violation-log.ts'

const DRIVER_IRQL_NOT_LESS_OR_EQUAL = 0xd1
const DUMP_PORTS: Readonly<Record<ControllerDrivers['dumpPort'], DumpPortImage>> = { diskdump }

/** Throws ProfileError PROFILE_PAIR, DriversError WRONG_MINIPORT. */
export function loadCrashDumpStack(options: CrashDumpStackOptions): CrashDumpStack {
  return new Crashdmp(options)
}

/** The second load, which stays. */
interface Loaded {
  readonly portImage: LoadedImage
  readonly miniportImage: LoadedImage
  readonly filter: LoadedFilter
  readonly contextMemory: KernelMemory
  readonly scratchMemory: KernelMemory
  readonly dataWindow: Gva
  readonly mapMemory: KernelMemory
  readonly extentCount: number
  readonly guard: GuardedMemory
}

class Crashdmp implements CrashDumpStack {
  readonly #options: CrashDumpStackOptions
  readonly #machine: Machine
  readonly #kernel: KernelServices
  readonly #drivers: ControllerDrivers
  readonly #filter: DumpFilterImage
  readonly #images: StackImages
  readonly #broker: LoadedImage
  #loaded: Loaded | null = null

  constructor(options: CrashDumpStackOptions) {
    const { machine, kernel, profile, runtime, miniport } = options
    this.#options = options
    this.#machine = machine
    this.#kernel = kernel
    this.#filter = options.filter ?? dumpfve
    this.#drivers = controllerDrivers(profile, runtime.controller.model.kind)
    // A driver file of the user's runs wherever the user says.
    if (miniport.code !== undefined) {
      this.#drivers = withMiniport(this.#drivers, miniport.fileName)
    } else if (miniport.fileName !== this.#drivers.miniport) {
      throw new DriversError(
        'WRONG_MINIPORT',
        `${profile.name} runs ${this.#drivers.miniport} on ${runtime.controller.model.kind}, not ${miniport.fileName}`,
        { miniport: miniport.fileName },
      )
    }
    this.#images = new StackImages(kernel)
    this.#broker = this.#images.load(this.#drivers.broker)
    this.#layCallTable()
    // Phase 1 of kernel initialisation: no page file exists yet, so the stack cannot stay.
    const images = this.#drivers.images.map((image) => this.#images.load(image))
    this.#loadFilter(this.#pick(this.#drivers.images, images, 'filter'))
    for (const image of images.reverse()) this.#images.unload(image)
  }

  get rows(): readonly StackRow[] {
    return this.#images.rows
  }

  setPageFile(extents: readonly PageFileExtent[], partitionOffset: number): void {
    const { profile, runtime } = this.#options
    if (this.#loaded !== null) {
      throw new DriversError('PAGE_FILE_MAP', 'the crash dump stack has its page file already')
    }
    checkExtents(extents, partitionOffset, this.#diskByteLength)
    const images = this.#drivers.images.map((image) => this.#images.load(image))
    const pointers = runtime.dumpPointers()
    const scratchMemory = this.#allocate((profile.limits.maxPagesPerWrite + 1) * PAGE_SIZE)
    const disk = readDiskIdentity(this.#machine, runtime, scratchMemory.gpa)
    const contextMemory = layStackContext(
      this.#machine,
      this.#kernel,
      profile,
      pointers,
      partitionOffset,
      disk,
      runtime.place,
    )
    const mapMemory = this.#allocate(pageFileMapBytes(extents.length))
    layPageFileMap(guestBlock(this.#machine.ram, mapMemory), extents)
    const guard = new GuardedMemory(this.#machine, this.#kernel)
    guard.save('dump stack context', contextMemory)
    guard.save('dump pointers', pointers)
    guard.save('page file map', mapMemory)
    this.#loaded = {
      portImage: this.#pick(this.#drivers.images, images, 'port'),
      miniportImage: this.#pick(this.#drivers.images, images, 'miniport'),
      filter: this.#loadFilter(this.#pick(this.#drivers.images, images, 'filter')),
      contextMemory,
      scratchMemory,
      dataWindow: this.#kernel.reserveSystemPtes(profile.limits.maxPagesPerWrite, Owner.dumpPath),
      mapMemory,
      extentCount: extents.length,
      guard,
    }
  }

  *write(plan: DumpPlan): Generator<number, DumpWriteReport> {
    const log = new ViolationLog()
    const loaded = this.#loaded
    const refused = (finalStatus: number, failure: string): DumpWriteReport => ({
      finalStatus,
      bytesWritten: 0,
      violations: log.violations,
      failure,
    })
    if (loaded === null) return refused(STATUS_DEVICE_NOT_READY, 'the crash dump stack has no page file')
    const difference = loaded.guard.firstDifference()
    if (difference !== null) {
      const failure = `${difference.name} differs from its saved copy at ${hex(difference.va)}`
      const driver = this.#broker
      const routine = routineAddress(driver, 'CrashdmpInitDumpStack')
      const atNs = this.#machine.nowNs
      log.add({
        rule: 'integrity-gate',
        call: 'CrashdmpInitDumpStack',
        message: failure,
        driver,
        routine,
        irql: HIGH_LEVEL,
        atNs,
      })
      return refused(STATUS_UNSUCCESSFUL, failure)
    }
    return yield* this.#writeThrough(loaded, plan, log)
  }

  *#writeThrough(loaded: Loaded, plan: DumpPlan, log: ViolationLog): Generator<number, DumpWriteReport> {
    const { miniport, profile, runtime } = this.#options
    const run = new DumpRun({
      ...loaded,
      machine: this.#machine,
      kernel: this.#kernel,
      profile,
      controller: runtime.controller,
      miniport,
      port: this.#options.port ?? DUMP_PORTS[this.#drivers.dumpPort],
      runtimeUncachedBytes: runtime.uncachedBytes,
      map: new PageFileMap(guestBlock(this.#machine.ram, loaded.mapMemory), loaded.extentCount),
      log,
      onWrite: this.#options.onWrite ?? null,
      probes: this.#options.probes ?? false,
    })
    const report = (finalStatus: number, failure: string): DumpWriteReport => ({
      finalStatus: finalStatus >>> 0,
      bytesWritten: run.bytesWritten,
      violations: log.violations,
      times: run.environment.pace.times(),
      strayStores: run.environment.strayStores,
      ...(failure !== '' && { failure, failedIn: run.environment.blamed }),
    })
    try {
      const status = yield* run.write(plan)
      return report(status, run.failure)
    } catch (error) {
      if (error instanceof DriverHang) {
        const { environment } = run
        if (!error.isLogged) environment.violate('DM-26', environment.entryPoint, error.message)
        return { ...report(STATUS_IO_TIMEOUT, error.message), ...(error.isCutOff && { isCutOff: true }) }
      }
      if (error instanceof NotOneView || error instanceof NotJudged) {
        return { ...report(STATUS_NOT_SUPPORTED, error.message), notJudged: error.code }
      }
      if (error instanceof PageTablesDamaged) {
        run.environment.violate('page-tables', run.environment.entryPoint, error.message)
        return report(STATUS_UNSUCCESSFUL, error.message)
      }
      if (!(error instanceof GuestFault)) throw error
      const { environment } = run
      const place = `${loaded.miniportImage.baseName}+${hex(environment.routine - loaded.miniportImage.base)}`
      const message = `${error.message}, in ${environment.entryPoint} at ${place}`
      const secondBugcheck = error.bugcheck ?? {
        code: DRIVER_IRQL_NOT_LESS_OR_EQUAL,
        parameters: [
          error.address,
          BigInt(environment.irql),
          error.access === 'write' ? 1n : 0n,
          environment.routine,
        ],
      }
      environment.violate(`bugcheck-${hex(secondBugcheck.code)}`, environment.entryPoint, message)
      return { ...report(STATUS_UNSUCCESSFUL, message), secondBugcheck }
    }
  }

  get #diskByteLength(): number {
    const { sectorBytes, sectorCount } = this.#options.runtime.bootDevice
    return sectorBytes * sectorCount
  }

  #pick(rows: readonly StackImage[], images: readonly LoadedImage[], role: StackImage['role']): LoadedImage {
    return images[rows.findIndex((row) => row.role === role)]!
  }

  #loadFilter(image: LoadedImage): LoadedFilter {
    const { maxPagesPerWrite } = this.#options.profile.limits
    return new LoadedFilter(
      this.#machine,
      this.#kernel,
      this.#filter,
      image,
      maxPagesPerWrite,
      this.#diskByteLength,
    )
  }

  #allocate(byteLength: number): KernelMemory {
    return this.#kernel.allocate(byteLength, { owner: Owner.dumpPath })
  }

  /** DriverEntry of crashdmp only fills the table. */
  #layCallTable(): void {
    const { CrashdmpCallTable } = this.#options.profile.layouts
    const table = CrashdmpCallTable.at(
      guestBlock(this.#machine.ram, this.#allocate(CrashdmpCallTable.size)).view,
    )
    const address = (name: string): bigint => this.#broker.exportAddress(name) ?? 0n
    table.version.set(0, 1)
    table.version.set(1, 1)
    table.crashdmpInitialize = address('CrashdmpInitialize')
    table.crashdmpLoadDumpStack = address('CrashdmpLoadDumpStack')
    table.crashdmpInitDumpStack = address('CrashdmpInitDumpStack')
    table.crashdmpFreeDumpStack = address('CrashdmpFreeDumpStack')
    table.crashdmpDisable = address('CrashdmpDisable')
    table.crashdmpNotify = address('CrashdmpNotify')
    table.crashdmpWrite = address('CrashdmpWrite')
    table.crashdmpUpdatePhysicalRange = address('CrashdmpUpdatePhysicalRange')
  }
}
