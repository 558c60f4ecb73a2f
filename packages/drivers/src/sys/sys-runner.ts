// Runs routines of a driver file on the machine's processor: at their level, within the work of a call and of a start of the system, with the clock
// that interrupts them. Serves the imports that they call, and says where and why they stopped.
import { type Gva, gva, hex, type Pfn } from '@dumpstack/bytes'
import { CALL_BUDGET, type Cpu, type CpuStop, type DeviceAccess, Gpr } from '@dumpstack/cpu'
import type { Machine } from '@dumpstack/machine'
import { ROUTINE_IRQL, type RoutineIrql, STATUS_UNSUCCESSFUL } from '@dumpstack/nt'
import { DriverHang } from '../crash/driver-hang.ts'
import { DriversError } from '../errors.ts'
import { NotJudged } from '../guest-fault.ts'
import { DEVICE_LEVEL, DISPATCH_LEVEL, irqlText } from '../irql.ts'
import type { KernelServices, LoadedImage } from '../kernel-services.ts'
import type { CallSite, CodeStop, MiniportCode, PortExports } from '../miniport.ts'
import { awaitedValue } from './awaited-value.ts'
import { CallFrame } from './call-frame.ts'
import { callMeaning } from './call-meaning.ts'
import { exceptionOf, faultOf, isCpuStop, raisedBy } from './cpu-fault.ts'
import type { SysFile } from './driver-file.ts'
import type { DriverPlaces } from './driver-places.ts'
import { ExceptionDispatch } from './exception-dispatch.ts'
import { type Export, NOTHING } from './exports/export.ts'
import { EXPORTS } from './exports/index.ts'
import { GuestMemory } from './guest-memory.ts'
import { PlaceRecord } from './place-record.ts'
import {
  contextOf,
  exceptionRecordOf,
  type Raised,
  type Registers,
  registersAtCall,
  registersAtEntry,
  registersOf,
} from './registers.ts'
import { LookEnded, RepeatedState } from './repeated-state.ts'
import { liesIn, storesInto } from './stored-page.ts'
import type { HeldSince, SysInstance } from './sys-instance.ts'
import type { SysLoader } from './sys-loader.ts'
import type { SysObserver } from './sys-observer.ts'
import type { TrapTable } from './trap-table.ts'

/**
 * Work of the host in one start of the system, all routines together: so much, and more with the data of each request, so that
 * a driver is stopped too that always returns but never gets on. A driver may compute with the data of a request, which takes 20,000,000
 * instructions for 64 KiB where it does so bit by bit and twice: a call may do so much more than any call.
 */
const START_WORK = 1_000_000_000
const WORK_OF_BYTE = 400
/** Of the clock. */
const TICK_NS = 15_625_000
const UNKNOWN_ARGUMENTS = 6
const LOOK_INSTRUCTIONS = 1_000_000
/** What a debugger that breaks in leaves, and KeBugCheckEx where no exception led to it. */
const BREAKPOINT: Raised = { code: 0x8000_0003, flags: 0, parameters: [] }
const FAILED = BigInt(STATUS_UNSUCCESSFUL)
/** Of RFLAGS: KeBugCheckEx clears it, and nothing on the dump path sets it. */
const INTERRUPT_FLAG = 0x200

export interface RunnerParts {
  readonly machine: Machine
  readonly cpu: Cpu
  readonly loader: SysLoader
  readonly traps: TrapTable
  readonly places: DriverPlaces
  readonly observer: SysObserver | null
  readonly file: SysFile
}

export class SysRunner implements MiniportCode {
  /** Guest memory as the instance that runs sees it. */
  readonly memory: GuestMemory
  readonly #cpu: Cpu
  readonly #machine: Machine
  readonly #kernel: KernelServices
  readonly #loader: SysLoader
  readonly #traps: TrapTable
  readonly #places: DriverPlaces
  readonly #placeRecord: PlaceRecord
  readonly #observer: SysObserver | null
  readonly #frame: CallFrame
  readonly #exceptions: ExceptionDispatch
  readonly #exports: readonly (Export | null)[]
  /** Of routines of the kernel that need a level below that of a dump. */
  readonly #levels: readonly (RoutineIrql | null)[]
  #instance: SysInstance | null = null
  #routine = ''
  /** The slot that is being served, while one is. */
  #slot: number | null = null
  #stopped: CallSite | null = null
  #stop: { readonly error: unknown; readonly code: CodeStop } | null = null
  /** The last routine that a port called: whose it is, and how it was called. */
  #lastInstance: SysInstance | null = null
  #lastEntry = gva(0n)
  #lastArguments: readonly bigint[] = []
  #nextTickNs = 0
  #requests = 0
  #dataBytes = 0
  #largestData = 0
  /** Of the outermost call: what it waits for, where it does not return. */
  #lastRead: DeviceAccess | null = null
  #readsInRow = 0
  /** That the port is being told of. */
  #access: DeviceAccess | null = null
  #needsPageable = false
  /** While code that was stopped is looked at. */
  #look: RepeatedState | null = null

