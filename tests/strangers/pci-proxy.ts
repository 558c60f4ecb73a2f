// The bus of a QEMU computer reaches our controller: QEMU's x-pci-proxy-dev owns a slot and sends configuration and BAR accesses down a
// socket, one at a time (QEMU's include/hw/remote/mpqemu-link.h and hw/remote). Its irqfd needs KVM, so interrupts go by qtest.
import type { Duplex } from 'node:stream'
import { gpa, pfn } from '@dumpstack/bytes'
import {
  type ControllerModel,
  createDisk,
  createMachine,
  type DiskImage,
  type Machine,
  type Settings,
} from '@dumpstack/machine'
import type { SharedRam } from './shared-ram.ts'

/** 00:04.0, where QEMU's command line puts the proxy. */
export const SLOT = '04.0'
const BDF = 0x20
/** Pin A of slot 4 on q35, and the input of its I/O APIC that the firmware's tables name for it. */
const LINE = '/machine/q35/ioapic unnamed-gpio-in 20'
/** Where messages go that are interrupts of the first processor; vectors below are exceptions. */
const LOCAL_APIC = 0xfee00000
const FIRST_VECTOR = 0x20
/** The machine's own name of the line, which is none of those vectors. */
const LINE_VECTOR = 11

const HEADER_BYTES = 16
const SYNC_SYSMEM = 0
const RET = 1
const PCI_CFGWRITE = 2
const PCI_CFGREAD = 3
const BAR_WRITE = 4
const BAR_READ = 5
const SET_IRQFD = 6
const DEVICE_RESET = 7

const CONFIG_ADDRESS = 0xcf8
const CONFIG_DATA = 0xcfc
const COMMAND = 0x04
const INTERRUPT_DISABLE = 0x400
const INTERRUPT_STATUS = 0x80000
const BASE_ADDRESSES = [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24]
/** Memory, 64 bits wide. */
const WIDE_MASK = 0x7
const WIDE = 0x4
const PREFETCHABLE = 0x8
const ROM_BASE_ADDRESS = 0x30
const CONFIG_BYTES = 0x100

/** Between messages the controller's time passes in steps of this. */
const TICK_MS = 1

export class PciProxy {
  readonly machine: Machine
  /** What the guest did and saw. */
  readonly seen = {
    configAccesses: 0,
    registerAccesses: 0,
    resets: 0,
    messages: 0,
    lineRises: 0,
    maxInFlight: 0,
  }
  readonly #ram: SharedRam
  readonly #socket: Duplex
  readonly #qtest: Duplex
  readonly #timer: NodeJS.Timeout
  readonly #startMs = performance.now()
  /** Base address registers of 64 bits, which QEMU's proxy can only place below 4 GiB. */
  readonly #wide: readonly number[]
  #received = Buffer.alloc(0)
  #lineLevel = false

