// The world after KeBugCheckEx in which a dump miniport runs: HIGH_LEVEL, one processor, routines that have to return in time, a controller
// that must not stop. It knows which routine runs and judges what it did. The dump port, whichever it is, says when it calls one.
import type { Gva } from '@dumpstack/bytes'
import type { ControllerOptions, Machine } from '@dumpstack/machine'
import type { DumpModeRuleId } from '@dumpstack/nt'
import type { DumpWriteObserver } from '../dump-write-observer.ts'
import { HIGH_LEVEL } from '../irql.ts'
import type { LoadedImage } from '../kernel-services.ts'
import type { CallSite, MiniportImage } from '../miniport.ts'
import { miniportRoutine } from '../port-configuration.ts'
import { DmaAudit } from './dma-audit.ts'
import { DriverHang } from './driver-hang.ts'
import { type EntryPoint, RoutineWatch } from './routine-watch.ts'
import type { ViolationLog } from './violation-log.ts'

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
  readonly #violations: ViolationLog
  /** How many of the machine's stops were seen: those before the dump are not the dump driver's. */
  #stopsSeen: number

  constructor(options: CrashEnvironmentOptions) {
    const { machine, controller } = options
    this.machine = machine
    this.controller = controller
    this.image = options.image
    this.miniport = options.miniport
    this.runtimeUncachedBytes = options.runtimeUncachedBytes
    this.#violations = options.violations
    this.#stopsSeen = machine.evidence.stops.length
    this.onWrite = options.onWrite
    this.watch = new RoutineWatch(machine, (limit, waitsForTime) => this.#hang(limit, waitsForTime))
    this.dma = new DmaAudit(machine, controller.name, (rule, call, message) =>
      this.violate(rule, call, message),
    )
  }

  /** Before and after each call of a miniport routine; `leave` is not reached when the routine faults. */
  enter(entryPoint: EntryPoint): void {
    this.watch.enter(entryPoint)
  }

  leave(): void {
    this.watch.leave()
    const { stops } = this.machine.evidence
    while (this.#stopsSeen < stops.length) {
      const { controller, reason } = stops[this.#stopsSeen++]!
      if (controller !== this.controller.name) continue
      this.violate('device-stopped', this.entryPoint, `${controller} stopped until its reset: ${reason}`)
    }
  }

  /** Address of the routine that runs. */
  get routine(): Gva {
    return miniportRoutine(this.image, this.miniport, this.entryPoint)
  }

  get entryPoint(): EntryPoint {
    return this.watch.entryPoint
  }

  get registerWrites(): number {
    return this.watch.registerWrites
  }

  violate(rule: DumpModeRuleId, call: string, message: string): void {
    this.#violations.add({
      rule,
      call,
      message,
      driver: this.image,
      routine: this.routine,
      irql: this.irql,
      atNs: this.machine.nowNs,
      site: () => this.#site(call),
    })
  }

  /** A violation by the routine as a whole is reported at its start, a violation by a call at the call. */
  #site(call: string): CallSite | null {
    const { code } = this.miniport
    const own = call === this.entryPoint ? null : code?.callSite()
    return own ?? code?.routineSite(this.image, this.entryPoint) ?? null
  }

  #hang(limit: string, waitsForTime: boolean): never {
    const { entryPoint } = this
    const cause = waitsForTime ? '; it waits for the system time, which stands still in dump mode' : ''
    const what = `did not return ${limit}${cause}`
    this.violate(waitsForTime ? 'DM-23' : 'DM-26', entryPoint, `${entryPoint} ${what}`)
    throw new DriverHang(this.image.baseName, entryPoint, what)
  }
}
