// Choices that look arbitrary and are the same for the same seed: identifiers of the disk, the shape of the page file.
// Mulberry32 (Tommy Ettinger, public domain): a counter with an integer finaliser, 2^32 long.

export class SeededRandom {
  #state: number

  /** `stream` separates users of one seed. */
  constructor(seed: number, stream: number) {
    this.#state = (Math.imul(seed, 0x9e3779b1) + Math.imul(stream, 0x85ebca6b)) | 0
  }

  u32(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }

  /** 0 .. limit-1 */
  below(limit: number): number {
    return Math.floor((this.u32() / 2 ** 32) * limit)
  }

  /** A version 4 UUID in the mixed byte order of GPT and COM. */
  guid(): Uint8Array {
    const bytes = new Uint8Array(16)
    for (let i = 0; i < 16; i++) bytes[i] = this.below(256)
    bytes[7] = (bytes[7]! & 0x0f) | 0x40
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    return bytes
  }

  /** The numbers 0 .. count-1 in an order that is never the ascending one (for two and more). */
  shuffled(count: number): number[] {
    const order = Array.from({ length: count }, (_, index) => index)
    for (let i = count - 1; i > 0; i--) {
      const j = this.below(i + 1)
      ;[order[i], order[j]] = [order[j]!, order[i]!]
    }
    if (order.every((value, index) => value === index)) order.reverse()
    return order
  }
}

/** `EBD0A0A2-B9E5-4433-87C0-68B6B72699C7`, as tools print a GUID. */
export function guidText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16)
  const hexDigits = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
  const tail = Array.from(bytes.subarray(10, 16), (byte) => hexDigits(byte, 2)).join('')
  return [
    hexDigits(view.getUint32(0, true), 8),
    hexDigits(view.getUint16(4, true), 4),
    hexDigits(view.getUint16(6, true), 4),
    hexDigits(view.getUint16(8, false), 4),
    tail,
  ]
    .join('-')
    .toUpperCase()
}