  constructor({ machine, cpu, loader, traps, places, observer, file }: RunnerParts) {
    this.#machine = machine
    this.#cpu = cpu
    this.#loader = loader
    this.#kernel = loader.kernel
    this.#traps = traps
    this.#places = places
    this.#placeRecord = new PlaceRecord(cpu, machine)
    this.#observer = observer
    this.memory = new GuestMemory(cpu, () => this.#instance?.image.baseName ?? file.fileName)
    this.#frame = new CallFrame(
      cpu,
      machine,
      loader.kernel,
      this.memory,
      places,
      () => this.#caller,
      () => this.#routine,
    )
    this.#exceptions = new ExceptionDispatch(
      cpu,
      file.image,
      () => loader.images,
      (entry, args) => this.run(this.#caller, 'the exception handler', entry, args, cpu.cr8),
    )
    this.#exports = traps.slots.map(({ name }) => EXPORTS.get(name) ?? null)
    this.#levels = traps.slots.map(({ name }) => ROUTINE_IRQL.get(name) ?? null)
    cpu.trap(traps.base, traps.slots.length, (slot) => this.#serve(slot))
    cpu.onDeviceAccess((access) => this.#deviceAccess(access))
    cpu.onInterval(() => this.#tick())
    cpu.onStop((error) => this.#dispatch(error))
    cpu.onUnmask((instruction, irql) => this.#instance?.port.unmask(instruction, irql))
    observer?.starts(machine.registerWindows)
  }

  /** Calls a routine of an instance; throws what stopped it, in the words of this room. */
  run(instance: SysInstance, name: string, entry: Gva, args: readonly bigint[], irql: number): bigint {
    const cpu = this.#cpu
    const machine = this.#machine
    const outer = this.#instance
    const outerRoutine = this.#routine
    const outerSlot = this.#slot
    const rsp = cpu.readGpr(Gpr.rsp)
    const level = cpu.cr8
    const { interruptsEnabled } = machine
    const locks = instance.locks.size
    const spinLocks = instance.spinLocks.size
    if (outer === null) this.#begin(instance, name, entry, args)
    this.#instance = instance
    this.#routine = name
    this.#slot = null
    this.#tick()
    const entered = Math.max(irql, outer === null ? 0 : level)
    cpu.cr8 = entered
    this.#page(instance)
    if (irql >= DEVICE_LEVEL) machine.interruptsEnabled = false
    try {
      const result = cpu.call(entry, args)
      const isLocked = this.#endLocks(instance, name, locks, spinLocks)
      if (!isLocked && cpu.cr8 !== entered) instance.port.returnedAt(name, cpu.cr8, entered)
      return result
    } catch (error) {
      const reason = isCpuStop(error) ? this.#faultOf(error, instance) : error
      if (reason instanceof Error && reason !== this.#stop?.error)
        this.#stop = { error: reason, code: this.#stopOf(error, instance) }
      throw reason
    } finally {
      this.#instance = outer
      this.#routine = outerRoutine
      this.#slot = outerSlot
      cpu.writeGpr(Gpr.rsp, rsp)
      cpu.cr8 = level
      if (outer !== null) this.#page(outer)
      if (interruptsEnabled) machine.interruptsEnabled = true
    }
  }

  /** Pageable code is there below DISPATCH_LEVEL, and in a dump, whose images are locked; once it was needed above, it stays. */
  #page({ image, life }: SysInstance): void {
    if (life === 'dump') return
    if (this.#cpu.cr8 < DISPATCH_LEVEL || this.#needsPageable) this.#loader.pageIn()
    else this.#loader.pageOut(image)
  }

  /** True where a section was out of memory that the code needs at its level: that is told, and it goes on. */
  #pageIn(error: unknown): boolean {
    const instance = this.#instance
    if (instance === null || !isCpuStop(error) || error.reason !== 'pageFault') return false
    const address = error.address ?? error.rip
    const section = this.#loader.pagedOutSection(address)
    if (section === null) return false
    const what = `${this.#places.inImage(instance.image, address)}, in the pageable section ${section}, was needed at ${irqlText(this.#cpu.cr8)}, expected below DISPATCH_LEVEL`
    instance.port.pageableNeeded(this.#routine, what)
    this.#needsPageable = true
    this.#loader.pageIn()
    return true
  }

  /** No lock outlives the routine that took it, which found `lockCount` and `spinLockCount` held: told, and released. */
  #endLocks(instance: SysInstance, routine: string, lockCount: number, spinLockCount: number): boolean {
    const { locks, spinLocks, port, image } = instance
    if (locks.size <= lockCount && spinLocks.size <= spinLockCount) return false
    const kept = <K>(held: Map<K, HeldSince>, count: number): void => {
      for (const [key, { at, level }] of [...held].slice(count)) {
        held.delete(key)
        port.lockKept(routine, () => this.#places.ofCall(image, at, level))
      }
    }
    kept(locks, lockCount)
    kept(spinLocks, spinLockCount)
    return true
  }

  // MiniportCode

  routine(image: LoadedImage, name: string): Gva | null {
    return this.#loader.routine(image, name)
  }

  callSite(): CallSite | null {
    if (this.#instance === null) return this.#stopped
    const cpu = this.#cpu
    const slot = this.#slot
    // within a block of instructions the processor is at its start
    const rip = this.#access?.rip ?? cpu.rip
    if (slot === null) return this.#places.siteAt(rip, cpu.readGpr(Gpr.rsp), [], false)
    return this.#siteOfCall(slot)
  }

  routineSite(image: LoadedImage, name: string): CallSite | null {
    // StorPortInitialize, called by DriverEntry, judges what HwFindAdapter came to
    const isInside = this.#slot === null || this.#routine === name
    const site = isInside ? this.callSite() : null
    if (site !== null) return site
    const start = this.routine(image, name)
    return start === null ? null : this.#places.startOf(image, start)
  }

  stop(): CodeStop | null {
    if (this.#stop !== null) return this.#stop.code
    const instance = this.#lastInstance
    if (instance === null) return null
    const top = stackTop(instance)
    return codeStop(
      instance,
      registersAtEntry(this.#cpu, this.#lastEntry, this.#lastArguments, top),
      BREAKPOINT,
    )
  }

  #stopOf(error: unknown, instance: SysInstance): CodeStop {
    const cpu = this.#cpu
    return codeStop(
      instance,
      this.#traps.slotAt(cpu.rip) !== null ? registersAtCall(cpu) : registersOf(cpu, false),
      exceptionOf(error) ?? BREAKPOINT,
    )
  }

  get #caller(): SysInstance {
    if (this.#instance === null) throw new DriversError('SYS_HOST', 'no guest code runs')
    return this.#instance
  }

  /** Of an outermost call: the stack of its instance, and what it may use. */
  #begin(instance: SysInstance, name: string, entry: Gva, args: readonly bigint[]): void {
    const cpu = this.#cpu
    cpu.writeGpr(Gpr.rsp, stackTop(instance))
    if (name === 'HwStartIo') {
      this.#requests++
      const byteLength = instance.dataLengthOf(gva(args[1]!)) // (HwDeviceExtension, Srb)
      this.#dataBytes += byteLength
      this.#largestData = Math.max(this.#largestData, byteLength)
    }
    if (cpu.workCount > START_WORK + this.#dataBytes * WORK_OF_BYTE) {
      const what = `would be instruction ${cpu.instructionCount} of the driver, after ${this.#requests} requests for ${this.#dataBytes} bytes`
      throw new DriverHang(instance.image.baseName, name, what)
    }
    // of the largest request so far: its data may be worked on where it is built, started or completed
    cpu.budget.instructions = CALL_BUDGET.instructions + this.#largestData * WORK_OF_BYTE
    // in a dump the port ends what takes too long, and where it reads a register
    cpu.budget.stallNs = instance.life === 'dump' ? 2 * CALL_BUDGET.stallNs : CALL_BUDGET.stallNs
    this.#lastRead = null
    this.#access = null
    if (instance.life === 'dump') cpu.rflags &= ~INTERRUPT_FLAG
    this.#stopped = null
    this.#stop = null
    this.#lastInstance = instance
    this.#lastEntry = entry
    this.#lastArguments = args
  }

  /**
   * The clock interrupts the running system's driver at all its levels, and nothing in a dump. It is checked where time passes
   * in leaps, between routines, in calls and at registers, and every few hundred instructions.
   */
  #tick(): void {
    const { nowNs } = this.#machine
    if (nowNs < this.#nextTickNs || this.#instance?.life !== 'runtime') return
    this.#nextTickNs = (Math.floor(nowNs / TICK_NS) + 1) * TICK_NS
    this.#kernel.clockInterrupt()
  }

  #serve(slot: number): bigint {
    if (this.#look !== null) throw new LookEnded(false)
    const outerSlot = this.#slot
    this.#slot = slot
    try {
      if (this.#observer !== null) this.#observe(this.#observer, slot)
      const result = this.#tooHigh(slot) ?? this.#answer(slot)
      this.#tick()
      this.#observer?.callEnds(this.#machine.nowNs, result)
      return result
    } catch (error) {
      if (error instanceof Error) this.#stopped ??= this.callSite()
      this.#observer?.callEnds(this.#machine.nowNs, null)
      throw error
    } finally {
      this.#slot = outerSlot
    }
  }

  #answer(slot: number): bigint {
    const entry = this.#exports[slot] ?? this.#unknown(slot)
    this.#cpu.charge(entry.work)
    return entry.serve(this.#frame)
  }

  /** In a dump a routine that needs a lower level breaks a rule and fails, modelled or not; null where it goes on. */
  #tooHigh(slot: number): bigint | null {
    const level = this.#levels[slot] ?? null
    if (level === null || this.#cpu.cr8 <= level.maxIrql) return null
    this.#caller.port.calledTooHigh(this.#traps.slots[slot]!.name, level.maxIrql)
    if (this.#caller.life === 'runtime') return null
    return level.answersStatus ? FAILED : NOTHING
  }

  #unknown(slot: number): never {
    const { dll, name } = this.#traps.slots[slot]!
    const { baseName } = this.#caller.image
    const args = Array.from({ length: UNKNOWN_ARGUMENTS }, (_, index) => hex(this.#frame.u64(index)))
    throw new NotJudged(
      'UNKNOWN_IMPORT',
      `${this.#frame.returnPlace} called ${dll}!${name}(${args.join(', ')}), which is not modelled`,
      { driver: baseName, dll, name },
    )
  }

  #observe(observer: SysObserver, slot: number): void {
    const cpu = this.#cpu
    const argumentCount = this.#exports[slot]?.argumentCount ?? UNKNOWN_ARGUMENTS
    const args: bigint[] = []
    for (let index = 0; index < argumentCount; index++) args.push(cpu.argument(index))
    observer.callBegins(
      this.#placeRecord.at(this.#caller, this.#routine, cpu.returnAddress),
      this.#traps.slots[slot]!.name,
      args,
    )
  }

  #deviceAccess(access: DeviceAccess): void {
    const instance = this.#instance
    if (instance === null) return
    if (this.#look !== null) {
      this.#look.see(access)
      return
    }
    this.#tick()
    this.#observer?.deviceAccess(this.#placeRecord.at(instance, this.#routine, access.rip), access)
    const { direction, address, byteLength, value } = access
    if (direction === 'read') {
      this.#readsInRow = this.#lastRead?.address === address ? this.#readsInRow + 1 : 1
      this.#lastRead = access
    }
    this.#access = access
    instance.port.registerAccess(direction === 'write', address, byteLength, Number(value))
    this.#access = null
  }

  storeSite(page: Pfn): CallSite | null {
    const cpu = this.#cpu
    const slot = this.#slot
    if (this.#instance === null) return null
    // a copy by the kernel: (Destination, Source or Fill, Length)
    if (slot !== null)
      return liesIn(cpu, cpu.argument(0), cpu.argument(2), page) ? this.#siteOfCall(slot) : null
    const rip = cpu.currentRip
    const one = cpu.decodeAt(rip)
    if (one === null || !storesInto(cpu, one, page)) return null
    return this.#places.siteAt(rip, cpu.readGpr(Gpr.rsp), [], false)
  }

  awaited(): string | null {
    return this.#lastRead === null
      ? null
      : awaitedValue(this.#cpu, this.#lastRead, this.#access === this.#lastRead)
  }

  /** The register that the call read last, by its controller's name of it. */
  #lastRegister(): string {
    const last = this.#lastRead
    if (last === null) return ''
    const { registerWindows, controllers } = this.#machine
    const window = registerWindows.find(
      ({ kind, base, byteLength }) =>
        kind === last.kind && last.address >= base && last.address < base + byteLength,
    )
    const model = controllers.find(({ name }) => name === window?.controller)?.model
    const name = window && model?.registerName(window.bar, last.address - window.base)
    const awaited = this.awaited()
    const waits = awaited === null ? '' : `; it waits for ${awaited}`
    return `; the last register that it read, ${this.#readsInRow} times in a row, is ${name ?? hex(last.address)}, which was ${hex(last.value)}${waits}`
  }

  #siteOfCall(slot: number): CallSite {
    const cpu = this.#cpu
    const most = this.#exports[slot]?.argumentCount ?? UNKNOWN_ARGUMENTS
    const meaning = callMeaning(this.#traps.slots[slot]!.name, cpu.argument(0))
    const count = Math.min(most, meaning?.argumentCount ?? most)
    const args = Array.from({ length: count }, (_, index) => hex(cpu.argument(index)))
    // A served call has its return address on top of the stack.
    return this.#places.siteAt(cpu.returnAddress, cpu.readGpr(Gpr.rsp) + 8n, args, true)
  }

  /** True where a handler of the driver takes what stopped it, and its code goes on. */
  #dispatch(error: unknown): boolean {
    if (this.#pageIn(error)) return true
    const { cr8, rip } = this.#cpu
    const raised = this.#instance === null ? null : raisedBy(error, cr8)
    if (raised === null || !this.#exceptions.dispatch(raised, this.#traps.slotAt(rip) !== null)) return false
    this.#stopped = null
    return true
  }

  /** Goes on for a moment with code that was stopped, whose registers are put back afterwards. */
  #isRepeated({ deviceExtension, life }: SysInstance): boolean {
    if (life !== 'dump') return false
    const cpu = this.#cpu
    const state = cpu.saveState()
    this.#look = new RepeatedState(cpu, deviceExtension)
    cpu.budget.instructions = LOOK_INSTRUCTIONS
    try {
      return cpu.run()
    } catch (error) {
      return error instanceof LookEnded && error.isRepeated
    } finally {
      this.#look = null
      cpu.restoreState(state)
    }
  }

  #faultOf(stop: CpuStop, instance: SysInstance): DriversError {
    const cpu = this.#cpu
    // work for an import may stop it too: what counts is where it was called
    const served = this.#traps.slotAt(stop.rip)
    const place = this.#places.of(served === null ? stop.rip : cpu.returnAddress, instance.image)
    if (served === null) this.#stopped = this.#places.siteAt(stop.rip, cpu.readGpr(Gpr.rsp), [], false)
    else this.#stopped = this.#siteOfCall(served)
    return faultOf(stop, cpu, {
      driver: instance.image.baseName,
      routine: this.#routine,
      place: served === null ? place : `a call of ${this.#traps.slots[served]!.name} from ${place}`,
      irql: cpu.cr8,
      awaited: () => this.#lastRegister(),
      isRepeated: () => this.#isRepeated(instance),
      stackLimit: instance.memory.stack.va,
      discardedSection: (va) => this.#loader.discardedSection(va),
      isUnmappedData: (va) => isShownByPort(instance.port, this.#kernel, va),
    })
  }
}

const stackTop = ({ memory: { stack } }: SysInstance): bigint => stack.va + BigInt(stack.byteLength)

const codeStop = (
  { image, deviceExtension }: SysInstance,
  registers: Registers,
  raised: Raised,
): CodeStop => ({
  driver: image.baseName,
  contextRecord: contextOf(registers),
  exceptionRecord: exceptionRecordOf(raised, registers.rip),
  deviceExtension,
})

/** Whether a port translates an address that the page tables do not. */
function isShownByPort(port: PortExports, kernel: KernelServices, va: Gva): boolean {
  if (kernel.vaToGpa(va) !== null) return false
  try {
    port.dereference(va, 1)
    return true
  } catch {
    return false
  }
}
