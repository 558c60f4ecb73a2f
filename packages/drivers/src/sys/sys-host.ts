// Runs a .sys file as a miniport: its code on the machine's processor, its imports served by the ports that also serve the TypeScript
// miniports, so that the same rules hold. One host for one start of the system.
import { type Gva, gva, hex, PAGE_SIZE } from '@dumpstack/bytes'
import { CALL_BUDGET, type Cpu, type DeviceAccess, Gpr } from '@dumpstack/cpu'
import { type Machine, Owner } from '@dumpstack/machine'
import { STATUS_SUCCESS } from '@dumpstack/nt'
import { DriverHang } from '../crash/driver-hang.ts'
import { DriversError } from '../errors.ts'
import { GuestFault, NotJudged } from '../guest-fault.ts'
import { DEVICE_LEVEL } from '../irql.ts'
import type { KernelServices, LoadedImage } from '../kernel-services.ts'
import type { CallSite, MiniportCode, MiniportImage, PortExports } from '../miniport.ts'
import { bindImage } from './bind-image.ts'
import { callMeaning } from './call-meaning.ts'
import { faultOf, isCpuStop } from './cpu-fault.ts'
import { DataImports } from './data-imports.ts'
import type { SysFile } from './driver-file.ts'
import { DriverPlaces } from './driver-places.ts'
import { EXPORTS } from './exports/index.ts'
import { GuestMemory } from './guest-memory.ts'
import type { Export, ImportCall } from './import-call.ts'
import { type GuestInitializationData, readInitializationData } from './init-data.ts'
import { PlaceRecord } from './place-record.ts'
import { NO_NAMES, type SymbolNames } from './symbol-names.ts'
import { type InstanceMemory, SysInstance } from './sys-instance.ts'
import type { SysLife, SysObserver } from './sys-observer.ts'
import { TrapTable } from './trap-table.ts'

// A kernel stack of Windows on x64 has 24 KiB.
const STACK_BYTES = 0x6000
/**
 * Work of the host in one start of the system, all routines together: so much, and more with the data of each request, so that
 * a driver is stopped too that always returns but never gets on. 20,000,000,000 a GiB is 25 times what our checked builds take.
 */
const LIFE_WORK = 1_000_000_000
const WORK_OF_BYTE = 20_000_000_000 / 2 ** 30
/** Of the clock. */
const TICK_NS = 15_625_000
const UNKNOWN_ARGUMENTS = 6
/** Of RFLAGS: KeBugCheckEx clears it, and nobody on the dump path sets it. */
const INTERRUPT_FLAG = 0x200

export interface SysHostOptions {
  readonly machine: Machine
  readonly kernel: KernelServices
  /** With the kernel's page tables. */
  readonly cpu: Cpu
  readonly file: SysFile
  readonly names?: SymbolNames
  readonly observer?: SysObserver
}

export interface SysHost {
  /** The kernel's services for the stacks that run the driver: images of the file come bound. */
  readonly kernel: KernelServices
  readonly miniport: MiniportImage
}

export const hostSysFile = (options: SysHostOptions): SysHost => new Host(options)

class Host implements SysHost, MiniportCode, ImportCall {
  readonly kernel: KernelServices
  readonly miniport: MiniportImage
  readonly cpu: Cpu
  readonly machine: Machine
  readonly memory: GuestMemory
  readonly #file: SysFile
  readonly #places: DriverPlaces
  readonly #placeRecord: PlaceRecord
  readonly #observer: SysObserver | null
  readonly #traps: TrapTable
  readonly #exports: readonly (Export | null)[]
  readonly #memories: Readonly<Record<SysLife, InstanceMemory>>
  /** By image base: what its DriverEntry gave to StorPortInitialize. */
  readonly #tables = new Map<Gva, GuestInitializationData>()
  #instance: SysInstance | null = null
  #routine = ''
  /** The slot that is being served, while one is. */
  #slot: number | null = null
  #stopped: CallSite | null = null
  #nextTickNs = 0
  #requests = 0
  #dataBytes = 0

