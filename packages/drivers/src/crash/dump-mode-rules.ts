// What dump mode demands of a miniport, whatever it calls: its routines return in time, its controller does not stop, and it asks for
// nothing that is not there any more. No pool, DPC, timer, work item or registry: what is forbidden is answered with failure and becomes
// a violation with its DM rule; README.md lists rules and answers.
import { type Gva, hex } from '@dumpstack/bytes'
import type { ControllerOptions, Machine } from '@dumpstack/machine'
import type { DumpModeRuleId } from '@dumpstack/nt'
import { HIGH_LEVEL } from '../irql.ts'
import type { LoadedImage } from '../kernel-services.ts'
import type { CallSite, GuestBlock, MiniportImage, StorDpc } from '../miniport.ts'
import { miniportRoutine } from '../port-configuration.ts'
import { STOR_STATUS_NOT_IMPLEMENTED, STOR_STATUS_SUCCESS, STOR_STATUS_UNSUCCESSFUL } from '../stor-status.ts'
import { DriverHang } from './driver-hang.ts'
import { type EntryPoint, RoutineWatch } from './routine-watch.ts'
import type { ViolationLog } from './violation-log.ts'

const FROZEN_SYSTEM_TIME = 0n

export interface DumpModeOptions {
  readonly machine: Machine
  readonly controller: ControllerOptions
  readonly image: LoadedImage
  readonly miniport: MiniportImage
  readonly violations: ViolationLog
}

export abstract class DumpModeRules {
  readonly machine: Machine
  readonly image: LoadedImage
  /** Of the port, and of a driver that keeps the rules. */
  readonly irql = HIGH_LEVEL
  protected readonly watch: RoutineWatch
  protected readonly controller: ControllerOptions
  protected readonly miniport: MiniportImage
  readonly #violations: ViolationLog
  /** Of the machine's stops: those before the dump are nobody's here. */
  #stopsSeen: number
  #wantedPassiveInitialization = false

  constructor({ machine, controller, image, miniport, violations }: DumpModeOptions) {
    this.machine = machine
    this.#stopsSeen = machine.stops.length
    this.image = image
    this.controller = controller
    this.miniport = miniport
    this.#violations = violations
    this.watch = new RoutineWatch(machine, (limit, waitsForTime) => this.#hang(limit, waitsForTime))
  }

  /** Before and after each call of a miniport routine; `leave` is not reached when the routine faults. */
  enter(entryPoint: EntryPoint): void {
    this.watch.enter(entryPoint)
  }

  leave(): void {
    this.watch.leave()
    const { stops } = this.machine
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

  get wantedPassiveInitialization(): boolean {
    return this.#wantedPassiveInitialization
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

  /** What a routine came to is judged at the routine, what it called where it called it. */
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

  // Routines of the port

  passiveCall(call: string): void {
    this.watch.onCall()
    const what = `${call} was called in ${this.entryPoint} at HIGH_LEVEL, expected PASSIVE_LEVEL`
    this.violate('DM-08', call, what)
  }

  unmask(call: string, irql: number | null): void {
    if (irql === null) {
      this.violate(
        'DM-18',
        call,
        `${call} let interrupts in, expected none while the dump is written: the port polls`,
      )
    } else {
      const what = `${call} lowered the IRQL to ${irql}, expected HIGH_LEVEL until the dump is written`
      this.violate('DM-07', call, what)
    }
  }

  markDumpMemory(): number {
    this.watch.onCall()
    if (this.entryPoint !== 'DriverEntry' && this.entryPoint !== 'HwFindAdapter') {
      const call = 'StorPortMarkDumpMemory'
      const where = `${call} was called from ${this.entryPoint}, expected DriverEntry or HwFindAdapter only`
      this.violate('DM-17', call, where)
      return STOR_STATUS_UNSUCCESSFUL
    }
    return STOR_STATUS_SUCCESS
  }

  // Harmless: queue control with one request at a time (DM-27)

  pause(): boolean {
    this.watch.onCall()
    return true
  }

  resume(): boolean {
    this.watch.onCall()
    return true
  }

  // Harmless: locks, time, logging (DM-23, DM-25, DM-28)

  /** StartIoLock and DpcLock lower to DISPATCH_LEVEL what runs at HIGH_LEVEL (B12); the interrupt's own lock cannot. */
  acquireSpinLock(_extension: GuestBlock, kind: 'interrupt' | 'startIo' | 'dpc'): object {
    this.watch.onCall()
    if (kind !== 'interrupt') {
      const name = kind === 'startIo' ? 'StartIoLock' : 'DpcLock'
      const what = `${name} was taken in ${this.entryPoint} at HIGH_LEVEL, expected at most DISPATCH_LEVEL`
      this.violate('DM-25', 'StorPortAcquireSpinLock', what)
    }
    return {}
  }

  releaseSpinLock(): void {
    this.watch.onCall()
  }

  querySystemTime(): bigint {
    this.watch.onTimeQuery()
    return FROZEN_SYSTEM_TIME
  }

  logError(): void {
    this.watch.onCall()
  }

  // Answered with failure. In-box drivers ask for these two without looking at the mode, so asking breaks no rule.

  enablePassiveInitialization(): boolean {
    this.watch.onCall()
    this.#wantedPassiveInitialization = true
    return false
  }

  getMessageInterruptInformation(): null {
    this.watch.onCall()
    return null
  }

  initializePerfOpts(): number {
    this.watch.onCall()
    return STOR_STATUS_NOT_IMPLEMENTED
  }

  // DM-08: the registry fails cleanly. Certified drivers ask in dump mode too, so asking alone is no fault.

  allocateRegistryBuffer(): null {
    this.watch.onCall()
    return null
  }

  registryRead(): null {
    this.watch.onCall()
    return null
  }

  registryWrite(): boolean {
    this.watch.onCall()
    return false
  }

  // Forbidden

  initializeDpc(_extension: GuestBlock, routine: StorDpc['routine']): StorDpc {
    this.watch.onCall()
    this.violate('DM-21', 'StorPortInitializeDpc', 'a DPC was initialised, which never runs in dump mode')
    return { routine }
  }

  issueDpc(): boolean {
    this.watch.onCall()
    this.violate('DM-21', 'StorPortIssueDpc', 'a DPC was queued, which never runs in dump mode')
    return false
  }

  allocatePool(_extension: GuestBlock, byteLength: number): null {
    this.watch.onCall()
    const what = `${hex(byteLength)} bytes of pool were asked for, which dump mode does not have`
    this.violate('DM-14', 'StorPortAllocatePool', what)
    return null
  }

  freePool(): number {
    this.watch.onCall()
    this.violate('DM-16', 'StorPortFreePool', 'memory was freed in dump mode')
    return STOR_STATUS_UNSUCCESSFUL
  }

  initializeTimer(): boolean {
    this.watch.onCall()
    this.violate('DM-22', 'StorPortInitializeTimer', 'a timer was asked for, which dump mode does not have')
    return false
  }

  initializeWorker(): boolean {
    this.watch.onCall()
    const what = 'a worker was asked for, which dump mode does not have'
    this.violate('DM-21', 'StorPortInitializeWorker', what)
    return false
  }

  requestTimer(): number {
    this.watch.onCall()
    this.violate('DM-22', 'StorPortRequestTimer', 'a timer was set, which never fires in dump mode')
    return STOR_STATUS_UNSUCCESSFUL
  }

  queueWorkItem(): boolean {
    this.watch.onCall()
    const what = 'a work item was queued, which never runs in dump mode'
    this.violate('DM-21', 'StorPortQueueWorkItem', what)
    return false
  }
}
