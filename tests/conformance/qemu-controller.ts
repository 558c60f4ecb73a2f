// A machine whose controller is QEMU's: RAM, clock and evidence are the embedded machine's, registers and configuration space
// are QEMU's. What a driver has in RAM goes to QEMU before each register write and comes back with each register read and
// each pause, so that a miniport cannot tell.
import { gpa } from '@dumpstack/bytes'
import type { Bus, Machine } from '@dumpstack/machine'
import type { QtestMachine } from './qtest.ts'

const PAGE = 4096
/** A driver that waits for what never comes. */
const MAX_PAUSES = 3000

/** Where drivers keep their structures, and where everything else lies. */
export interface SharedRam {
  /** Pages that both sides may change at any time. */
  readonly from: number
  readonly end: number
}

/** `window`: where QEMU's registers begin; below it is RAM. */
export function machineOnQemu(
  embedded: Machine,
  qemu: QtestMachine,
  window: number,
  shared: SharedRam,
): Machine {
  const byteLength = shared.end - shared.from
  const last = new Uint8Array(byteLength)
  const now = new Uint8Array(byteLength)

  /** Only what the driver changed: the device may have changed its neighbours. */
  function push(): void {
    embedded.ram.read(gpa(shared.from), now)
    for (const [start, end] of differences(now, last)) {
      qemu.writeRam(shared.from + start, now.subarray(start, end))
      last.set(now.subarray(start, end), start)
    }
  }

  function pull(): void {
    push()
    qemu.readRam(shared.from, now)
    for (const [start, end] of differences(now, last)) {
      embedded.ram.write(gpa(shared.from + start), now.subarray(start, end))
      last.set(now.subarray(start, end), start)
    }
  }

  const read = (address: number, size: number): number => {
    const value = qemu.readRegister(address, size)
    pull()
    return value
  }
  const write = (address: number, size: number, value: number): void => {
    push()
    qemu.writeRegister(address, size, value)
  }
  const isDevice = (address: number): boolean => address >= window && address < 2 ** 32
  let routine: (() => boolean) | null = null
  let isInside = false
  const bus: Bus = {
    in8: (port) => qemu.readPort(port, 1),
    in16: (port) => qemu.readPort(port, 2),
    in32: (port) => qemu.readPort(port, 4),
    out8: (port, value) => qemu.writePort(port, 1, value),
    out16: (port, value) => qemu.writePort(port, 2, value),
    out32: (port, value) => qemu.writePort(port, 4, value),
    read8: (at) => (isDevice(at) ? read(at, 1) : embedded.bus.read8(at)),
    read16: (at) => (isDevice(at) ? read(at, 2) : embedded.bus.read16(at)),
    read32: (at) => (isDevice(at) ? read(at, 4) : embedded.bus.read32(at)),
    write8: (at, value) => (isDevice(at) ? write(at, 1, value) : embedded.bus.write8(at, value)),
    write16: (at, value) => (isDevice(at) ? write(at, 2, value) : embedded.bus.write16(at, value)),
    write32: (at, value) => (isDevice(at) ? write(at, 4, value) : embedded.bus.write32(at, value)),
    config32: (bdf, offset) => qemu.config32(bdf, offset),
    setConfig32: (bdf, offset, value) => qemu.setConfig32(bdf, offset, value),
    onInterrupt: (_vector, isr) => {
      routine = isr
    },
  }

  let pauses = 0
  let completions = 0
  /** QEMU works in its own time meanwhile; its line is not looked at: a routine says itself what is not its own. */
  function pass(advance: () => void): void {
    if (++pauses > MAX_PAUSES) throw new Error(`the driver has waited ${pauses} times`)
    advance()
    qemu.stall(100)
    pull()
    if (routine === null || isInside || !machine.interruptsEnabled) return
    isInside = true
    routine()
    isInside = false
  }

  const machine: Machine = {
    bus,
    interruptsEnabled: true,
    ram: embedded.ram,
    seed: embedded.seed,
    disks: embedded.disks,
    controllers: embedded.controllers,
    cpuCount: embedded.cpuCount,
    faults: embedded.faults,
    evidence: {
      ...embedded.evidence,
      notModelled: embedded.evidence.notModelled,
      // QEMU does not tell of ends: each look at the count sees one more
      get completionCount() {
        return completions++
      },
    },
    get nowNs() {
      return embedded.nowNs
    },
    get deviceWork() {
      return embedded.deviceWork
    },
    get registerWindows() {
      return embedded.registerWindows
    },
    // QEMU does not tell what a driver made of its device: each look sees one that is ready
    controllerState: () => ({
      takesRequests: true,

      interrupts: 'off',
      resetCount: embedded.nowNs,
    }),
    elapse: (nanoseconds) => embedded.elapse(nanoseconds),
    stall: (microseconds) => pass(() => embedded.stall(microseconds)),
    run: (untilNs) => pass(() => embedded.run(untilNs)),
    checkStop: () => embedded.checkStop(),
    checkpoint: () => embedded.checkpoint(),
    reset: (options) => embedded.reset(options),
    cyclePower: (controller) => embedded.cyclePower(controller),
    close: () => embedded.close(),
  }
  push()
  return machine
}

/** Runs of bytes that differ. */
function* differences(a: Uint8Array, b: Uint8Array): Generator<[start: number, end: number]> {
  for (let page = 0; page < a.byteLength; page += PAGE) {
    if (Buffer.compare(a.subarray(page, page + PAGE), b.subarray(page, page + PAGE)) === 0) continue
    for (let at = page; at < page + PAGE; at++) {
      if (a[at] === b[at]) continue
      const start = at
      while (at < page + PAGE && a[at] !== b[at]) at++
      yield [start, at]
    }
  }
}
