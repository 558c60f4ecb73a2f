// A raw NVMe driver for tests: writes every register, queue entry and PRP list by literal offset (NVM Express 1.4), so that it shares no
// table with a controller or a miniport. It runs on the embedded machine or on QEMU.
import type { RawBus } from './raw-bus.ts'

export interface RawNvmeCommand {
  readonly opcode: number
  /** 1 where it is absent. */
  readonly nsid?: number
  readonly flags?: number
  readonly cid?: number
  readonly prp1?: number
  readonly prp2?: number
  /** Dwords 10 to 15. */
  readonly dwords?: readonly number[]
}
export interface RawNvmeCompletion {
  readonly cid: number
  /** Status field, without the phase. */
  readonly status: number
  readonly result: number
  readonly sqhd: number
  readonly sqid: number
}

/** In the driver's memory: queue n has its submission entries at n * 2 pages, its completion entries in the page after them. */
const PAGE = 0x1000
const ENTRIES = 32
/** After the queues: pages for lists and for the data of admin commands. */
const LISTS = 0x8000
const DATA = 0xa000

interface Queue {
  readonly size: number
  tail: number
  head: number
  phase: number
}

export class RawNvme {
  readonly bus: RawBus
  readonly bdf: number
  /** Page aligned, 48 KiB: up to four queue pairs, lists, data. */
  readonly memory: number
  readonly bar: number
  readonly #queues: Queue[] = []
  #cid = 0

  constructor(bus: RawBus, bdf: number, memory: number) {
    this.bus = bus
    this.bdf = bdf
    this.memory = memory
    this.bar = (bus.config32(bdf, 0x10) & 0xfffffff0) >>> 0
  }

  /** A controller register. */
  register(offset: number): number {
    return this.bus.read32(this.bar + offset)
  }
  setRegister(offset: number, value: number): void {
    this.bus.write32(this.bar + offset, value)
  }

  get stride(): number {
    return 4 << (this.register(0x04) & 0xf)
  }

  /** Page for the data of admin commands. */
  get data(): number {
    return this.memory + DATA
  }
  dataBytes(byteLength: number): Uint8Array {
    const bytes = new Uint8Array(byteLength)
    this.bus.readRam(this.data, bytes)
    return bytes
  }

  /** CC.EN to 0. */
  disable(): void {
    this.setRegister(0x14, 0)
    this.waitUntil('CSTS.RDY reads 0', () => (this.register(0x1c) & 1) === 0)
  }

  /** Reset, admin queue, and `pairs` I/O queue pairs of `size` entries that interrupt by vectors from 1 on, or by the line. */
  start(pairs = 1, size = ENTRIES, options: { interrupts?: boolean; firstVector?: number } = {}): void {
    this.enable()
    for (let id = 1; id <= pairs; id++) {
      const vector = options.firstVector === undefined ? 0 : options.firstVector + id - 1
      const completions = this.createCompletionQueue(id, size, vector, options.interrupts ?? false)
      const submissions = this.createSubmissionQueue(id, size, id)
      if (completions.status !== 0 || submissions.status !== 0)
        throw new Error(`queue pair ${id} was refused`)
    }
  }

  enable(entries = ENTRIES): void {
    this.disable()
    this.#cid = 0
    this.#queues.length = 0
    this.#clear(0, entries)
    this.setRegister(0x24, ((entries - 1) << 16) | (entries - 1))
    this.#setAddress(0x28, this.memory)
    this.#setAddress(0x30, this.memory + PAGE)
    this.setRegister(0x14, 0x00460001)
    this.waitUntil('CSTS.RDY reads 1', () => (this.register(0x1c) & 1) === 1)
  }

  createCompletionQueue(id: number, size: number, vector: number, interrupts: boolean): RawNvmeCompletion {
    this.#clear(id, size)
    return this.admin({
      opcode: 0x05,
      prp1: this.memory + id * 2 * PAGE + PAGE,
      dwords: [((size - 1) << 16) | id, (vector << 16) | (interrupts ? 2 : 0) | 1],
    })
  }
  createSubmissionQueue(id: number, size: number, completions: number): RawNvmeCompletion {
    return this.admin({
      opcode: 0x01,
      prp1: this.memory + id * 2 * PAGE,
      dwords: [((size - 1) << 16) | id, (completions << 16) | 1],
    })
  }

  /** One admin command from begin to end. */
  admin(command: RawNvmeCommand): RawNvmeCompletion {
    return this.run(command, 0)
  }
  identify(cns: number, nsid = 0): RawNvmeCompletion {
    return this.admin({ opcode: 0x06, nsid, prp1: this.data, dwords: [cns] })
  }

