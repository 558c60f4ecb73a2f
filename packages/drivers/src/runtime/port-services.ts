// What the running port gives to any driver, whatever it runs: the configuration space and registers of its controller, memory, its
// Parameters key, the time, and work that it puts off. Everything works, as nothing has stopped.
import { type Gpa, type Gva, gpa, gva } from '@dumpstack/bytes'
import type { ControllerOptions, Machine } from '@dumpstack/machine'
import type { Severity } from '@dumpstack/nt'
import { checkRam, GuestFault } from '../guest-fault.ts'
import { irqlText } from '../irql.ts'
import type { KernelServices } from '../kernel-services.ts'
import {
  isSingle,
  lockName,
  notHeld,
  stillHeld,
  takenAgain,
  takenFromPort,
  wrongOrder,
} from '../lock-state.ts'
import type { CallSite, DeviceRegisters, GuestBlock, HeldLock, LockKind, StorDpc } from '../miniport.ts'
import { RegisterWindow } from '../register-window.ts'
import type { OnBroken } from '../runtime-stack.ts'
import { STOR_STATUS_BUSY, STOR_STATUS_NOT_IMPLEMENTED, STOR_STATUS_SUCCESS } from '../stor-status.ts'
import { DeferredWork, FIRST_TIMER } from './deferred-work.ts'
import { discoverFunction, type PciRange, readConfig, writeConfig } from './pci-device.ts'
import { PortMemory } from './port-memory.ts'

const MAX_PARAMETERS = 256

export abstract class PortServices {
  /** Register windows as the dump port will find them. */
  readonly mappedAddresses: { readonly va: Gva; readonly gpa: Gpa; readonly byteLength: number }[] = []
  protected readonly machine: Machine
  protected readonly kernel: KernelServices
  protected readonly controller: ControllerOptions
  protected readonly driverName: string
  protected readonly ranges: readonly (PciRange | null)[]
  protected readonly memory: PortMemory
  protected readonly deferred: DeferredWork
  protected readonly onBroken: OnBroken | null
  /** That the port holds for the routine that it calls (the page of StorPortAcquireSpinLock). */
  protected portLock: LockKind | null = null
  /** The miniport wants no requests until then. */
  protected pausedUntilNs = 0
  readonly #held = new Set<LockKind>()
  readonly #parameters = new Map<string, Uint8Array>()

  constructor(
    machine: Machine,
    kernel: KernelServices,
    controller: ControllerOptions,
    driverName: string,
    onBroken: OnBroken | null,
  ) {
    this.onBroken = onBroken
    this.machine = machine
    this.kernel = kernel
    this.controller = controller
    this.driverName = driverName
    this.ranges = discoverFunction(machine, controller)
    this.memory = new PortMemory(machine, kernel)
    this.deferred = new DeferredWork(machine)
  }

  getBusData(_extension: GuestBlock, bus: number, slot: number, offset: number, length: number): Uint8Array {
    return readConfig(this.machine, bus, slot, offset, length)
  }

  setBusData(_extension: GuestBlock, bus: number, slot: number, offset: number, from: Uint8Array): number {
    return writeConfig(this.machine, bus, slot, offset, from)
  }

  getDeviceBase(_extension: GuestBlock, rangeIndex: number): DeviceRegisters | null {
    const range = this.ranges[rangeIndex]
    if (!range?.isMemory) return null
    const va = this.kernel.mapIoSpace(range.base, range.byteLength)
    if (!this.mappedAddresses.some((mapped) => mapped.va === va)) {
      this.mappedAddresses.push({ va, gpa: range.base, byteLength: range.byteLength })
    }
    return new RegisterWindow(this.machine.bus, this.driverName, va, range.base, range.byteLength)
  }

  stallExecution(microseconds: number): void {
    this.machine.stall(microseconds)
  }

  pause(_extension: GuestBlock, seconds: number): boolean {
    this.pausedUntilNs = this.machine.nowNs + seconds * 1e9
    return true
  }

  resume(): boolean {
    this.pausedUntilNs = 0
    return true
  }

  initializePerfOpts(): number {
    return STOR_STATUS_NOT_IMPLEMENTED
  }

  initializeDpc(_extension: GuestBlock, routine: StorDpc['routine']): StorDpc {
    return { routine }
  }

  issueDpc(_extension: GuestBlock, dpc: StorDpc): boolean {
    return this.deferred.queueDpc(dpc)
  }

