// The system that runs, crashes and starts again: machine, disk, C:, registry, event log, and per start a kernel with its
// storage stack and crash dump stack.
import { PAGE_SIZE, pagesInRuns } from '@dumpstack/bytes'
import { type Cpu, createCpu } from '@dumpstack/cpu'
import {
  type CrashDumpStack,
  faultyMiniport,
  loadCrashDumpStack,
  type MiniportCode,
  type RuntimeStack,
  startRuntimeStack,
} from '@dumpstack/drivers'
import {
  type ControllerOptions,
  createDisk,
  createMachine,
  type Disk,
  type Machine,
} from '@dumpstack/machine'
import type { Profile } from '@dumpstack/nt'
import { TargetOptionsError } from '@dumpstack/target'
import { bootWithDriver } from '../boot/boot-with-driver.ts'
import type { BootedKernel } from '../boot/contract.ts'
import { SeededChoice } from '../boot/seeded-choice.ts'
import { CRASH_DRIVER } from '../bugcheck/crash.ts'
import { WindowsError } from '../errors.ts'
import { EventLog } from '../events/event-log.ts'
import * as events from '../events/system-events.ts'
import { CrashControl } from '../registry/crash-control.ts'
import { Registry } from '../registry/registry.ts'
import { clearPageFiles, createPageFiles, extractCrashDump, holdsCrashDump } from '../restart/smss.ts'
import { type Partition, partitionDisk } from '../volume/gpt.ts'
import { Volume, type VolumeFile } from '../volume/volume.ts'
import { EPOCH_MS, type SystemOptions } from './options.ts'
import type { LastCrash, PoweredOff } from './powered-off.ts'

const CRASH_DRIVER_KEY = 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\crashtst'
/** Windows' own choice on a fresh system; the test sets its own. */
const INSTALLED_PAGE_FILE_BYTES = 256 * 1024 * 1024
/** From power on to the session manager, and from there to the first service; virtual nanoseconds. No two starts are equal. */
const KERNEL_START_NS = 5_000_000_000
const KERNEL_START_SPREAD_MS = 2000
const SERVICES_START_NS = 15_000_000_000

/** All that lives from one start to the next restart. */
export interface RunningSystem {
  readonly kernel: BootedKernel
  readonly runtime: RuntimeStack
  readonly dumpStack: CrashDumpStack
  /** The code of the driver file that runs the disk; null where TypeScript stands in for it. */
  readonly code: MiniportCode | null
  readonly pageFile: VolumeFile | null
  /** Virtual nanoseconds at power on. */
  readonly startedNs: number
  /** What smss found in the page file of the last run, under its temporary name. */
  readonly foundDump: VolumeFile | null
}

export class WindowsSystem {
  readonly options: SystemOptions
  readonly machine: Machine
  readonly disk: Disk
  /** The one of the options, with what the conditions change of it. */
  readonly profile: Profile
  readonly #partition: Partition
  readonly #startTimes: SeededChoice
  /** The processors of the last start. */
  readonly #cpus: Cpu[] = []
  #registry!: Registry // #load, which the constructor calls, sets all four
  #crashControl!: CrashControl
  #volume!: Volume
  #log!: EventLog
  #lastCrash: LastCrash | null = null
  #running: RunningSystem | null = null

  /** A system that is switched off: newly installed, or as it was when `saved` was taken. */
  constructor(options: SystemOptions, saved: PoweredOff | null) {
    this.options = options
    const { productType, isDomainMember } = options.conditions
    this.profile = {
      ...options.profile,
      ...(productType !== undefined && { productType }),
      ...(isDomainMember !== undefined && { isDomainMember }),
    }
    const { seed, runs, cpuCount, image, logicalSectorBytes, physicalSectorBytes } = options
    this.#startTimes = new SeededChoice(seed, 'start times')
    this.disk = createDisk({
      name: 'disk0',
      model: 'DUMPSTACK DISK',
      serialNumber: `DS${seed.toString(16).padStart(8, '0')}`,
      logicalSectorBytes,
      physicalSectorBytes,
      image,
    })
    this.#partition = partitionDisk(this.disk, seed)
    this.#load(saved ?? this.#install())
    this.machine = createMachine({
      seed,
      runs,
      cpuCount,
      controllers: this.#controllers(),
      ...(options.stopFlag !== undefined && { stopFlag: options.stopFlag }),
    })
    this.machine.run(saved?.nowNs ?? 0)
  }

