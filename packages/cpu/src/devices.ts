// Device registers as instructions reach them: memory that is no RAM, and I/O ports. Each access first brings the clock
// up to the instruction, so that devices see the time that code took.
import { type Gpa, type Gva, gpa as gpaOf } from '@dumpstack/bytes'
import type { DeviceAccess } from './cpu.ts'
import { Exception } from './stop.ts'
import type { CpuWorld } from './world.ts'

export interface DeviceHooks {
  /** Lets the time pass that the instructions before this one took; stops when the stall budget is used up. */
  before(): void
  isObserved(): boolean
  rip(): Gva
  observe(access: DeviceAccess): void
}

export class DeviceAccesses {
  readonly #world: CpuWorld
  readonly #hooks: DeviceHooks

  constructor(world: CpuWorld, hooks: DeviceHooks) {
    this.#world = world
    this.#hooks = hooks
  }

  #seen(
    kind: DeviceAccess['kind'],
    direction: DeviceAccess['direction'],
    address: number,
    byteLength: number,
    value: number,
  ): void {
    if (this.#hooks.isObserved()) {
      const rip = this.#hooks.rip()
      this.#hooks.observe({ kind, direction, address, byteLength, value: BigInt(value >>> 0), rip })
    }
  }

  read(gpa: number, byteLength: 1 | 2 | 4): number {
    this.#hooks.before()
    const at = gpaOf(gpa)
    const value =
      byteLength === 4
        ? this.#world.bus.read32(at)
        : byteLength === 2
          ? this.#world.bus.read16(at)
          : this.#world.bus.read8(at)
    this.#seen('mmio', 'read', gpa, byteLength, value)
    return value
  }

  write(gpa: number, byteLength: 1 | 2 | 4, value: number): void {
    this.#hooks.before()
    const at: Gpa = gpaOf(gpa)
    if (byteLength === 4) this.#world.bus.write32(at, value)
    else if (byteLength === 2) this.#world.bus.write16(at, value)
    else this.#world.bus.write8(at, value)
    this.#seen('mmio', 'write', gpa, byteLength, value)
  }

  /** `in` and `out`. */
  readPort(port: number, byteLength: 1 | 2 | 4): number {
    this.#hooks.before()
    const value =
      byteLength === 4
        ? this.#world.bus.in32(port)
        : byteLength === 2
          ? this.#world.bus.in16(port)
          : this.#world.bus.in8(port)
    this.#seen('port', 'read', port, byteLength, value)
    return value
  }

  writePort(port: number, byteLength: 1 | 2 | 4, value: number): void {
    this.#hooks.before()
    if (byteLength === 4) this.#world.bus.out32(port, value)
    else if (byteLength === 2) this.#world.bus.out16(port, value)
    else this.#world.bus.out8(port, value)
    this.#seen('port', 'write', port, byteLength, value)
  }
}

/** The I/O ports that there are. */
const PORT_COUNT = 0x10000

/** `in` and `out`: a port beyond the last one is the guest's fault. */
export class PortUnit {
  readonly #devices: DeviceAccesses

  constructor(devices: DeviceAccesses) {
    this.#devices = devices
  }

  #check(port: number, byteLength: number): void {
    if (port + byteLength > PORT_COUNT) throw new Exception('generalProtection')
  }

  read(port: number, byteLength: 1 | 2 | 4): number {
    this.#check(port, byteLength)
    return this.#devices.readPort(port, byteLength)
  }

  write(port: number, byteLength: 1 | 2 | 4, value: number): void {
    this.#check(port, byteLength)
    this.#devices.writePort(
      port,
      byteLength,
      byteLength === 4 ? value >>> 0 : value & (2 ** (byteLength * 8) - 1),
    )
  }
}