  /** One command from begin to end. */
  run(command: RawNvmeCommand, queue = 1): RawNvmeCompletion {
    this.submit(command, queue)
    this.ring(queue)
    return this.take(queue)
  }

  /** A read or write of pages that follow each other on the disk, in sectors of `sectorBytes`. */
  transfer(opcode: 1 | 2, lba: number, pages: readonly number[], sectorBytes = 512): RawNvmeCommand {
    const [prp1, ...rest] = pages
    const prp2 = rest.length === 1 ? rest[0]! : rest.length === 0 ? 0 : this.list(rest)
    const count = (pages.length * PAGE) / sectorBytes
    return { opcode, prp1: prp1!, prp2, dwords: [lba % 2 ** 32, Math.floor(lba / 2 ** 32), count - 1] }
  }

  /** A PRP list, at `at` in the page of lists. */
  list(pages: readonly number[], at = 0): number {
    const view = new DataView(new ArrayBuffer(pages.length * 8))
    for (const [i, page] of pages.entries()) view.setBigUint64(i * 8, BigInt(page), true)
    this.bus.writeRam(this.memory + LISTS + at, new Uint8Array(view.buffer))
    return this.memory + LISTS + at
  }

  /** Puts a command into a queue; its identifier. The doorbell is not written. */
  submit(command: RawNvmeCommand, id = 1): number {
    const queue = this.#queues[id]!
    const cid = command.cid ?? this.#cid++ & 0xffff
    const view = new DataView(new ArrayBuffer(64))
    view.setUint8(0, command.opcode)
    view.setUint8(1, command.flags ?? 0)
    view.setUint16(2, cid, true)
    view.setUint32(4, command.nsid ?? (id === 0 ? 0 : 1), true)
    view.setBigUint64(24, BigInt(command.prp1 ?? 0), true)
    view.setBigUint64(32, BigInt(command.prp2 ?? 0), true)
    for (const [i, dword] of (command.dwords ?? []).entries()) view.setUint32(40 + i * 4, dword, true)
    this.bus.writeRam(this.memory + id * 2 * PAGE + queue.tail * 64, new Uint8Array(view.buffer))
    queue.tail = (queue.tail + 1) % queue.size
    return cid
  }

  ring(id = 1): void {
    this.setDoorbell(id * 2, this.#queues[id]!.tail)
  }
  /** Doorbell 2n is the tail of submission queue n, 2n + 1 the head of completion queue n. */
  setDoorbell(index: number, value: number): void {
    this.setRegister(0x1000 + index * this.stride, value)
  }

  /** Whether a completion is there. */
  hasCompletion(id = 1): boolean {
    const queue = this.#queues[id]!
    return (this.#entry(id, queue.head).getUint16(14, true) & 1) === queue.phase
  }

  /** The next completion; `rings`: its entry is given back. */
  take(id = 1, rings = true): RawNvmeCompletion {
    const queue = this.#queues[id]!
    this.waitUntil(`completion queue ${id} has an entry`, () => this.hasCompletion(id))
    const view = this.#entry(id, queue.head)
    queue.head = (queue.head + 1) % queue.size
    if (queue.head === 0) queue.phase ^= 1
    if (rings) this.setDoorbell(id * 2 + 1, queue.head)
    return {
      result: view.getUint32(0, true),
      sqhd: view.getUint16(8, true),
      sqid: view.getUint16(10, true),
      cid: view.getUint16(12, true),
      status: view.getUint16(14, true) >>> 1,
    }
  }

  waitUntil(what: string, isSo: () => boolean): void {
    for (let tries = 0; tries < 4000; tries++) {
      if (isSo()) return
      this.bus.stall(500)
    }
    throw new Error(`timed out while waiting until ${what}`)
  }

  #clear(id: number, size: number): void {
    this.#queues[id] = { size, tail: 0, head: 0, phase: 1 }
    this.bus.writeRam(this.memory + id * 2 * PAGE, new Uint8Array(2 * PAGE))
  }

  #entry(id: number, index: number): DataView {
    const bytes = new Uint8Array(16)
    this.bus.readRam(this.memory + id * 2 * PAGE + PAGE + index * 16, bytes)
    return new DataView(bytes.buffer)
  }

  #setAddress(offset: number, value: number): void {
    this.setRegister(offset, value % 2 ** 32)
    this.setRegister(offset + 4, Math.floor(value / 2 ** 32))
  }
}
