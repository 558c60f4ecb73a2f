// Guest memory by virtual address, through the processor's page tables: what import calls read and write for their callers.
// An address that is not mapped faults as it would in the export that touches it.
import { type Gva, gva, PAGE_SIZE } from '@dumpstack/bytes'
import type { Cpu } from '@dumpstack/cpu'
import { type FaultAccess, GuestFault } from '../guest-fault.ts'

/** In instructions: what an access takes of the host, of however few bytes; and how many bytes it moves in the time of one. */
const ACCESS_WORK = 4
const BYTES_PER_INSTRUCTION = 16
/** What a character takes that becomes text: some 20 ns. */
const CHARACTER_WORK = 1
/** Of text that a driver gives by address: more is the host's memory. */
const MAX_STRING = 0x1_0000

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
    this.#charge(into.byteLength)
    const done = this.#cpu.read(va, into)
    if (done < into.byteLength) this.#fault('read', va, done)
  }

  write(va: Gva, from: Uint8Array): void {
    this.#charge(from.byteLength)
    const done = this.#cpu.write(va, from)
    if (done < from.byteLength) this.#fault('write', va, done)
  }

  #charge(byteLength: number): void {
    this.#cpu.charge(ACCESS_WORK + Math.floor(byteLength / BYTES_PER_INSTRUCTION))
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

  /** Text up to its NUL, at most `maximum` characters of it, as Latin-1. */
  string(va: Gva, maximum: number = MAX_STRING): string {
    return this.#text(va, Math.min(maximum, MAX_STRING), 1, true)
  }

  /** UTF-16 up to its NUL, at most `maximum` characters of it. */
  wideString(va: Gva, maximum: number = MAX_STRING): string {
    return this.#text(va, Math.min(maximum, MAX_STRING), 2, true)
  }

  /** So many characters of UTF-16, NULs too. */
  utf16(va: Gva, length: number): string {
    return this.#text(va, Math.min(length, MAX_STRING), 2, false)
  }

  /** Page by page: what lies after the end may not be mapped. */
  #text(va: Gva, maximum: number, width: 1 | 2, endsAtNul: boolean): string {
    let text = ''
    while (text.length < maximum) {
      const at = gva(va + BigInt(text.length * width))
      const toPageEnd = Math.floor((PAGE_SIZE - Number(at & 0xfffn)) / width)
      // A character that lies across two pages comes alone.
      const part = new Uint8Array(width * Math.min(Math.max(toPageEnd, 1), maximum - text.length))
      this.read(at, part)
      this.#cpu.charge(CHARACTER_WORK * (part.length / width))
      const codes = width === 1 ? part : characters(part)
      const end = endsAtNul ? codes.indexOf(0) : -1
      text += String.fromCharCode(...(end < 0 ? codes : codes.subarray(0, end)))
      if (end >= 0) return text
    }
    return text
  }

  #fault(access: FaultAccess, va: Gva, done: number): never {
    throw new GuestFault(this.#driver(), access, gva(va + BigInt(done)))
  }
}

/** UTF-16 of the guest, at any address of the host. */
function characters(bytes: Uint8Array): Uint16Array {
  const codes = new Uint16Array(bytes.byteLength >> 1)
  for (let i = 0; i < codes.length; i++) codes[i] = bytes[2 * i]! | (bytes[2 * i + 1]! << 8)
  return codes
}
