// The world after KeBugCheckEx in which a dump miniport runs: HIGH_LEVEL, one processor, routines that have to return in time, a controller
// that must not stop. It knows which routine runs and judges what it did. The dump port, whichever it is, says when it calls one.
import { type Gva, hex, type Pfn } from '@dumpstack/bytes'
import type { ControllerOptions, ControllerState, Machine, RegisterWindow } from '@dumpstack/machine'
import type { DumpModeRuleId, Severity } from '@dumpstack/nt'
import type { DumpWriteObserver } from '../dump-write-observer.ts'
import { HIGH_LEVEL } from '../irql.ts'
import type { LoadedImage } from '../kernel-services.ts'
import type { CallSite, MiniportImage } from '../miniport.ts'
import { miniportRoutine } from '../port-configuration.ts'
import { DmaAudit } from './dma-audit.ts'
import { DriverHang } from './driver-hang.ts'
import { DumpPace } from './dump-pace.ts'
import { MemoryGuards } from './memory-guards.ts'
import { type EntryPoint, isEntryPoint, isStart, RoutineWatch } from './routine-watch.ts'
import type { ViolationLog } from './violation-log.ts'

/** Services that do not run in dump mode. A driver that asks for them in a reset only does so where a dump has gone wrong already. */
const REMARKS_IN_A_RESET: ReadonlySet<DumpModeRuleId> = new Set(['DM-21', 'DM-22', 'DM-25'])

const MAX_STRAY_STORES = 16

export interface StrayStore {
  readonly entryPoint: EntryPoint
  readonly site: CallSite
}

export interface CrashEnvironmentOptions {
  readonly machine: Machine
  readonly controller: ControllerOptions
  /** The copy of the miniport that runs. */
  readonly image: LoadedImage
  readonly miniport: MiniportImage
  /** Uncached extension of the same driver while the system ran, in bytes. */
  readonly runtimeUncachedBytes: number
  readonly violations: ViolationLog
  readonly onWrite: DumpWriteObserver | null
}

export class CrashEnvironment {
  readonly onWrite: DumpWriteObserver | null
  readonly machine: Machine
  readonly controller: ControllerOptions
  readonly image: LoadedImage
  readonly miniport: MiniportImage
  readonly runtimeUncachedBytes: number
  /** The IRQL at which the port calls the miniport, and which a correct driver keeps. */
  readonly irql = HIGH_LEVEL
  readonly watch: RoutineWatch
  readonly dma: DmaAudit
  readonly guards = new MemoryGuards()
  readonly pace: DumpPace
  /** By page outside the dump path: where the miniport's code wrote to it first. */
  readonly strayStores = new Map<Pfn, StrayStore>()
  readonly #violations: ViolationLog
  readonly #state: ControllerState
  /** Of the controller, as the instance that died left it. */
  readonly #resetsBefore: number
  #interrupts: ControllerState['interrupts']
  #hasSwitchedOn = false
  #isInReset = false
  /** How many of the machine's stops and refusals were seen: those before the dump are not the dump driver's. */
  #stopsSeen: number
  #refusalsSeen: number
  /** Of memory that the controller was given, since it was looked at last. */
  #overlap: string | null = null
  /** By limit: what is said of it. */
  readonly #refused = new Map<string, { readonly call: string; readonly what: string }>()
  /** The routine that builds requests: HwBuildIo, where the miniport has one. */
  #requestRoutine: EntryPoint = 'HwStartIo'
  /** Looked up with the first register that is named: a miniport may enable them itself. */
  #windows: readonly RegisterWindow[] | null = null

