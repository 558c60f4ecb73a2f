// The routines of Storport that a dump port answers without its adapter, memory or SRB. What dump mode does not have (pool, DPC, timer,
// work item, registry) fails, and is a violation where asking for it breaks a rule; what is harmless succeeds and does nothing.
import { hex } from '@dumpstack/bytes'
import type { DumpModeRuleId } from '@dumpstack/nt'
import { irqlText } from '../../irql.ts'
import { isSingle, lockName, notHeld, stillHeld, takenAgain } from '../../lock-state.ts'
import type { CallSite, GuestBlock, HeldLock, LockKind, StorDpc } from '../../miniport.ts'
import {
  STOR_STATUS_NOT_IMPLEMENTED,
  STOR_STATUS_SUCCESS,
  STOR_STATUS_UNSUCCESSFUL,
} from '../../stor-status.ts'
import type { CrashEnvironment } from '../environment.ts'
import type { RoutineWatch } from '../routine-watch.ts'

const FROZEN_SYSTEM_TIME = 0n

/** Kernel routines whose use breaks a rule of its own, beside being called at HIGH_LEVEL. */
const KERNEL_RULES: readonly (readonly [names: RegExp, rule: DumpModeRuleId, why: string])[] = [
  [/^ExAllocate(Pool|FromN?Paged)/, 'DM-14', ': dump mode has no pool'],
  [/^ExFree(Pool|ToN?Paged)/, 'DM-16', ': dump mode frees nothing'],
  [/^(Ke|Ex)Set(Coalescable)?Timer(Ex)?$/, 'DM-22', ': no timer fires in dump mode'],
]

export abstract class DumpModeRoutines {
  protected readonly environment: CrashEnvironment
  protected readonly watch: RoutineWatch
  readonly #held = new Set<LockKind>()

  constructor(environment: CrashEnvironment) {
    this.environment = environment
    this.watch = environment.watch
  }

  /** Any processor can be the one that crashes: the last, because a driver that expects number 0 is not wrong on it by chance. */
  currentProcessor(): number {
    return this.environment.machine.cpuCount - 1
  }

  calledTooHigh(call: string, maxIrql: number): void {
    this.watch.onCall()
    const [, rule, why] = KERNEL_RULES.find(([names]) => names.test(call)) ?? [null, 'DM-08', '']
    const what = `${call} was called in ${this.environment.entryPoint} at HIGH_LEVEL, expected at most ${irqlText(maxIrql)}${why}`
    this.environment.violate(rule, call, what)
  }

  unmask(call: string, irql: number | null): void {
    if (irql === null) {
      this.environment.violate(
        'DM-18',
        call,
        `${call} let interrupts in, expected none while the dump is written: the port polls`,
      )
    } else {
      const what = `${call} lowered the IRQL to ${irql}, expected HIGH_LEVEL until the dump is written`
      this.environment.violate('DM-07', call, what)
    }
  }

  markDumpMemory(): number {
    this.watch.onCall()
    if (this.environment.entryPoint !== 'DriverEntry' && this.environment.entryPoint !== 'HwFindAdapter') {
      const call = 'StorPortMarkDumpMemory'
      const where = `${call} was called from ${this.environment.entryPoint}, expected DriverEntry or HwFindAdapter only`
      this.environment.violate('DM-17', call, where)
      return STOR_STATUS_UNSUCCESSFUL
    }
    return STOR_STATUS_SUCCESS
  }

  idle(): boolean {
    return false
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
  acquireSpinLock(_extension: GuestBlock, kind: LockKind): HeldLock {
    const wasHeld = isSingle(kind) && this.#held.has(kind)
    const toDispatch = kind === 'startIo' || kind === 'dpc'
    this.#lockTaken('StorPortAcquireSpinLock', lockName(kind), wasHeld, toDispatch)
    this.#held.add(kind)
    return { kind }
  }

  releaseSpinLock(_extension: GuestBlock, lock: HeldLock | null): void {
    this.spinLockReleased('StorPortReleaseSpinLock', lock !== null && this.#held.delete(lock.kind))
  }

  spinLockTaken(call: string, wasHeld: boolean, toDispatch: boolean): void {
    this.#lockTaken(call, 'a spin lock', wasHeld, toDispatch)
  }

  spinLockReleased(call: string, wasHeld: boolean): void {
    this.watch.onCall()
    if (wasHeld) return
    this.environment.violate('lock-state', call, notHeld(` in ${this.environment.entryPoint}`))
  }

  /** What has lowered the level is found where it did. */
  returnedAt(): void {}

  /** The images of a dump are locked in memory. */
  pageableNeeded(): void {}

  lockKept(routine: string, taken: () => CallSite): void {
    this.#held.clear()
    this.environment.violate('lock-state', routine, stillHeld(routine), 'fail', taken)
  }

  #lockTaken(call: string, lock: string, wasHeld: boolean, toDispatch: boolean): void {
    this.watch.onCall()
    const { entryPoint } = this.environment
    if (toDispatch) {
      const what = `${lock} was taken in ${entryPoint} at HIGH_LEVEL, expected at most DISPATCH_LEVEL`
      this.environment.violate('DM-25', call, what)
    }
    if (wasHeld) this.environment.violate('lock-state', call, takenAgain(lock, ` in ${entryPoint}`))
  }

  querySystemTime(): bigint {
    this.watch.onTimeQuery()
    return FROZEN_SYSTEM_TIME
  }

  logError(): void {
    this.watch.onCall()
  }

  // Answered with failure. In-box drivers ask for these without looking at the mode, so asking breaks no rule.

  getMessageInterruptInformation(): null {
    this.watch.onCall()
    return null
  }

  getDeviceObjects(): null {
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

  #forbidden(rule: DumpModeRuleId, call: string, what: string): void {
    this.watch.onCall()
    this.environment.violate(rule, call, what)
  }

  initializeDpc(_extension: GuestBlock, routine: StorDpc['routine']): StorDpc {
    this.#forbidden('DM-21', 'StorPortInitializeDpc', 'a DPC was initialised, which never runs in dump mode')
    return { routine }
  }

  issueDpc(_extension: GuestBlock, _dpc: StorDpc, call = 'StorPortIssueDpc'): boolean {
    this.#forbidden('DM-21', call, 'a DPC was queued, which never runs in dump mode')
    return false
  }

  allocatePool(_extension: GuestBlock, byteLength: number): null {
    this.#forbidden(
      'DM-14',
      'StorPortAllocatePool',
      `${hex(byteLength)} bytes of pool were asked for, which dump mode does not have`,
    )
    return null
  }

  freePool(): number {
    this.#forbidden('DM-16', 'StorPortFreePool', 'memory was freed in dump mode')
    return STOR_STATUS_UNSUCCESSFUL
  }

  initializeTimer(): boolean {
    this.#forbidden(
      'DM-22',
      'StorPortInitializeTimer',
      'a timer was asked for, which dump mode does not have',
    )
    return false
  }

  initializeWorker(): boolean {
    this.#forbidden(
      'DM-21',
      'StorPortInitializeWorker',
      'a worker was asked for, which dump mode does not have',
    )
    return false
  }

  requestTimer(): number {
    this.#forbidden('DM-22', 'StorPortRequestTimer', 'a timer was set, which never fires in dump mode')
    return STOR_STATUS_UNSUCCESSFUL
  }

  queueWorkItem(): boolean {
    this.#forbidden('DM-21', 'StorPortQueueWorkItem', 'a work item was queued, which never runs in dump mode')
    return false
  }
}
