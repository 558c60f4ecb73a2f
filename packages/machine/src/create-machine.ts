// Puts the embedded machine together: RAM, clock, bus, controllers; and is the processor's share of time and interrupts.
import { type Gpa, gpa, hex, PAGE_SIZE, type PhysicalSpace, pfn } from '@dumpstack/bytes'
import {
  PCI_BASE_ADDRESS_0,
  PCI_BASE_ADDRESS_COUNT,
  PCI_COMMAND,
  PCI_COMMAND_BUS_MASTER,
  PCI_COMMAND_IO_SPACE,
  PCI_COMMAND_MEMORY_SPACE,
  PCI_INTERRUPT_LINE,
} from '@dumpstack/registers'
import { type Bus, SystemBus } from './bus.ts'
import { checkTime, VirtualClock } from './clock.ts'
import { checkPlaces, settingsOf } from './controllers/controller-model.ts'
import { BlockDevice } from './disk/block-device.ts'
import { type Disk, DiskMedium } from './disk/disk.ts'
import { MachineError } from './errors.ts'
import { MachineEvidence, type OnRefused, WatchedController } from './evidence.ts'
import { PlannedFaults } from './faults.ts'
import { HostWork } from './host-work.ts'
import type { ControllerOptions, Machine, MachineOptions, RegisterWindow } from './machine.ts'
import type { ControllerState, PciFunction } from './pci.ts'
import { GuestRam } from './ram.ts'

/** Where firmware puts memory windows: in the PCI hole that every RAM layout leaves below 4 GiB. */
const PCI_WINDOW = gpa(0xe0000000)
/** And windows of I/O ports: above what the platform itself has. */
const PCI_PORTS = 0xc000
/** A function without ports or memory keeps that bit 0. */
const FIRMWARE_COMMAND = PCI_COMMAND_IO_SPACE | PCI_COMMAND_MEMORY_SPACE | PCI_COMMAND_BUS_MASTER
/** What the bus driver puts back when a function has power again; the command register last. */
const RESTORED_REGISTERS: readonly number[] = [
  ...Array.from({ length: PCI_BASE_ADDRESS_COUNT }, (_, bar) => PCI_BASE_ADDRESS_0 + bar * 4),
  PCI_INTERRUPT_LINE,
  PCI_COMMAND,
]
/** Entry and exit of an interrupt routine. */
const INTERRUPT_NS = 1000

class EmbeddedMachine implements Machine {
  readonly ram: GuestRam
  readonly bus: Bus
  readonly disks: readonly Disk[]
  readonly controllers: readonly ControllerOptions[]
  readonly cpuCount: number
  readonly faults: PlannedFaults
  readonly evidence: MachineEvidence
  interruptsEnabled = true
  readonly #work: HostWork
  readonly #clock = new VirtualClock(() => this.#work.check())
  readonly #systemBus: SystemBus
  readonly #functions: readonly PciFunction[]
  #isInInterrupt = false