  constructor(options: CrashEnvironmentOptions) {
    const { machine, controller } = options
    this.machine = machine
    this.controller = controller
    this.image = options.image
    this.miniport = options.miniport
    this.runtimeUncachedBytes = options.runtimeUncachedBytes
    this.#violations = options.violations
    this.#state = machine.controllerState(controller.name)
    this.#resetsBefore = this.#state.resetCount
    this.#interrupts = this.#state.interrupts
    this.#stopsSeen = machine.evidence.stops.length
    this.#refusalsSeen = machine.evidence.refusals.length
    machine.evidence.onOverlap = (_controller, message) => {
      if (this.#isReset) this.#overlap ??= message
    }
    machine.evidence.onStore = (_controller, message, page) => {
      if (!this.#isReset) return
      const routine = this.entryPoint
      const site = (): CallSite | null => this.miniport.code?.storeSite(page) ?? this.#startOf(routine)
      this.#add('device-memory', routine, `${routine} ${message}`, 'warning', routine, site)
    }
    this.onWrite = options.onWrite
    this.pace = new DumpPace(machine)
    machine.ram.onStrayWrite = (page) => this.#noteStore(page)
    this.watch = new RoutineWatch(machine, (limit, waitsForTime) => this.#hang(limit, waitsForTime))
    this.dma = new DmaAudit(machine, controller.name, {
      onLeftOver: (message) => this.violate('DM-29', 'HwInitialize', message),
      onStray: (message) => this.violateInRequest('stray-write', 'WRITE', message),
    })
  }

  /** Before and after each call of a miniport routine; `leave` is not reached when the routine faults. */
  enter(entryPoint: EntryPoint): void {
    if (entryPoint === 'HwBuildIo') this.#requestRoutine = entryPoint
    // what the controller came to since the last routine returned is a matter of the request
    this.#judgeDevice(this.#requestRoutine)
    this.watch.enter(entryPoint)
    this.pace.enter()
  }

  leave(): void {
    this.watch.leave()
    this.pace.leave(this.entryPoint)
    const beside = this.guards.change()
    if (beside !== null) {
      const what = `${this.entryPoint} wrote ${beside.message}`
      this.violate('stray-memory', this.entryPoint, what, beside.isPromised ? 'warning' : 'fail')
    }
    this.#judgeDevice(this.entryPoint === 'HwInterrupt' ? this.#requestRoutine : this.entryPoint)
  }

  #noteStore(page: Pfn): void {
    if (this.strayStores.size === MAX_STRAY_STORES) return
    const site = this.miniport.code?.storeSite(page) ?? null
    if (site !== null) this.strayStores.set(page, { entryPoint: this.entryPoint, site })
  }

  /** The miniport waits, by a call of its own. */
  stall(microseconds: number): void {
    this.pace.stalls(this.entryPoint, microseconds, () => this.miniport.code?.callSite() ?? null)
    this.watch.onStall(microseconds)
  }

  /** `reset` asks the miniport for a reset: HwResetBus, or a reset request. */
  inReset<T>(reset: () => T): T {
    this.#isInReset = true
    try {
      return reset()
    } finally {
      this.#isInReset = false
    }
  }

  /** The miniport has read a register: what the controller came to before is not of what it writes next. */
  registerRead(): void {
    if (this.entryPoint === 'HwInterrupt') this.#judgeDevice(this.#requestRoutine)
  }

  /** The miniport has written a register: what the controller made of it is reported where that was. */
  registerWritten(address: number): void {
    if (isStart(this.entryPoint)) this.#judgeInterrupts(address)
    const { stops, refusals } = this.machine.evidence
    const hasNone = this.#stopsSeen === stops.length && this.#refusalsSeen === refusals.length
    if (hasNone && this.#overlap === null) return
    this.#judgeDevice(`write of ${this.registerName(address)}`)
  }

  /** As the specification of the controller spells it; its address where it has no name. */
  registerName(address: number): string {
    const window = this.windowOf(address)
    const name = window && this.controller.model.registerName(window.bar, address - window.base)
    return name ?? `register ${hex(address)}`
  }

  /** Of the controller, as it decodes it now. */
  windowOf(address: number): RegisterWindow | undefined {
    this.#windows ??= this.machine.registerWindows.filter(
      ({ controller }) => controller === this.controller.name,
    )
    return this.#windows.find(({ base, byteLength }) => address >= base && address < base + byteLength)
  }

  /** HwInitialize says that the disk takes commands. */
  judgeReadiness(): void {
    const { name } = this.controller
    if (!this.#state.takesRequests) {
      const what = `HwInitialize returned TRUE, but ${name} takes no requests yet: expected a disk that is ready`
      this.violate('DM-10', 'HwInitialize', what, 'warning')
    }
    if (!this.#hasSwitchedOn && this.#state.interrupts !== 'off') {
      const what = `${name} interrupts as the instance that died left it, expected none while the dump is written: the port polls`
      this.violate('DM-18', 'HwInitialize', what, 'note')
    }
  }

  /** A raised line stays raised, because nothing acknowledges it in dump mode; a message is lost. */
  #judgeInterrupts(address: number): void {
    const { interrupts } = this.#state
    const before = this.#interrupts
    this.#interrupts = interrupts
    if (before !== 'off' || interrupts === 'off') return
    this.#hasSwitchedOn = true
    const what = `interrupts of ${this.controller.name} were switched on, expected none while the dump is written: the port polls`
    this.violate(
      'DM-18',
      `write of ${this.registerName(address)}`,
      what,
      interrupts === 'line' ? 'warning' : 'note',
    )
  }

  #judgeDevice(call: string): void {
    const { stops, refusals } = this.machine.evidence
    if (this.#overlap !== null) this.violate('memory-overlap', call, this.#overlap)
    this.#overlap = null
    while (this.#refusalsSeen < refusals.length) {
      const { controller, limit, message, isTolerated } = refusals[this.#refusalsSeen++]!
      if (controller !== this.controller.name) continue
      const what = `${controller} ${isTolerated ? 'tolerates' : 'refused'} ${message}`
      // who went beyond a limit once does so again: that is one finding, at the first
      const { call: at, what: said } = this.#refused.get(limit) ?? { call, what }
      this.#refused.set(limit, { call: at, what: said })
      this.violate('device-refused', at, said, isTolerated ? 'warning' : 'fail')
    }
    while (this.#stopsSeen < stops.length) {
      const { controller, reason } = stops[this.#stopsSeen++]!
      if (controller !== this.controller.name) continue
      if (isStart(this.entryPoint) && !this.#isReset) {
        const cause = 'no routine has reset it, and it still runs as the instance that died left it'
        this.violate('DM-29', call, `${controller} stopped: ${reason}; ${cause}`)
      } else {
        this.violate('device-stopped', call, `${controller} stopped until its reset: ${reason}`)
      }
    }
  }

  /** By the dump driver: until then the controller looks at the memory of the instance that died, which is DM-29. */
  get #isReset(): boolean {
    return this.#state.resetCount !== this.#resetsBefore
  }

  /** Address of the routine that runs. */
  get routine(): Gva {
    return this.#addressOf(this.entryPoint)
  }

  #addressOf(entryPoint: EntryPoint): Gva {
    return miniportRoutine(this.image, this.miniport, entryPoint)
  }

  get entryPoint(): EntryPoint {
    return this.watch.entryPoint
  }

  /** The routine that a failure comes from: what shows while a request is polled was started before. */
  get blamed(): EntryPoint {
    return isStart(this.entryPoint) || this.entryPoint === 'HwBuildIo' ? this.entryPoint : 'HwStartIo'
  }

  get registerWrites(): number {
    return this.watch.registerWrites
  }

  /** `call`: what the routine that runs called, or a routine itself. */
  violate(
    rule: DumpModeRuleId,
    call: string,
    message: string,
    severity: Severity = 'fail',
    site: (() => CallSite) | null = null,
  ): void {
    const routine = isEntryPoint(call) ? call : this.entryPoint
    this.#add(rule, call, message, severity, routine, site ?? (() => this.#site(call, routine)))
  }

  /** What came of a request as a whole, which shows while it is polled, is reported where it was built. */
  violateInRequest(
    rule: DumpModeRuleId,
    request: string,
    message: string,
    severity: Severity = 'fail',
  ): void {
    const routine = this.#requestRoutine
    this.#add(rule, request, message, severity, routine, () => this.#startOf(routine))
  }

  #add(
    rule: DumpModeRuleId,
    call: string,
    message: string,
    severity: Severity,
    routine: EntryPoint,
    site: () => CallSite | null,
  ): void {
    const { image, irql, machine } = this
    const atNs = machine.nowNs
    const counts = this.#isInReset && REMARKS_IN_A_RESET.has(rule) ? 'note' : severity
    const address = this.#addressOf(routine)
    this.#violations.add({
      severity: counts,
      rule,
      call,
      message,
      driver: image,
      routine: address,
      irql,
      atNs,
      site,
    })
  }

  /** A violation by the routine as a whole is reported at its start, a violation by a call at the call. */
  #site(call: string, routine: EntryPoint): CallSite | null {
    const own = call === routine ? null : this.miniport.code?.callSite()
    return own ?? this.#startOf(routine)
  }

  #startOf(routine: EntryPoint): CallSite | null {
    return this.miniport.code?.routineSite(this.image, routine) ?? null
  }

  #hang(limit: string, waitsForTime: boolean): never {
    const { entryPoint } = this
    const cause = waitsForTime ? '; it waits for the system time, which stands still in dump mode' : ''
    const { lastReadAt, lastReadValue } = this.watch
    const last =
      lastReadAt < 0 || waitsForTime
        ? ''
        : `; the last register that it read is ${this.registerName(lastReadAt)}, which was ${hex(lastReadValue)}`
    const awaited = last === '' ? null : (this.miniport.code?.awaited() ?? null)
    const waits = awaited === null ? '' : `; it waits for ${awaited}`
    const what = `did not return ${limit}${cause}${last}${waits}`
    this.violate(waitsForTime ? 'DM-23' : 'DM-26', entryPoint, `${entryPoint} ${what}`)
    throw new DriverHang(this.image.baseName, entryPoint, what, true)
  }
}
