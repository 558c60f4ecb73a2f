// The small world of this room's tests: 8 MiB of RAM from address 0, two device registers, a clock that only code and the
// test move. What a machine does besides is tested where machines are made.
import { type Gpa, Interrupted, type PageRun, type Pfn, pfn } from '@dumpstack/bytes'
import type { CpuBus, CpuRam, CpuWorld, StoreGuards } from './world.ts'

const RAM_BYTES = 8 * 2 ** 20
/** A device's only register: it keeps what is written. */
export const REGISTER_GPA = 0xe0000004
export const REGISTER_PORT = 0xcf8

export class TestRam implements CpuRam {
  readonly runs: readonly PageRun[] = [{ basePage: pfn(0), pageCount: RAM_BYTES / 4096 }]
  generation = 0
  readonly guards: StoreGuards = { has: () => false, stored: () => undefined }
  readonly #bytes = new Uint8Array(RAM_BYTES)
  readonly #watched = new Map<number, () => void>()

  has(gpa: Gpa, length: number): boolean {
    return gpa >= 0 && gpa + length <= RAM_BYTES
  }
  read(gpa: Gpa, into: Uint8Array): number {
    const found = this.#bytes.subarray(gpa, gpa + into.byteLength)
    into.set(found)
    return found.byteLength
  }
  write(gpa: Gpa, from: Uint8Array): void {
    new Uint8Array(this.view(gpa, from.byteLength).buffer, gpa, from.byteLength).set(from)
  }
  u32(gpa: Gpa): number {
    return this.#look(gpa, 4).getUint32(0, true)
  }
  u64(gpa: Gpa): bigint {
    return this.#look(gpa, 8).getBigUint64(0, true)
  }
  setU32(gpa: Gpa, value: number): void {
    this.view(gpa, 4).setUint32(0, value, true)
  }
  setU64(gpa: Gpa, value: bigint): void {
    this.view(gpa, 8).setBigUint64(0, value, true)
  }
  span(gpa: Gpa, length: number): Uint8Array {
    return this.#bytes.subarray(gpa, gpa + length)
  }
  view(gpa: Gpa, length: number): DataView {
    for (let page = Math.floor(gpa / 4096); page * 4096 < gpa + length; page++) {
      const changed = this.#watched.get(page)
      this.#watched.delete(page)
      changed?.()
    }
    return this.#look(gpa, length)
  }
  watch(page: Pfn, changed: () => void): void {
    this.#watched.set(page, changed)
  }

  #look(gpa: Gpa, length: number): DataView {
    return new DataView(this.#bytes.buffer, gpa, length)
  }
}

/** One register of 32 bits, in memory and as a port; all else reads as ones. */
class TestBus implements CpuBus {
  #register = 0
  readonly #get = (at: number): number =>
    at === REGISTER_GPA || at === REGISTER_PORT ? this.#register : 0xffffffff
  readonly #set = (at: number, value: number): void => {
    if (at === REGISTER_GPA || at === REGISTER_PORT) this.#register = value
  }
  readonly read32 = this.#get
  readonly in32 = this.#get
  readonly read16 = (at: number): number => this.#get(at) & 0xffff
  readonly in16 = this.read16
  readonly read8 = (at: number): number => this.#get(at) & 0xff
  readonly in8 = this.read8
  readonly write32 = this.#set
  readonly write16 = this.#set
  readonly write8 = this.#set
  readonly out32 = this.#set
  readonly out16 = this.#set
  readonly out8 = this.#set
}

export class TestWorld implements CpuWorld {
  readonly ram = new TestRam()
  readonly bus = new TestBus()
  readonly seed = 1
  nowNs = 0
  deviceWork = 0
  readonly #stopFlag: Int32Array

  constructor(stopFlag: Int32Array) {
    this.#stopFlag = stopFlag
  }

  elapse(nanoseconds: number): void {
    this.nowNs += nanoseconds
  }
  checkStop(): void {
    if (this.#stopFlag[0] !== 0) throw new Interrupted()
  }
}
