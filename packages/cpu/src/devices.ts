// Device registers as instructions reach them: memory that is no RAM, and I/O ports. Each access first brings the clock
// up to the instruction, so that devices see the time that code took.
import { type Gpa, type Gva, gpa as gpaOf } from '@dumpstack/bytes'
import type { DeviceAccess } from './cpu.ts'
import { Interruption } from './stop.ts'
import type { CpuBus } from './world.ts'

export interface DeviceAccesses {
  read(gpa: number, byteLength: 1 | 2 | 4): number
  write(gpa: number, byteLength: 1 | 2 | 4, value: number): void
  /** `in` and `out`. */
  readPort(port: number, byteLength: 1 | 2 | 4): number
  writePort(port: number, byteLength: 1 | 2 | 4, value: number): void
}

export interface DeviceHooks {
  /** Lets the time pass that the instructions before this one took; stops when the stall budget is used up. */
  before(): void
  isObserved(): boolean
  rip(): Gva
  observe(access: DeviceAccess): void
}

export function createDevices(bus: CpuBus, hooks: DeviceHooks): DeviceAccesses {
  const seen = (
    kind: DeviceAccess['kind'],
    direction: DeviceAccess['direction'],
    address: number,
    byteLength: number,
    value: number,
  ): void => {
    if (hooks.isObserved()) {
      const rip = hooks.rip()
      hooks.observe({ kind, direction, address, byteLength, value: BigInt(value >>> 0), rip })
    }
  }
  return {
    read(gpa, byteLength) {
      hooks.before()
      const at = gpaOf(gpa)
      const value = byteLength === 4 ? bus.read32(at) : byteLength === 2 ? bus.read16(at) : bus.read8(at)
      seen('mmio', 'read', gpa, byteLength, value)
      return value
    },
    write(gpa, byteLength, value) {
      hooks.before()
      const at: Gpa = gpaOf(gpa)
      if (byteLength === 4) bus.write32(at, value)
      else if (byteLength === 2) bus.write16(at, value)
      else bus.write8(at, value)
      seen('mmio', 'write', gpa, byteLength, value)
    },
    readPort(port, byteLength) {
      hooks.before()
      const value = byteLength === 4 ? bus.in32(port) : byteLength === 2 ? bus.in16(port) : bus.in8(port)
      seen('port', 'read', port, byteLength, value)
      return value
    },
    writePort(port, byteLength, value) {
      hooks.before()
      if (byteLength === 4) bus.out32(port, value)
      else if (byteLength === 2) bus.out16(port, value)
      else bus.out8(port, value)
      seen('port', 'write', port, byteLength, value)
    },
  }
}

/** The I/O ports that there are. */
const PORT_COUNT = 0x10000

/** `in` and `out`: a port beyond the last one is the guest's fault. */
export interface PortUnit {
  read(port: number, byteLength: 1 | 2 | 4): number
  write(port: number, byteLength: 1 | 2 | 4, value: number): void
}

export function createPortUnit(devices: DeviceAccesses): PortUnit {
  const check = (port: number, byteLength: number): void => {
    if (port + byteLength > PORT_COUNT) throw new Interruption('generalProtection')
  }
  return {
    read(port, byteLength) {
      check(port, byteLength)
      return devices.readPort(port, byteLength)
    },
    write(port, byteLength, value) {
      check(port, byteLength)
      devices.writePort(
        port,
        byteLength,
        byteLength === 4 ? value >>> 0 : value & (2 ** (byteLength * 8) - 1),
      )
    },
  }
}