  // One processor runs driver code at a time and interrupts arrive between its steps: locks always succeed.
  acquireSpinLock(_extension: GuestBlock, kind: LockKind): HeldLock {
    const name = lockName(kind)
    const call = 'StorPortAcquireSpinLock'
    const isLower = kind === 'startIo' || kind === 'dpc'
    if (isSingle(kind) && this.#held.has(kind)) this.#lockState(call, takenAgain(name, ''))
    else if (kind === this.portLock) this.#lockState(call, takenFromPort(name), 'warning')
    else if (isLower && this.#held.has('interrupt')) this.#lockState(call, wrongOrder(name))
    else if (isLower && this.portLock === 'interrupt') this.#lockState(call, wrongOrder(name), 'warning')
    this.#held.add(kind)
    return { kind }
  }

  /** The miniport holds a lock of the port. */
  protected get holdsLock(): boolean {
    return this.#held.size > 0
  }

  releaseSpinLock(_extension: GuestBlock, lock: HeldLock | null): void {
    this.spinLockReleased('StorPortReleaseSpinLock', lock !== null)
    if (lock !== null) this.#held.delete(lock.kind)
  }

  allocatePool(_extension: GuestBlock, byteLength: number): GuestBlock | null {
    return this.memory.pool(byteLength)
  }

  freePool(_extension: GuestBlock, block: GuestBlock): number {
    this.memory.free(block.va)
    return STOR_STATUS_SUCCESS
  }

  initializeTimer(): boolean {
    return true
  }

  initializeWorker(): boolean {
    return true
  }

  /** They fire while a caller waits for the disk. */
  requestTimer(
    _extension: GuestBlock,
    routine: () => void,
    microseconds: number,
    timer: bigint = FIRST_TIMER,
  ): number {
    return this.deferred.setTimer(timer, routine, microseconds) ? STOR_STATUS_SUCCESS : STOR_STATUS_BUSY
  }

  queueWorkItem(_extension: GuestBlock, worker: bigint, routine: () => void): boolean {
    return this.deferred.queueWorkItem(worker, routine)
  }

  allocateRegistryBuffer(_extension: GuestBlock, byteLength: number): GuestBlock | null {
    return this.allocatePool(_extension, byteLength)
  }

  /** The driver's Parameters key begins empty. */
  registryRead(_extension: GuestBlock, valueName: string): Uint8Array | null {
    return this.#parameters.get(valueName) ?? null
  }

  registryWrite(_extension: GuestBlock, valueName: string, value: Uint8Array): boolean {
    if (this.#parameters.size >= MAX_PARAMETERS) return false
    this.#parameters.set(valueName, value)
    return true
  }

  /** 100 ns since an epoch that the port does not know. */
  querySystemTime(): bigint {
    return BigInt(Math.floor(this.machine.nowNs / 100))
  }

  logError(): void {}

  markDumpMemory(): number {
    return STOR_STATUS_SUCCESS
  }

  currentProcessor(): number {
    return 0
  }

  calledTooHigh(call: string, maxIrql: number): void {
    this.#irql(call, `${call} was called, expected at most at ${irqlText(maxIrql)}`)
  }

  returnedAt(routine: string, irql: number, expected: number): void {
    this.#irql(routine, `${routine} returned at ${irqlText(irql)}, expected ${irqlText(expected)}`)
  }

  #irql(call: string, message: string): void {
    this.onBroken?.({ rule: 'routine-irql', call, message, severity: 'warning', site: null })
  }

  registerAccess(): void {}

  unmask(): void {}

  spinLockTaken(call: string, wasHeld: boolean): void {
    if (wasHeld) this.#lockState(call, takenAgain('a spin lock', ''))
  }

  spinLockReleased(call: string, wasHeld: boolean): void {
    if (!wasHeld) this.#lockState(call, notHeld(''))
  }

  pageableNeeded(routine: string, message: string): void {
    this.onBroken?.({ rule: 'pageable-code', call: routine, message, severity: 'warning', site: null })
  }

  lockKept(routine: string, taken: () => CallSite): void {
    this.#held.clear()
    this.#lockState(routine, stillHeld(routine), 'fail', taken)
  }

  #lockState(
    call: string,
    message: string,
    severity: Severity = 'fail',
    site: (() => CallSite) | null = null,
  ): void {
    this.onBroken?.({ rule: 'lock-state', call, message, severity, site })
  }

  dereference(va: Gva, byteLength: number): GuestBlock {
    const address = this.kernel.vaToGpa(va)
    if (address === null) throw new GuestFault(this.driverName, 'read', va)
    checkRam(this.machine.ram, va, address, byteLength)
    return { va: gva(va), gpa: gpa(address), view: this.machine.ram.view(address, byteLength) }
  }
}
