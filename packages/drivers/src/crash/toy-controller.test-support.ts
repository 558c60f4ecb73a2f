// A controller that no computer has, and the record that brings it into a machine: the proof that a controller is a folder and a line.
// Its registers are dwords in BAR0 and, for software that knows no PCI, a status byte and a reset in legacy ports. It runs one command
// at a time: a list of 32-bit addresses and lengths describes the memory.
import { gpa } from '@dumpstack/bytes'
import {
  type Attachment,
  type BlockDevice,
  BlockOp,
  type BlockRequest,
  BlockStatus,
  type ControllerModel,
  type ControllerParts,
  type DwordRegisters,
  PciConfig,
  type PciFunction,
  readDwords,
  SegmentList,
  writeDwords,
} from '@dumpstack/machine'

export const TOY = { command: 0x00, status: 0x04, lba: 0x08, count: 0x0c, list: 0x10, entries: 0x14 } as const
export const TOY_GEOMETRY = { channel: 0x18, sectors: 0x1c, sectorBytes: 0x20 } as const
export const TOY_COMMAND = { reset: 0, read: 1, write: 2, flush: 3 } as const
export const TOY_STATUS = { idle: 0, busy: 1, done: 2, failed: 3 } as const
export const TOY_CLASS = 0x018000
/** Where its legacy ports are. */
export const TOY_PORTS = 0x1f0
const PORTS_WINDOW = 6
const WINDOW_BYTES = 0x100
const BYTES_PER_SECOND = 100e6
const LIST_ENTRY_BYTES = 8
const NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries({ ...TOY, ...TOY_GEOMETRY }).map(([name, offset]) => [offset, name.toUpperCase()]),
)

type ToySettings = { readonly mode: 'fast' | 'slow' }

class ToyController implements PciFunction, DwordRegisters, BlockRequest {
  readonly name: string
  readonly bdf: number
  readonly interruptVector: number
  readonly config = new PciConfig({
    vendorId: 0x1234,
    deviceId: 0x0001,
    revisionId: 0,
    classCode: TOY_CLASS,
    subsystemVendorId: 0,
    subsystemId: 0,
    windows: [
      { bar: 0, kind: 'memory', byteLength: WINDOW_BYTES },
      { bar: PORTS_WINDOW, kind: 'io', byteLength: 2, fixedAt: TOY_PORTS },
    ],
    capabilities: [],
  })
  isPending = false
  dueNs = 0
  op: BlockOp = BlockOp.other
  readonly isDurable = false
  readonly #parts: ControllerParts
  readonly #devices: readonly (BlockDevice | undefined)[]
  readonly #segments: SegmentList
  readonly #registers = new Uint32Array(WINDOW_BYTES / 4)

  constructor({ mode }: ToySettings, attachments: readonly Attachment[], parts: ControllerParts) {
    this.name = parts.name
    this.bdf = parts.bdf
    this.interruptVector = parts.interruptVector
    this.#parts = parts
    this.#segments = new SegmentList(parts.ram)
    this.#devices = [0, 1].map((n) => attachments.find(({ channel }) => (channel ?? 0) === n)?.device)
    const bytesPerSecond = mode === 'fast' ? BYTES_PER_SECOND : BYTES_PER_SECOND / 100
    for (const device of this.#devices) {
      device?.connect({
        bytesPerSecond,
        isReady: () => this.config.isBusMaster,
        busyChanged: () => {},
        resetsItself: () => this.#reset(),
      })
    }
  }

  readonly state = { takesRequests: true, interrupts: 'off', resetCount: 0 } as const
  powerOn(): void {
    this.config.reset()
    this.#reset()
  }
  configReading(): void {}
  configWritten(): void {
    for (const device of this.#devices) device?.resume()
  }
  get isInterrupting(): boolean {
    return this.#get(TOY.status) >= TOY_STATUS.done
  }
  get isInterruptEnabled(): boolean {
    return !this.config.isInterruptDisabled
  }
  readWindow(bar: number, offset: number, size: number): number {
    return bar === PORTS_WINDOW ? this.#get(TOY.status) : readDwords(this, offset, size)
  }
  writeWindow(bar: number, offset: number, size: number, value: number): void {
    if (bar === PORTS_WINDOW) this.#reset()
    else writeDwords(this, offset, size, value)
  }
  readRegister(offset: number): number {
    if (offset === TOY_GEOMETRY.sectors) return this.#device?.disk.sectorCount ?? 0
    if (offset === TOY_GEOMETRY.sectorBytes) return this.#device?.disk.logicalSectorBytes ?? 0
    return this.#get(offset)
  }
  writeRegister(offset: number, value: number, mask: number): void {
    this.#registers[offset / 4] = (this.#get(offset) & ~mask) | (value & mask)
    if (offset === TOY.command) this.#start(value)
  }

  // BlockRequest
  get lba(): number {
    return this.#get(TOY.lba)
  }
  get sectorCount(): number {
    return this.#get(TOY.count)
  }
  get byteLength(): number {
    return this.op === BlockOp.flush ? 0 : this.sectorCount * this.#device!.disk.logicalSectorBytes
  }
  memory(): SegmentList | null {
    const { ram } = this.#parts
    this.#segments.clear()
    for (let entry = 0; entry < this.#get(TOY.entries); entry++) {
      const at = this.#get(TOY.list) + entry * LIST_ENTRY_BYTES
      const isThere = ram.has(gpa(at), LIST_ENTRY_BYTES)
      const [address, length] = isThere ? [ram.u32(gpa(at)), ram.u32(gpa(at + 4))] : [0, 0]
      if (!isThere || !ram.has(gpa(address), length)) {
        this.#parts.onStopped('an entry of the list that is not in RAM')
        this.#device!.cancel()
        return null
      }
      this.#segments.append(address, length)
    }
    return this.#segments
  }
  done(status: BlockStatus): void {
    this.#registers[TOY.status / 4] = status === BlockStatus.good ? TOY_STATUS.done : TOY_STATUS.failed
    this.#parts.onCompletion()
  }

  get #device(): BlockDevice | undefined {
    return this.#devices[this.#get(TOY_GEOMETRY.channel)]
  }
  #get(offset: number): number {
    return this.#registers[offset / 4] ?? 0
  }
  #reset(): void {
    for (const device of this.#devices) device?.reset()
    this.#registers.fill(0)
  }
  #start(command: number): void {
    const { read, write, flush, reset } = TOY_COMMAND
    if (command === reset) {
      this.#reset()
      return
    }
    const op = { [read]: BlockOp.read, [write]: BlockOp.write, [flush]: BlockOp.flush }[command]
    if (op === undefined || this.#device === undefined || this.isPending) return
    this.op = op
    this.#registers[TOY.status / 4] = TOY_STATUS.busy
    this.#parts.work.command(this.#get(TOY.entries))
    this.#device.submit(this)
  }
}

export const toy: ControllerModel<ToySettings> = {
  kind: 'toy',
  pci: { classCode: TOY_CLASS },
  settings: {
    mode: { default: 'fast', choices: ['fast', 'slow'], trials: ['slow'], summary: 'The rate of its link.' },
  },
  places: { channel: 2 },
  hasLink: false,
  create: (settings, attachments, parts) => new ToyController(settings, attachments, parts),
  registerName: (window, offset) => (window === 0 ? (NAMES[offset] ?? null) : 'PORT'),
  addressRegister: (window, offset) => (window === 0 && (offset & ~3) === TOY.list ? 'LIST' : null),
}