  constructor(options: MachineOptions) {
    checkOptions(options)
    this.#work = new HostWork(options.stopFlag)
    this.cpuCount = options.cpuCount
    this.controllers = options.controllers
    const attachments = options.controllers.flatMap((controller) =>
      controller.attachments.map((attachment) => ({ controller, attachment })),
    )
    this.disks = [...new Set(attachments.map(({ attachment }) => attachment.disk))]
    this.faults = new PlannedFaults(options.controllers)
    this.ram = new GuestRam(options.seed, options.runs)
    this.evidence = new MachineEvidence(
      this.ram.writes,
      attachments.map(({ controller, attachment }) => ({
        device: controller.name,
        disk: attachment.disk.name,
      })),
    )
    const { faults, ram, evidence } = this
    let origin = 0
    this.#functions = options.controllers.map((controller) => {
      const { model, name, bdf, interruptVector } = controller
      const devices = controller.attachments.map(({ disk, ...place }) => ({
        ...place,
        device: this.#blockDevice(name, disk, origin++),
      }))
      const watched = new WatchedController(
        name,
        devices.map(({ device }) => device),
        () => pci.isInterruptEnabled,
      )
      evidence.controllers.push(watched)
      const pci: PciFunction = model.create(settingsOf(model, name, controller.settings), devices, {
        name,
        bdf,
        interruptVector,
        clock: this.#clock,
        ram: options.dmaRam ?? ram,
        faults,
        notModelled: evidence.notModelledLog,
        work: this.#work,
        onCompletion: () => {
          evidence.completionCount++
          watched.completionCount++
        },
        onStopped: (reason) => evidence.stopped({ controller: name, reason, atNs: this.#clock.nowNs }),
        onRefused: this.#onRefused(name),
        onOverlap: (message) => evidence.onOverlap?.(name, message),
        onStore: (message, at) => evidence.onStore?.(name, message, pfn(Math.floor(at / PAGE_SIZE))),
        onMessage: (address, data) => this.#systemBus.message(address, data),
      })
      return pci
    })
    checkPorts(this.#functions)
    this.#systemBus = new SystemBus(this.#clock, ram, this.#functions, evidence.notModelledLog)
    this.bus = this.#systemBus
    this.#powerOn()
  }

  get seed(): number {
    return this.ram.seed
  }

  get nowNs(): number {
    return this.#clock.nowNs
  }

  get deviceWork(): number {
    return this.#work.done
  }

  checkStop(): void {
    this.#work.checkStop()
  }

  controllerState(controller: string): ControllerState {
    return this.#functions.find(({ name }) => name === controller)!.state
  }

  get registerWindows(): readonly RegisterWindow[] {
    return this.#functions.flatMap(({ name, config }, index) =>
      config.windows
        .filter(({ base }) => base >= 0)
        .map(({ bar, kind, base, byteLength }) => ({
          controller: name,
          model: this.controllers[index]!.model.kind,
          bar,
          kind: kind === 'io' ? 'port' : 'mmio',
          base,
          byteLength,
        })),
    )
  }

  elapse(nanoseconds: number): void {
    checkTime(nanoseconds, 'nanoseconds to elapse')
    this.#clock.advance(nanoseconds)
  }

  stall(microseconds: number): void {
    checkTime(microseconds, 'stall in microseconds')
    this.#pass(this.#clock.nowNs + microseconds * 1000)
  }

  run(untilNs: number): void {
    checkTime(untilNs, 'time to run until')
    this.#pass(untilNs)
  }

  checkpoint(): PhysicalSpace {
    return this.ram.checkpoint()
  }

  reset(options: { keepRam: boolean }): void {
    this.#systemBus.disconnectAll()
    this.interruptsEnabled = true
    this.#powerOn()
    if (!options.keepRam) this.ram.refill()
  }

  cyclePower(controller: string): void {
    const device = this.#functions.find(({ name }) => name === controller)!
    const { config } = device
    const saved = RESTORED_REGISTERS.map((offset) => [offset, config.read(offset, false)] as const)
    device.powerOn()
    for (const [offset, value] of saved) config.write(offset, value, 0xffffffff)
  }

  close(): void {
    this.#systemBus.disconnectAll()
    this.ram.close()
  }

  #onRefused(controller: string): OnRefused {
    return (refused) => this.evidence.refused(controller, refused, this.#clock.nowNs)
  }