  /** `failed`: told what our side threw, once. */
  constructor(
    model: ControllerModel,
    settings: Partial<Settings>,
    image: DiskImage,
    ram: SharedRam,
    socket: Duplex,
    qtest: Duplex,
    failed: (error: Error) => void,
  ) {
    this.#ram = ram
    this.#socket = socket
    this.#qtest = qtest
    const disk = createDisk({
      name: 'disk0',
      model: 'Dumpstack disk',
      serialNumber: 'DS-0001',
      logicalSectorBytes: 512,
      image,
    })
    this.machine = createMachine({
      seed: 1,
      runs: [{ basePage: pfn(1), pageCount: 1 }],
      dmaRam: ram,
      cpuCount: 1,
      controllers: [
        {
          model,
          name: model.kind,
          bdf: BDF,
          interruptVector: LINE_VECTOR,
          attachments: [{ disk }],
          settings,
        },
      ],
    })
    this.#powerOn()
    const isWide = (register: number): boolean =>
      (this.machine.bus.config32(BDF, register) & WIDE_MASK) === WIDE
    this.#wide = BASE_ADDRESSES.filter(isWide)
    const guarded = (action: () => void) => () => {
      try {
        action()
      } catch (error) {
        clearInterval(this.#timer)
        failed(error as Error) // the machine throws errors only
      }
    }
    this.#timer = setInterval(
      guarded(() => this.#pass()),
      TICK_MS,
    )
    socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes])
      guarded(() => this.#takeMessages())()
    })
    // QEMU stands still while its answers are not read
    qtest.on('data', (bytes: Buffer) => {
      const text = bytes.toString('latin1')
      if (/FAIL|ERR/.test(text)) failed(new Error(`qtest answered ${text}`))
    })
    for (const one of [socket, qtest]) one.on('error', () => {}) // QEMU has ended: its exit says how
  }

  close(): void {
    clearInterval(this.#timer)
    this.machine.close()
  }

  /** Registers after power on, as QEMU's firmware expects them; ours has not run. */
  #powerOn(): void {
    const { bus } = this.machine
    this.machine.reset({ keepRam: true })
    bus.setConfig32(BDF, COMMAND, 0)
    for (const register of BASE_ADDRESSES) bus.setConfig32(BDF, register, 0)
    for (let vector = FIRST_VECTOR; vector < 0x100; vector++)
      bus.onInterrupt(vector, () => this.#message(vector))
  }

  #message(vector: number): boolean {
    this.seen.messages++
    this.#qtest.write(`writel ${LOCAL_APIC} ${vector}\n`)
    return true
  }

  /** The controller's time is the host's; what it has done since then becomes visible. */
  #pass(): void {
    const { machine, seen } = this
    const inFlight = machine.evidence.controllers[0]!.outstandingCount
    if (inFlight > seen.maxInFlight) seen.maxInFlight = inFlight
    machine.run((performance.now() - this.#startMs) * 1e6)
    this.#ram.settle()
    const command = machine.bus.config32(BDF, COMMAND)
    const level = (command & INTERRUPT_STATUS) !== 0 && (command & INTERRUPT_DISABLE) === 0
    if (level === this.#lineLevel) return
    this.#lineLevel = level
    if (level) seen.lineRises++
    this.#qtest.write(`set_irq_in ${LINE} ${level ? 1 : 0}\n`)
  }

  #takeMessages(): void {
    for (;;) {
      if (this.#received.byteLength < HEADER_BYTES) return
      const end = HEADER_BYTES + Number(this.#received.readBigUInt64LE(8))
      if (this.#received.byteLength < end) return
      const command = this.#received.readInt32LE(0)
      const body = this.#received.subarray(HEADER_BYTES, end)
      this.#received = this.#received.subarray(end)
      if (command === SYNC_SYSMEM || command === SET_IRQFD) continue // neither is answered
      const value = this.#answer(command, body)
      this.#pass()
      const answer = Buffer.alloc(HEADER_BYTES + 8)
      answer.writeInt32LE(RET, 0)
      answer.writeBigUInt64LE(8n, 8)
      answer.writeBigUInt64LE(value, HEADER_BYTES)
      this.#socket.write(answer)
    }
  }

  #answer(command: number, body: Buffer): bigint {
    switch (command) {
      case PCI_CFGREAD:
        return BigInt(this.#config(body.readUInt32LE(0), body.readInt32LE(8), null))
      case PCI_CFGWRITE:
        this.#config(body.readUInt32LE(0), body.readInt32LE(8), body.readUInt32LE(4))
        return 0n
      case BAR_READ:
        return this.#registers(body, null)
      case BAR_WRITE:
        return this.#registers(body, body.readBigUInt64LE(8))
      case DEVICE_RESET:
        this.seen.resets++
        this.#powerOn()
        return 0n
      default:
        throw new Error(`QEMU sent command ${command}, expected 0 to ${DEVICE_RESET}`)
    }
  }

  /** Reads where `value` is null. There is no ROM, no extended configuration space, and a base address register of 64 bits is one of 32. */
  #config(offset: number, size: number, value: number | null): number {
    this.seen.configAccesses++
    const register = offset & ~3
    const isUpperHalf = this.#wide.includes(register - 4)
    if (offset >= CONFIG_BYTES || register === ROM_BASE_ADDRESS || isUpperHalf) return 0
    this.machine.bus.out32(CONFIG_ADDRESS, 0x80000000 + BDF * 0x100 + register)
    const read = this.#port(CONFIG_DATA + (offset & 3), size, value)
    return offset === register && this.#wide.includes(register) ? (read & ~(WIDE | PREFETCHABLE)) >>> 0 : read
  }

  #registers(body: Buffer, value: bigint | null): bigint {
    this.seen.registerAccesses++
    const at = Number(body.readBigUInt64LE(0))
    const size = body.readUInt32LE(16)
    const isMemory = body[20] !== 0
    const access = (from: number, bytes: number, part: bigint | null): number => {
      const low = part === null ? null : Number(BigInt.asUintN(32, part))
      return isMemory ? this.#memory(from, bytes, low) : this.#port(from, bytes, low)
    }
    if (size < 8) return BigInt(access(at, size, value))
    const low = access(at, 4, value)
    return BigInt(low) + BigInt(access(at + 4, 4, value === null ? null : value >> 32n)) * 2n ** 32n
  }

  #port(port: number, size: number, value: number | null): number {
    const { bus } = this.machine
    if (value === null) return size === 1 ? bus.in8(port) : size === 2 ? bus.in16(port) : bus.in32(port)
    if (size === 1) bus.out8(port, value)
    else if (size === 2) bus.out16(port, value)
    else bus.out32(port, value)
    return 0
  }

  #memory(address: number, size: number, value: number | null): number {
    const { bus } = this.machine
    const at = gpa(address)
    if (value === null) return size === 1 ? bus.read8(at) : size === 2 ? bus.read16(at) : bus.read32(at)
    if (size === 1) bus.write8(at, value)
    else if (size === 2) bus.write16(at, value)
    else bus.write32(at, value)
    return 0
  }
}