  constructor(options: SysHostOptions) {
    const { kernel, cpu, machine, file } = options
    this.cpu = cpu
    this.machine = machine
    this.#file = file
    this.#places = new DriverPlaces(cpu, file, options.names ?? NO_NAMES)
    this.#placeRecord = new PlaceRecord(cpu, machine)
    this.#observer = options.observer ?? null
    this.memory = new GuestMemory(cpu, () => this.#instance?.image.baseName ?? file.fileName)
    this.#traps = new TrapTable(kernel, file.image)
    this.#exports = this.#traps.slots.map(({ name }) => EXPORTS.get(name) ?? null)
    this.#memories = {
      runtime: allocateMemory(kernel, Owner.kernel),
      dump: allocateMemory(kernel, Owner.dumpPath),
    }
    const data = new DataImports(machine, kernel)
    this.kernel = {
      version: kernel.version,
      allocate: (byteLength, given) => kernel.allocate(byteLength, given),
      vaToGpa: (va) => kernel.vaToGpa(va),
      reserveSystemPtes: (pageCount, tables) => kernel.reserveSystemPtes(pageCount, tables),
      mapSystemPte: (va, page) => {
        kernel.mapSystemPte(va, page)
        this.cpu.invalidate(va)
      },
      mapIoSpace: (address, byteLength) => kernel.mapIoSpace(address, byteLength),
      clockInterrupt: () => kernel.clockInterrupt(),
      loadImage: (nameOnDisk, baseName) => {
        const image = kernel.loadImage(nameOnDisk, baseName)
        if (nameOnDisk === file.fileName && !this.#places.images.has(image.base)) {
          bindImage({ machine, kernel, image, pe: file.image, traps: this.#traps, data })
          this.#places.images.set(image.base, image)
        }
        return image
      },
      unloadImage: (image) => {
        this.#places.images.delete(image.base)
        this.#tables.delete(image.base)
        kernel.unloadImage(image)
      },
    }
    this.miniport = {
      fileName: file.fileName,
      symbolPrefix: '',
      code: this,
      load: (image) => (port, driverObject, registryPath) =>
        this.#driverEntry(image, port, driverObject, registryPath),
    }
    cpu.trap(this.#traps.base, this.#traps.slots.length, (slot) => this.#serve(slot))
    cpu.onDeviceAccess((access) => this.#deviceAccess(access))
    cpu.onInterval(() => this.#tick())
    cpu.onUnmask((instruction, irql) => this.#instance?.port.unmask(instruction, irql))
    this.#observer?.starts(machine.registerWindows)
  }

  // MiniportCode

  routine(image: LoadedImage, name: string): Gva | null {
    if (name === 'DriverEntry') return gva(image.base + BigInt(this.#file.image.entryPointRva))
    const routines: ReadonlyMap<string, Gva> | undefined = this.#tables.get(image.base)?.routines
    return routines?.get(name) ?? null
  }

  callSite(): CallSite | null {
    if (this.#instance === null) return this.#stopped
    const { cpu } = this
    const slot = this.#slot
    if (slot === null) return this.#places.siteAt(cpu.rip, cpu.readGpr(Gpr.rsp), [], false)
    return this.#siteOfCall(slot)
  }

  #siteOfCall(slot: number): CallSite {
    const { cpu } = this
    const most = this.#exports[slot]?.argumentCount ?? UNKNOWN_ARGUMENTS
    const meaning = callMeaning(this.#traps.slots[slot]!.name, cpu.argument(0))
    const count = Math.min(most, meaning?.argumentCount ?? most)
    const args = Array.from({ length: count }, (_, index) => hex(cpu.argument(index)))
    // A served call has its return address on top of the stack.
    return this.#places.siteAt(cpu.returnAddress, cpu.readGpr(Gpr.rsp) + 8n, args, true)
  }

  routineSite(image: LoadedImage, name: string): CallSite | null {
    // StorPortInitialize, called by DriverEntry, judges what HwFindAdapter came to
    const isInside = this.#slot === null || this.#routine === name
    const site = isInside ? this.callSite() : null
    if (site !== null) return site
    const start = this.routine(image, name)
    return start === null ? null : this.#places.startOf(image, start)
  }

  // ImportCall

  get instance(): SysInstance {
    if (this.#instance === null) throw new DriversError('SYS_HOST', 'no guest code runs')
    return this.#instance
  }

  get port(): PortExports {
    return this.instance.port
  }

  get extension(): ReturnType<SysInstance['blockAt']> {
    return this.instance.blockAt(this.va(0))
  }

  u64(index: number): bigint {
    return this.cpu.argument(index)
  }

  u32(index: number): number {
    return Number(this.cpu.argument(index) & 0xffffffffn)
  }

  u8(index: number): number {
    return Number(this.cpu.argument(index) & 0xffn)
  }

  va(index: number): Gva {
    return gva(this.cpu.argument(index))
  }

  initialize(table: Gva, hwContext: bigint): ReturnType<ImportCall['initialize']> {
    const { instance } = this
    const read = readInitializationData(this.memory, table)
    if (typeof read === 'string') return read
    this.#tables.set(instance.image.base, read)
    instance.hwContext = hwContext
    return instance.port.initialize(this.#driverObject, this.#registryPath, instance.initializationData(read))
  }

  bugcheck(code: number, parameters: readonly [bigint, bigint, bigint, bigint]): never {
    const { image } = this.instance
    const place = this.#places.inImage(image, this.cpu.returnAddress)
    const list = parameters.map((parameter) => hex(parameter)).join(', ')
    this.#stopped = this.callSite()
    throw new GuestFault(image.baseName, 'read', this.cpu.returnAddress, {
      what: `called KeBugCheckEx(${hex(code)}, ${list}) in ${place}`,
      bugcheck: { code, parameters },
    })
  }

  // Running guest code

  #driverObject: Gva | null = null
  #registryPath: Gva | null = null

  #driverEntry(
    image: LoadedImage,
    port: PortExports,
    driverObject: Gva | null,
    registryPath: Gva | null,
  ): number {
    const life = driverObject === null && registryPath === null ? 'dump' : 'runtime'
    this.#driverObject = driverObject
    this.#registryPath = registryPath
    const instance = new SysInstance(image, port, life, this.#memories[life], this.memory, (...call) =>
      this.#call(...call),
    )
    const known = this.#tables.get(image.base)
    // A second controller of a loaded driver: its DriverEntry has run.
    if (known !== undefined && life === 'runtime') {
      return port.initialize(driverObject, registryPath, instance.initializationData(known))
    }
    const entry = gva(image.base + BigInt(this.#file.image.entryPointRva))
    const status = instance.call('DriverEntry', entry, [driverObject ?? 0n, registryPath ?? 0n])
    const ntstatus = Number(status & 0xffffffffn)
    if (ntstatus === STATUS_SUCCESS && !this.#tables.has(image.base) && life === 'runtime') {
      throw new DriversError('SYS_START', `${image.baseName} did not call StorPortInitialize`, {
        driver: image.baseName,
      })
    }
    return ntstatus
  }

  #call(instance: SysInstance, name: string, entry: Gva, args: readonly bigint[], irql: number): bigint {
    const { cpu, machine } = this
    const outer = this.#instance
    const outerRoutine = this.#routine
    const outerSlot = this.#slot
    const rsp = cpu.readGpr(Gpr.rsp)
    const level = cpu.cr8
    const { interruptsEnabled } = machine
    if (outer === null) {
      const { stack } = instance.memory
      cpu.writeGpr(Gpr.rsp, stack.va + BigInt(stack.byteLength))
      if (name === 'HwStartIo') {
        this.#requests++
        this.#dataBytes += instance.dataLengthOf(gva(args[1]!)) // (HwDeviceExtension, Srb)
      }
      if (cpu.workCount > LIFE_WORK + this.#dataBytes * WORK_OF_BYTE) throw this.#exhausted(instance, name)
      Object.assign(cpu.budget, CALL_BUDGET)
      if (instance.life === 'dump') cpu.rflags &= ~INTERRUPT_FLAG
      this.#stopped = null
    }
    this.#instance = instance
    this.#routine = name
    this.#slot = null
    this.#tick()
    cpu.cr8 = Math.max(irql, outer === null ? 0 : level)
    if (irql >= DEVICE_LEVEL) machine.interruptsEnabled = false
    try {
      return cpu.call(entry, args)
    } catch (error) {
      throw isCpuStop(error) ? this.#faultOf(error, instance) : error
    } finally {
      this.#instance = outer
      this.#routine = outerRoutine
      this.#slot = outerSlot
      cpu.writeGpr(Gpr.rsp, rsp)
      cpu.cr8 = level
      if (interruptsEnabled) machine.interruptsEnabled = true
    }
  }

  /**
   * The clock interrupts the running system's driver at all its levels, and nobody in a dump. It is looked at where time passes
   * in leaps, between routines, in calls and at registers, and every few hundred instructions.
   */
  #tick(): void {
    const { nowNs } = this.machine
    if (nowNs < this.#nextTickNs || this.#instance?.life !== 'runtime') return
    this.#nextTickNs = (Math.floor(nowNs / TICK_NS) + 1) * TICK_NS
    this.kernel.clockInterrupt()
  }

  #exhausted(instance: SysInstance, routine: string): DriversError {
    const what = `would be instruction ${this.cpu.instructionCount} of the driver, after ${this.#requests} requests for ${this.#dataBytes} bytes`
    return new DriverHang(instance.image.baseName, routine, what)
  }

  #faultOf(stop: Parameters<typeof faultOf>[0], instance: SysInstance): DriversError {
    const { cpu } = this
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
      stackLimit: instance.memory.stack.va,
      isUnmappedData: (va) => isShownByPort(instance.port, this.kernel, va),
      handlerPlace: () => this.#places.handlerPlace(stop.rip),
    })
  }

  #serve(slot: number): bigint {
    const outerSlot = this.#slot
    this.#slot = slot
    try {
      const entry = this.#exports[slot]
      if (this.#observer !== null)
        this.#observe(this.#observer, slot, entry?.argumentCount ?? UNKNOWN_ARGUMENTS)
      if (entry === null || entry === undefined) this.#unknown(slot)
      this.cpu.charge(entry.work)
      const result = entry.serve(this)
      this.#tick()
      this.#observer?.callEnds(this.machine.nowNs, result)
      return result
    } catch (error) {
      if (error instanceof Error) this.#stopped ??= this.callSite()
      this.#observer?.callEnds(this.machine.nowNs, null)
      throw error
    } finally {
      this.#slot = outerSlot
    }
  }

  #unknown(slot: number): never {
    const { cpu } = this
    const { dll, name } = this.#traps.slots[slot]!
    const { image } = this.instance
    const place = this.#places.inImage(image, cpu.returnAddress)
    const args = Array.from({ length: UNKNOWN_ARGUMENTS }, (_, index) => hex(cpu.argument(index)))
    this.#stopped = this.callSite()
    throw new NotJudged(
      'UNKNOWN_IMPORT',
      `${place} called ${dll}!${name}(${args.join(', ')}), which is not modelled`,
      { driver: image.baseName, dll, name },
    )
  }

  #observe(observer: SysObserver, slot: number, argumentCount: number): void {
    const { cpu, instance } = this
    const args: bigint[] = []
    for (let index = 0; index < argumentCount; index++) args.push(cpu.argument(index))
    observer.callBegins(
      this.#placeRecord.at(instance, this.#routine, cpu.returnAddress),
      this.#traps.slots[slot]!.name,
      args,
    )
  }

  #deviceAccess(access: DeviceAccess): void {
    const instance = this.#instance
    if (instance === null) return
    this.#tick()
    this.#observer?.deviceAccess(this.#placeRecord.at(instance, this.#routine, access.rip), access)
    instance.port.registerAccess(access.direction === 'write', access.address, access.byteLength)
  }
}

/** A page below the stack stays unmapped: it guards the stack. */
function allocateMemory(kernel: KernelServices, owner: Owner): InstanceMemory {
  kernel.reserveSystemPtes(1)
  const stack = kernel.allocate(STACK_BYTES, { owner })
  return { stack, scratch: kernel.allocate(PAGE_SIZE, { owner }) }
}

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
