// Reading the target: numbers, pointers and strings at virtual addresses. What the dump does not hold is an error with
// its address, never zeros.
import { type Gva, gva, hex64 } from '@dumpstack/bytes'
import type { VirtualSpace } from '@dumpstack/dumpfile'
import { DebuggerError } from './errors.ts'

const REASONS: Readonly<Record<string, string>> = {
  notMapped: 'the address is not mapped',
  notInDump: 'the page is not in the dump',
  pagedOut: 'the page is in a page file',
  pastEnd: 'the dump file ends before the page',
}

export class TargetMemory {
  readonly space: VirtualSpace

  constructor(space: VirtualSpace) {
    this.space = space
  }

  /** The bytes from `address` on up to the first that is absent. */
  available(address: bigint, byteLength: number): Uint8Array {
    const bytes = new Uint8Array(byteLength)
    return bytes.subarray(0, this.space.read(gva(address), bytes))
  }

  /** Throws DebuggerError MEMORY_ABSENT unless all bytes are there. */
  bytes(address: bigint, byteLength: number): Uint8Array {
    const bytes = this.available(address, byteLength)
    if (bytes.byteLength === byteLength) return bytes
    const absent = gva(address + BigInt(bytes.byteLength))
    throw new DebuggerError(
      'MEMORY_ABSENT',
      `memory at ${hex64(absent)} cannot be read: ${this.why(absent)}`,
      {
        address: absent,
      },
    )
  }

  /** Why an address cannot be read, in words. */
  why(address: Gva): string {
    const absence = this.space.absence(address)
    return absence === null ? 'it is not in the dump' : REASONS[absence]!
  }

  u8(address: bigint): number {
    return this.bytes(address, 1)[0]!
  }
  u16(address: bigint): number {
    return this.#view(address, 2).getUint16(0, true)
  }
  u32(address: bigint): number {
    return this.#view(address, 4).getUint32(0, true)
  }
  u64(address: bigint): bigint {
    return this.#view(address, 8).getBigUint64(0, true)
  }

  /** Null where the address cannot be read. */
  tryU64(address: bigint): bigint | null {
    const bytes = this.available(address, 8)
    return bytes.byteLength < 8 ? null : new DataView(bytes.buffer).getBigUint64(0, true)
  }
  tryU32(address: bigint): number | null {
    const bytes = this.available(address, 4)
    return bytes.byteLength < 4 ? null : new DataView(bytes.buffer).getUint32(0, true)
  }

  /** ASCII up to a NUL, at most `limit` bytes; null where not even the first byte is there. */
  cString(address: bigint, limit: number): string | null {
    const bytes = this.available(address, limit)
    if (bytes.byteLength === 0) return null
    const end = bytes.indexOf(0)
    return String.fromCharCode(...bytes.subarray(0, end < 0 ? bytes.byteLength : end))
  }

  #view(address: bigint, byteLength: number): DataView {
    return new DataView(this.bytes(address, byteLength).buffer)
  }
}
