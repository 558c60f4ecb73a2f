// One call of an import by guest code, as the routine that serves it sees it: arguments, guest memory, the caller's instance and
// port, and as much of the processor as a routine of the kernel may touch. A host has one, which is of the call that is being served.
import { type Gpa, type Gva, gva } from '@dumpstack/bytes'
import { type Cpu, Gpr } from '@dumpstack/cpu'
import type { Bus, Machine } from '@dumpstack/machine'
import type { OsVersion } from '@dumpstack/nt'
import type { GuestBlock, PortExports } from '../miniport.ts'
import type { DriverPlaces } from './driver-places.ts'
import type { GuestMemory } from './guest-memory.ts'
import type { SysInstance } from './sys-instance.ts'

export class CallFrame {
  readonly memory: GuestMemory
  /** Of the system that runs. */
  readonly version: OsVersion
  readonly #cpu: Cpu
  readonly #machine: Machine
  readonly #places: DriverPlaces
  readonly #caller: () => SysInstance

  constructor(
    cpu: Cpu,
    machine: Machine,
    version: OsVersion,
    memory: GuestMemory,
    places: DriverPlaces,
    caller: () => SysInstance,
  ) {
    this.#cpu = cpu
    this.#machine = machine
    this.memory = memory
    this.version = version
    this.#places = places
    this.#caller = caller
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

  translate(va: Gva): Gpa | null {
    return this.#cpu.translate(va)
  }

  /** Counts work of the host, in instructions; ends the call where the work of the outermost one is used up. */
  charge(work: number): void {
    this.#cpu.charge(work)
  }
}
