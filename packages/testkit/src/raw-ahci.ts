// A raw AHCI driver for tests: writes every structure by literal offset (AHCI 1.3.1 sections 3 and 4), so that it shares
// no table with a controller or a miniport. It runs on anything with a bus: the embedded machine, or QEMU.
import type { RawBus } from './raw-bus.ts'

export interface RawSegment {
  readonly at: number
  readonly byteLength: number
}
export interface RawCommand {
  readonly command: number
  readonly lba?: number
  readonly count?: number
  readonly features?: number
  /** Device field: LBA alone where it is not said. */
  readonly device?: number
  /** Data to the device. */
  readonly isWrite?: boolean
  readonly segments?: readonly RawSegment[]
}

const PORT = 0x100
const TABLE_BYTES = 0x500

export class RawAhci {
  readonly bus: RawBus
  readonly bdf: number
  readonly abar: number
  /** 1 KiB command list, then the FIS area at +0x400, then a table for each slot from +0x800. */
  readonly memory: number
  readonly #portAt: number

  /** `memory`: at least 48 KiB of RAM, 4 KiB aligned. */
  constructor(bus: RawBus, bdf: number, memory: number, port = 0) {
    this.#portAt = PORT + port * 0x80
    this.bus = bus
    this.bdf = bdf
    this.memory = memory
    this.abar = (bus.config32(bdf, 0x24) & 0xfffffff0) >>> 0
  }

  get(offset: number): number {
    return this.bus.read32(this.abar + offset)
  }
  set(offset: number, value: number): void {
    this.bus.write32(this.abar + offset, value >>> 0)
  }
  port(offset: number): number {
    return this.get(this.#portAt + offset)
  }
  setPort(offset: number, value: number): void {
    this.set(this.#portAt + offset, value)
  }

  /** GHC.HR, then GHC.AE (section 10.4.3). */
  resetHba(): void {
    this.set(0x04, 1)
    this.waitUntil('GHC.HR reads 0', () => (this.get(0x04) & 1) === 0)
    this.set(0x04, 0x80000000)
  }

  /** Section 10.1.2: addresses, FRE, device ready, ST. */
  startPort(): void {
    this.set(0x04, 0x80000000)
    const high = Math.floor(this.memory / 2 ** 32)
    this.setPort(0x00, this.memory % 2 ** 32)
    this.setPort(0x04, high)
    this.setPort(0x08, (this.memory + 0x400) % 2 ** 32)
    this.setPort(0x0c, high)
    this.waitUntil('PxSSTS.DET reads 3', () => (this.port(0x28) & 0xf) === 3)
    this.setPort(0x18, this.port(0x18) | 0x10)
    this.waitUntil('PxTFD.STS is not busy', () => (this.port(0x20) & 0x88) === 0)
    this.setPort(0x30, 0xffffffff)
    this.setPort(0x10, 0xffffffff)
    this.setPort(0x18, this.port(0x18) | 1)
  }

  /** ST to 0, CR to 0 within half a second (section 10.3.2). */
  stopPort(): void {
    this.setPort(0x18, this.port(0x18) & ~1)
    this.waitUntil('PxCMD.CR reads 0', () => (this.port(0x18) & 0x8000) === 0)
  }

  /** Section 10.4.2. */
  comreset(): void {
    this.setPort(0x2c, 1)
    this.bus.stall(1000)
    this.setPort(0x2c, 0)
    this.waitUntil('PxSSTS.DET reads 3', () => (this.port(0x28) & 0xf) === 3)
    this.setPort(0x30, 0xffffffff)
    this.waitUntil('PxTFD.STS is not busy', () => (this.port(0x20) & 0x88) === 0)
  }

  /** Error recovery without COMRESET (section 6.2.2.1). */
  recover(): void {
    this.stopPort()
    this.setPort(0x30, 0xffffffff)
    this.setPort(0x10, 0xffffffff)
    this.setPort(0x18, this.port(0x18) | 1)
  }

  /** Writes header, table and register FIS of a slot; issues nothing. */
  prepare(slot: number, command: RawCommand): void {
    const { lba = 0, count = 0, features = 0, device = 0x40, segments = [] } = command
    const fis = new Uint8Array(20)
    fis.set([0x27, 0x80, command.command, features & 0xff])
    fis.set([lba & 0xff, (lba >>> 8) & 0xff, (lba >>> 16) & 0xff, device], 4)
    const high = Math.floor(lba / 2 ** 24)
    fis.set([high & 0xff, (high >>> 8) & 0xff, (high >>> 16) & 0xff, features >>> 8], 8)
    fis.set([count & 0xff, count >>> 8], 12)
    this.prepareFis(slot, fis, (command.isWrite === true ? 0x40 : 0) | 5, segments)
  }

  prepareFis(slot: number, fis: Uint8Array, flags: number, segments: readonly RawSegment[] = []): void {
    const table = this.memory + 0x800 + slot * TABLE_BYTES
    const header = new DataView(new ArrayBuffer(32))
    header.setUint32(0, flags | (segments.length << 16), true)
    header.setUint32(8, table % 2 ** 32, true)
    header.setUint32(12, Math.floor(table / 2 ** 32), true)
    this.bus.writeRam(this.memory + slot * 32, new Uint8Array(header.buffer))
    const bytes = new DataView(new ArrayBuffer(0x80 + segments.length * 16))
    new Uint8Array(bytes.buffer).set(fis)
    segments.forEach(({ at, byteLength }, index) => {
      const entry = 0x80 + index * 16
      bytes.setUint32(entry, at % 2 ** 32, true)
      bytes.setUint32(entry + 4, Math.floor(at / 2 ** 32), true)
      bytes.setUint32(entry + 12, byteLength - 1, true)
    })
    this.bus.writeRam(table, new Uint8Array(bytes.buffer))
  }

  /** Queued commands set PxSACT first (section 5.6.4.1). */
  issue(slots: number, queued = false): void {
    if (queued) this.setPort(0x34, slots)
    this.setPort(0x38, slots)
  }

  /** Issues one command and waits for its end; PxTFD when it ended. */
  run(slot: number, command: RawCommand): number {
    this.prepare(slot, command)
    this.issue(1 << slot)
    this.waitUntil(
      `command 0x${command.command.toString(16)} ends`,
      () => (this.port(0x38) & (1 << slot)) === 0 || (this.port(0x10) & 0x78000000) !== 0,
    )
    return this.port(0x20)
  }

  received(offset: number, byteLength: number): Uint8Array {
    const bytes = new Uint8Array(byteLength)
    this.bus.readRam(this.memory + 0x400 + offset, bytes)
    return bytes
  }

  waitUntil(what: string, isSo: () => boolean): void {
    for (let tries = 0; tries < 2000; tries++) {
      if (isSo()) return
      this.bus.stall(500)
    }
    throw new Error(`timed out while waiting until ${what}`)
  }
}