  get volume(): Volume {
    return this.#volume
  }

  get crashControl(): CrashControl {
    return this.#crashControl
  }

  get log(): EventLog {
    return this.#log
  }

  /** The controller under test; the dump stack sits on it, unless the conditions move the stack. */
  get controllerUnderTest(): string {
    return this.machine.controllers[0]!.name
  }

  get dumpController(): string {
    return this.machine.controllers.at(-1)!.name
  }

  get isOn(): boolean {
    return this.#running !== null
  }

  /** Throws WindowsError NOT_RUNNING while the system is off. */
  get running(): RunningSystem {
    if (this.#running === null) throw new WindowsError('NOT_RUNNING', 'system is switched off')
    return this.#running
  }

  get ramBytes(): number {
    return pagesInRuns(this.options.runs) * PAGE_SIZE
  }

  /** Milliseconds since this start. */
  get tickCount(): number {
    return Math.floor((this.machine.nowNs - this.running.startedNs) / 1e6)
  }

  /** Virtual milliseconds since 1970. */
  get now(): number {
    return EPOCH_MS + Math.floor(this.machine.nowNs / 1e6)
  }

  pass(ms: number): void {
    this.machine.run(this.machine.nowNs + ms * 1e6)
  }

  /** The driver's service: it loads at the next start. */
  installCrashDriver(): void {
    const key = this.#registry.create(CRASH_DRIVER_KEY)
    key.set('ImagePath', { type: 'REG_EXPAND_SZ', data: `System32\\drivers\\${CRASH_DRIVER}` })
    key.set('Type', { type: 'REG_DWORD', data: 1 })
    key.set('Start', { type: 'REG_DWORD', data: 2 })
  }

  /** `crash` is what ended the run, null for an orderly shutdown. The next start goes by what this returns, here too. */
  powerOff(crash: LastCrash | null): PoweredOff {
    if (!this.isOn) throw new WindowsError('NOT_RUNNING', 'system is switched off')
    const { volume, crashControl } = this
    this.#running = null
    const off = {
      nowNs: this.machine.nowNs,
      startTimes: this.#startTimes.position,
      registry: this.#registry.saved(),
      volume: volume.saved(),
      hasDump: holdsCrashDump({ volume, crashControl, image: this.disk.image }),
      events: this.#log.events,
      crash,
    }
    this.#load(off)
    return off
  }

  /** Resets the machine and starts. */
  powerOn(): void {
    this.machine.faults.clear()
    this.machine.reset({ keepRam: false })
    this.#start()
    if (this.#lastCrash !== null) this.#logCrash(this.#lastCrash)
  }

  /** Whether a crash now writes a dump of the configured type; logs why not, as volmgr does at start and on a change. */
  dumpIsConfigured(): boolean {
    const { pageFile } = this.running
    const { dumpType } = this.crashControl
    if (dumpType === null || pageFile === null) return false
    const { fullDumpExtraBytes, smallDumpBytes } = this.profile.limits
    const least = { full: this.ramBytes + fullDumpExtraBytes, kernel: 0, mini: smallDumpBytes }
    return pageFile.byteLength >= least[dumpType]
  }

  /** volmgr at start, and when CrashControl changes. */
  configureCrashDump(): void {
    if (this.crashControl.dumpType === null || this.dumpIsConfigured()) return
    this.log.add(
      this.running.pageFile === null
        ? events.dumpInitializationFailed(this.now)
        : events.pageFileConfigurationFailed(this.now),
    )
  }

  close(): void {
    this.machine.close()
    this.disk.image.close()
  }

  /** Setup's work: nothing has ever run. */
  #install(): PoweredOff {
    const { seed, pageFileBytes, conditions } = this.options
    const volume = new Volume(this.#partition, seed)
    const wanted = Math.max(pageFileBytes, INSTALLED_PAGE_FILE_BYTES)
    if (wanted > volume.freeBytes) {
      throw new TargetOptionsError(
        'PAGE_FILE_OUTSIDE_DISK',
        `page file of ${wanted} bytes does not fit C: with ${volume.freeBytes} bytes free`,
        { pageFileBytes: wanted, freeBytes: volume.freeBytes },
      )
    }
    const registry = new Registry()
    new CrashControl(registry).install(INSTALLED_PAGE_FILE_BYTES, conditions.alwaysKeepMemoryDump === true)
    return {
      nowNs: 0,
      startTimes: this.#startTimes.position,
      registry: registry.saved(),
      volume: volume.saved(),
      hasDump: false,
      events: [],
      crash: null,
    }
  }

  #load(off: PoweredOff): void {
    this.#startTimes.position = off.startTimes
    this.#registry = new Registry(off.registry)
    this.#crashControl = new CrashControl(this.#registry)
    this.#volume = new Volume(this.#partition, this.options.seed, off.volume)
    this.#log = new EventLog(off.events)
    this.#lastCrash = off.crash
    // what a start that was killed has written there since must not pass for a dump
    if (!off.hasDump)
      clearPageFiles({ volume: this.volume, crashControl: this.crashControl, image: this.disk.image })
  }

  #start(): void {
    const { machine, profile } = this
    const { conditions, controller, decoder, driver, guestImages, onDumpWrite } = this.options
    const startedNs = machine.nowNs
    for (const cpu of this.#cpus.splice(0)) cpu.close()
    const newCpu = (): Cpu => {
      const cpu = createCpu(machine, decoder)
      this.#cpus.push(cpu)
      return cpu
    }
    const { kernel, drivers } = bootWithDriver({
      machine,
      images: guestImages,
      cpu: newCpu(),
      epochMs: EPOCH_MS,
      profile,
      controller,
      driver: driver === undefined ? null : { ...driver, cpu: newCpu() },
    })
    const [underTest, other] = machine.controllers
    const runtime = startRuntimeStack({ machine, ...drivers, controller: underTest! })
    const dumpStack = loadCrashDumpStack({
      machine,
      kernel: drivers.kernel,
      profile,
      runtime: other === undefined ? runtime : startRuntimeStack({ machine, ...drivers, controller: other }),
      miniport:
        conditions.miniportFault === undefined
          ? drivers.miniport
          : faultyMiniport(drivers.miniport, conditions.miniportFault),
      ...(onDumpWrite !== undefined && { onWrite: onDumpWrite }),
    })
    machine.run(machine.nowNs + KERNEL_START_NS + this.#startTimes.below(KERNEL_START_SPREAD_MS) * 1e6)
    const tickCount = Math.floor((machine.nowNs - startedNs) / 1e6)
    const files = {
      volume: this.volume,
      image: this.disk.image,
      crashControl: this.crashControl,
      now: this.now,
      tickCount,
    }
    const foundDump = extractCrashDump(files)
    const pageFile = createPageFiles(files)[0] ?? null
    if (pageFile !== null) dumpStack.setPageFile(pageFile.extents, this.volume.partition.offset)
    if (this.#registry.open(CRASH_DRIVER_KEY) !== null) kernel.loadCrashDriver()
    machine.run(machine.nowNs + SERVICES_START_NS)
    const code = drivers.miniport.code ?? null
    this.#running = { kernel, runtime, dumpStack, code, pageFile, startedNs, foundDump }
    this.configureCrashDump()
  }

  #logCrash(crash: LastCrash): void {
    const { now, log } = this
    if (crash.dump !== null) {
      const { finalStatus } = crash.dump
      log.add(
        finalStatus === 0 ? events.dumpCreationSucceeded(now) : events.dumpCreationFailed(now, finalStatus),
      )
    }
    log.add(events.rebootedWithoutShutdown(now, crash.dump === null ? null : crash.bugcheck))
    log.add(events.unexpectedShutdown(now, crash.at))
  }

  #controllers(): ControllerOptions[] {
    const { disk } = this
    const { controller: model, settings, conditions } = this.options
    const same = { model, attachments: [{ disk }], ...(settings !== undefined && { settings }) }
    const first: ControllerOptions = { ...same, name: `${model.kind}0`, bdf: 0x0010, interruptVector: 0x50 }
    if (conditions.otherController !== true) return [first]
    return [first, { ...same, name: `${model.kind}1`, bdf: 0x0018, interruptVector: 0x51 }]
  }
}
