// One call of an import by guest code, as the routine that serves it sees it: arguments, guest memory, the caller's instance and
// port, and as much of the processor as a routine of the kernel may touch. A host has one, which is of the call that is being served.
import { type Gpa, type Gva, gpa, gva } from '@dumpstack/bytes'
import { type Cpu, Gpr } from '@dumpstack/cpu'
import type { Bus, Machine } from '@dumpstack/machine'
import type { OsVersion } from '@dumpstack/nt'
import type { KernelServices } from '../kernel-services.ts'
import type { GuestBlock, PortExports } from '../miniport.ts'
import type { DriverPlaces } from './driver-places.ts'
import type { GuestMemory } from './guest-memory.ts'
import type { SysInstance } from './sys-instance.ts'

/** x64 has 52 bits of physical address. */
const MAX_PHYSICAL = 1n << 52n

export class CallFrame {
  readonly memory: GuestMemory
  readonly #cpu: Cpu
  readonly #machine: Machine
  readonly #kernel: KernelServices
  readonly #places: DriverPlaces
  readonly #caller: () => SysInstance
  readonly #routine: () => string

  constructor(
    cpu: Cpu,
    machine: Machine,
    kernel: KernelServices,
    memory: GuestMemory,
    places: DriverPlaces,
    caller: () => SysInstance,
    routine: () => string,
  ) {
    this.#cpu = cpu
    this.#machine = machine
    this.memory = memory
    this.#kernel = kernel
    this.#places = places
    this.#caller = caller
    this.#routine = routine
  }

  // Arguments

  u64(index: number): bigint {
    return this.#cpu.argument(index)
  }

  u32(index: number): number {
    return Number(this.#cpu.argument(index) & 0xffffffffn)
  }

  u8(index: number): number {
    return Number(this.#cpu.argument(index) & 0xffn)
  }

  va(index: number): Gva {
    return gva(this.#cpu.argument(index))
  }

  // The caller

  get instance(): SysInstance {
    return this.#caller()
  }

  /** The routine that the port called, by the kit's name. */
  get routine(): string {
    return this.#routine()
  }

  get port(): PortExports {
    return this.#caller().port
  }

  /** HwDeviceExtension, the first argument of most port routines. */
  get extension(): GuestBlock {
    return this.#caller().blockAt(this.va(0))
  }

  get returnAddress(): Gva {
    return this.#cpu.returnAddress
  }

  /** Where it returns to, by name: `dump_viostor!VirtIoStartIo+0x1c`. */
  get returnPlace(): string {
    return this.#places.inImage(this.#caller().image, this.#cpu.returnAddress)
  }

  // The processor and the machine

  get irql(): number {
    return this.#cpu.cr8
  }
  set irql(level: number) {
    this.#cpu.cr8 = level
  }

  get interruptsEnabled(): boolean {
    return this.#machine.interruptsEnabled
  }
  set interruptsEnabled(value: boolean) {
    this.#machine.interruptsEnabled = value
  }

  get rax(): bigint {
    return this.#cpu.readGpr(Gpr.rax)
  }

  get rsp(): bigint {
    return this.#cpu.readGpr(Gpr.rsp)
  }

  get bus(): Bus {
    return this.#machine.bus
  }

  get nowNs(): number {
    return this.#machine.nowNs
  }

  get cpuCount(): number {
    return this.#machine.cpuCount
  }

  /** Whether all of that is RAM, or all of it is in one window of registers. */
  hasPhysical(address: bigint, byteLength: number): boolean {
    const { ram, registerWindows } = this.#machine
    if (address + BigInt(byteLength) > MAX_PHYSICAL) return false
    const start = gpa(Number(address))
    const isInWindow = registerWindows.some(
      (window) =>
        window.kind === 'mmio' &&
        start >= window.base &&
        start + byteLength <= window.base + window.byteLength,
    )
    return isInWindow || ram.has(start, byteLength)
  }

  mapIoSpace(address: Gpa, byteLength: number): Gva {
    return this.#kernel.mapIoSpace(address, byteLength)
  }

  /** Of the system that runs. */
  get version(): OsVersion {
    return this.#kernel.version
  }

  translate(va: Gva): Gpa | null {
    return this.#cpu.translate(va)
  }

  /** Counts work of the host, in instructions; ends the call where the work of the outermost one is used up. */
  charge(work: number): void {
    this.#cpu.charge(work)
  }
}
