// Guest memory by virtual address, through the processor's page tables: what import calls read and write for their callers.
// An address that is not mapped faults as it would in the export that touches it.
import { type Gva, gva, PAGE_SIZE } from '@dumpstack/bytes'
import type { Cpu } from '@dumpstack/machine'
import { type FaultAccess, GuestFault } from '../guest-fault.ts'

const MAXIMUM_STRING = 1024

export class GuestMemory {
  readonly #cpu: Cpu
  readonly #bytes = new Uint8Array(8)
  readonly #view = new DataView(this.#bytes.buffer)
  readonly #one = this.#bytes.subarray(0, 1)
  readonly #two = this.#bytes.subarray(0, 2)
  readonly #four = this.#bytes.subarray(0, 4)
  readonly #driver: () => string

  /** `driver` names who is blamed for a fault. */
  constructor(cpu: Cpu, driver: () => string) {
    this.#cpu = cpu
    this.#driver = driver
  }

  read(va: Gva, into: Uint8Array): void {
    const done = this.#cpu.read(va, into)
    if (done < into.byteLength) this.#fault('read', va, done)
  }

  write(va: Gva, from: Uint8Array): void {
    const done = this.#cpu.write(va, from)
    if (done < from.byteLength) this.#fault('write', va, done)
  }

  /** Fresh bytes; `byteLength` is bounded by its caller. */
  bytes(va: Gva, byteLength: number): Uint8Array {
    const bytes = new Uint8Array(byteLength)
    this.read(va, bytes)
    return bytes
  }

  u8(va: Gva): number {
    this.read(va, this.#one)
    return this.#bytes[0]!
  }

  u16(va: Gva): number {
    this.read(va, this.#two)
    return this.#view.getUint16(0, true)
  }

  u32(va: Gva): number {
    this.read(va, this.#four)
    return this.#view.getUint32(0, true)
  }

  u64(va: Gva): bigint {
    this.read(va, this.#bytes)
    return this.#view.getBigUint64(0, true)
  }

  setU8(va: Gva, value: number): void {
    this.#bytes[0] = value
    this.write(va, this.#one)
  }

  setU16(va: Gva, value: number): void {
    this.#view.setUint16(0, value, true)
    this.write(va, this.#two)
  }

  setU32(va: Gva, value: number): void {
    this.#view.setUint32(0, value, true)
    this.write(va, this.#four)
  }

  setU64(va: Gva, value: bigint): void {
    this.#view.setBigUint64(0, value, true)
    this.write(va, this.#bytes)
  }

  /** A string up to its NUL, at most 1024 bytes of it, as Latin-1. */
  string(va: Gva): string {
    let text = ''
    while (text.length < MAXIMUM_STRING) {
      const at = gva(va + BigInt(text.length))
      const part = new Uint8Array(
        Math.min(PAGE_SIZE - (Number(at & 0xfffn) % PAGE_SIZE), MAXIMUM_STRING - text.length),
      )
      this.read(at, part)
      const end = part.indexOf(0)
      text += String.fromCharCode(...(end < 0 ? part : part.subarray(0, end)))
      if (end >= 0) break
    }
    return text
  }

  #fault(access: FaultAccess, va: Gva, done: number): never {
    throw new GuestFault(this.#driver(), access, gva(va + BigInt(done)))
  }
}