  #blockDevice(controller: string, disk: Disk, origin: number): BlockDevice {
    if (!(disk instanceof DiskMedium)) {
      throw wrong(`disk '${disk.name}' of controller ${controller} was not made by createDisk`)
    }
    const {
      faults,
      evidence: { dmaLog },
    } = this
    return new BlockDevice(disk, {
      clock: this.#clock,
      faults,
      dmaLog,
      work: this.#work,
      controller,
      origin,
      onRefused: this.#onRefused(controller),
    })
  }

  /** Devices work until then; a raised line calls its routine, except inside another routine. */
  #pass(untilNs: number): void {
    if (!this.#isInInterrupt) this.#work.begin()
    for (;;) {
      const wasCalled = this.interruptsEnabled && !this.#isInInterrupt && this.#deliver()
      if (wasCalled) this.#clock.advance(INTERRUPT_NS)
      if (this.#clock.nowNs >= untilNs) return
      if (!wasCalled) this.#clock.advanceTo(Math.min(untilNs, this.#clock.nextNs))
    }
  }

  #deliver(): boolean {
    this.#isInInterrupt = true
    try {
      return this.#systemBus.deliverInterrupts()
    } finally {
      this.#isInInterrupt = false
    }
  }

  /** Devices at power-on state, then what firmware does: windows, command registers, interrupt lines. */
  #powerOn(): void {
    let memory: number = PCI_WINDOW
    let port = PCI_PORTS
    for (const device of this.#functions) {
      device.powerOn()
      for (const { bar, kind, byteLength, fixedAt } of device.config.windows) {
        if (fixedAt !== undefined) continue
        const base = alignUp(kind === 'io' ? port : memory, byteLength)
        if (kind === 'io') port = base + byteLength
        else memory = base + byteLength
        device.config.write(PCI_BASE_ADDRESS_0 + bar * 4, base, 0xffffffff)
      }
      device.config.write(PCI_INTERRUPT_LINE, device.interruptVector & 0xff, 0xff)
      device.config.write(PCI_COMMAND, FIRMWARE_COMMAND, 0xffff)
    }
    checkWindow(this.ram, gpa(memory))
  }
}

export function createMachine(options: MachineOptions): Machine {
  return new EmbeddedMachine(options)
}

function checkOptions({ seed, cpuCount, controllers }: MachineOptions): void {
  if (!Number.isSafeInteger(seed)) throw wrong(`seed is ${seed}, expected a whole number`)
  if (!Number.isInteger(cpuCount) || cpuCount < 1) throw wrong(`${cpuCount} CPUs, expected at least 1`)
  const unique = (what: string, values: readonly (string | number)[]): void => {
    const twice = values.find((value, index) => values.indexOf(value) !== index)
    if (twice !== undefined) throw wrong(`two controllers have the ${what} ${twice}`)
  }
  unique(
    'name',
    controllers.map(({ name }) => name),
  )
  unique(
    'function',
    controllers.map(({ bdf }) => bdf),
  )
  for (const { model, name, bdf, attachments } of controllers) {
    checkPlaces(model, name, attachments)
    const isBdf = Number.isInteger(bdf) && bdf >= 0 && bdf <= 0xffff
    if (!isBdf) throw wrong(`controller ${name} is at function ${hex(bdf)}, expected at most 0xffff`)
  }
}

/** Legacy ports answer to one function each. */
function checkPorts(functions: readonly PciFunction[]): void {
  const owners = new Map<number, string>()
  for (const { name, config } of functions) {
    for (const { fixedAt, byteLength } of config.windows) {
      if (fixedAt === undefined) continue
      for (let port = fixedAt; port < fixedAt + byteLength; port++) {
        const owner = owners.get(port)
        if (owner !== undefined) throw wrong(`controllers ${owner} and ${name} both claim port ${hex(port)}`)
        owners.set(port, name)
      }
    }
  }
}

function checkWindow(ram: GuestRam, end: Gpa): void {
  for (const run of ram.runs) {
    if (run.basePage * 4096 < end && (run.basePage + run.pageCount) * 4096 > PCI_WINDOW) {
      throw wrong(`RAM run at PFN ${hex(run.basePage)} covers device windows at ${hex(PCI_WINDOW)}`)
    }
  }
}

const wrong = (text: string): MachineError => new MachineError('MACHINE_OPTIONS', text)
const alignUp = (at: number, unit: number): number => Math.ceil(at / unit) * unit
