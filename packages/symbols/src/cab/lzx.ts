// LZX as cabinets use it ([MS-PATCH] section 2 and Microsoft's LZX format in the Cabinet SDK, with the known errata of its
// text: the aligned offset code comes first, and the last ten bytes of a frame keep their calls).
import { hex } from '@dumpstack/bytes'
import { SymbolsError } from '../errors.ts'
import { LzxBits, LzxCode } from './lzx-bits.ts'

const MIN_WINDOW_BITS = 15
const MAX_WINDOW_BITS = 21
const LITERALS = 256
const LENGTH_SYMBOLS = 249
const PRETREE_SYMBOLS = 20
const ALIGNED_SYMBOLS = 8
const MIN_MATCH = 2
const PRIMARY_LENGTHS = 7
const BLOCK_VERBATIM = 1
const BLOCK_ALIGNED = 2
const BLOCK_UNCOMPRESSED = 3
/** Calls are translated in the first 32768 frames only, and not in the last ten bytes of one. */
const TRANSLATED_FRAMES = 32768
const TRANSLATION_TAIL = 10

/** Bits that follow a slot, and the first offset that it stands for, 2 more than the distance. */
const EXTRA_BITS: number[] = []
const POSITION_BASE: number[] = []
for (let slot = 0, base = 0; base < 1 << MAX_WINDOW_BITS; slot++) {
  EXTRA_BITS[slot] = slot < 4 ? 0 : Math.min((slot >> 1) - 1, 17)
  POSITION_BASE[slot] = base
  base += 1 << EXTRA_BITS[slot]!
}

export class LzxDecoder {
  readonly #window: Uint8Array
  readonly #mainLengths: Uint8Array
  readonly #lengthLengths = new Uint8Array(LENGTH_SYMBOLS)
  readonly #recent: [number, number, number] = [1, 1, 1]
  #bits = new LzxBits(new Uint8Array(0), '')
  #place = ''
  #mainCode: LzxCode | null = null
  #lengthCode: LzxCode | null = null
  #alignedCode: LzxCode | null = null
  #blockType = 0
  #blockLeft = 0
  /** An uncompressed block of odd length is followed by a byte of padding. */
  #padsBlock = false
  #written = 0
  #frames = 0
  /** Size that calls are translated by; 0 for none. */
  #translationBytes = 0

  constructor(windowBits: number, origin: string) {
    if (windowBits < MIN_WINDOW_BITS || windowBits > MAX_WINDOW_BITS) {
      throw new SymbolsError(
        'SYMBOLS_DAMAGED',
        `${origin}: an LZX window of 2^${windowBits} bytes, expected 2^${MIN_WINDOW_BITS} to 2^${MAX_WINDOW_BITS}`,
      )
    }
    this.#window = new Uint8Array(1 << windowBits)
    const slots = POSITION_BASE.findIndex((base) => base >= this.#window.length)
    this.#mainLengths = new Uint8Array(LITERALS + (slots < 0 ? POSITION_BASE.length : slots) * 8)
  }

  /** Expands one data block, which is one frame: it starts at a whole word and has no more than 32 KiB. */
  frame(packed: Uint8Array, byteLength: number, place: string): Uint8Array {
    this.#bits = new LzxBits(packed, place)
    this.#place = place
    if (this.#frames === 0 && this.#bits.read(1) === 1) {
      this.#translationBytes = ((this.#bits.read(16) << 16) | this.#bits.read(16)) >>> 0
    }
    const start = this.#written
    const end = start + byteLength
    while (this.#written < end) {
      if (this.#blockLeft === 0) this.#startBlock()
      const part = Math.min(this.#blockLeft, end - this.#written)
      const before = this.#written
      if (this.#blockType === BLOCK_UNCOMPRESSED) this.#copyRaw(part)
      else this.#decode(before + part)
      this.#blockLeft -= this.#written - before
      if (this.#blockLeft === 0 && this.#padsBlock && this.#bits.hasMore) this.#skipPadding()
      this.#bits.check()
    }
    const frame = this.#translated(this.#copyOut(start, byteLength), start)
    this.#frames++
    return frame
  }

  #startBlock(): void {
    const bits = this.#bits
    if (this.#padsBlock) this.#skipPadding()
    this.#blockType = bits.read(3)
    this.#blockLeft = bits.read(24)
    bits.check()
    switch (this.#blockType) {
      case BLOCK_ALIGNED: {
        const lengths = new Uint8Array(ALIGNED_SYMBOLS)
        for (let i = 0; i < ALIGNED_SYMBOLS; i++) lengths[i] = bits.read(3)
        this.#alignedCode = new LzxCode(lengths, 'aligned offset code', this.#place)
        this.#readCodes()
        break
      }
      case BLOCK_VERBATIM:
        this.#readCodes()
        break
      case BLOCK_UNCOMPRESSED: {
        bits.alignForRaw()
        const raw = bits.raw(12)
        const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
        for (let i = 0; i < 3; i++) this.#recent[i] = view.getUint32(i * 4, true)
        this.#padsBlock = (this.#blockLeft & 1) === 1
        break
      }
      default:
        throw this.#damaged(`LZX block type ${this.#blockType}, expected 1 to 3`)
    }
  }

  /** It stands in the next frame when the block filled this one to the last byte. */
  #skipPadding(): void {
    this.#bits.raw(1)
    this.#padsBlock = false
  }

  #readCodes(): void {
    this.#readLengths(this.#mainLengths, 0, LITERALS)
    this.#readLengths(this.#mainLengths, LITERALS, this.#mainLengths.length)
    this.#readLengths(this.#lengthLengths, 0, LENGTH_SYMBOLS)
    this.#mainCode = new LzxCode(this.#mainLengths, 'main code', this.#place)
    this.#lengthCode = new LzxCode(this.#lengthLengths, 'length code', this.#place)
  }

  /** Lengths are written as differences to those of the block before, through a code of their own. */
  #readLengths(lengths: Uint8Array, from: number, to: number): void {
    const bits = this.#bits
    const own = new Uint8Array(PRETREE_SYMBOLS)
    for (let i = 0; i < PRETREE_SYMBOLS; i++) own[i] = bits.read(4)
    const code = new LzxCode(own, 'code of lengths', this.#place)
    for (let i = from; i < to; ) {
      const symbol = this.#symbol(code, 'code of lengths')
      let run = 1
      let length = 0
      if (symbol === 17) run = 4 + bits.read(4)
      else if (symbol === 18) run = 20 + bits.read(5)
      else if (symbol === 19) {
        run = 4 + bits.read(1)
        length = this.#nextLength(lengths[i]!, this.#symbol(code, 'code of lengths'))
      } else length = this.#nextLength(lengths[i]!, symbol)
      if (i + run > to) throw this.#damaged(`a run of ${run} code lengths leaves the ${to} that there are`)
      lengths.fill(length, i, i + run)
      i += run
      bits.check()
    }
  }

  #nextLength(before: number, difference: number): number {
    if (difference > 16) throw this.#damaged(`a code length differs by ${difference}, expected at most 16`)
    return (before - difference + 17) % 17
  }

  /** Literals and matches up to `end`; a match never crosses the end of a block or frame. */
  #decode(end: number): void {
    const window = this.#window
    const mask = window.length - 1
    const mainCode = this.#mainCode
    if (mainCode === null) throw this.#damaged('an LZX block goes on that never began')
    while (this.#written < end) {
      const symbol = this.#symbol(mainCode, 'main code')
      if (symbol < LITERALS) {
        window[this.#written++ & mask] = symbol
        continue
      }
      const slot = (symbol - LITERALS) >>> 3
      let length = (symbol - LITERALS) & 7
      if (length === PRIMARY_LENGTHS) length += this.#lengthSymbol()
      length += MIN_MATCH
      const offset = this.#offset(slot)
      if (offset > this.#written || offset > window.length || offset === 0) {
        throw this.#damaged(
          `a match reaches ${hex(offset)} bytes back, of ${hex(this.#written)} in a window of ${hex(window.length)}`,
        )
      }
      if (this.#written + length > end) throw this.#damaged('a match crosses the end of its block or frame')
      for (let i = 0; i < length; i++, this.#written++) {
        window[this.#written & mask] = window[(this.#written - offset) & mask]!
      }
    }
  }

  #lengthSymbol(): number {
    if (this.#lengthCode === null) throw this.#damaged('a match needs a length code, there is none')
    return this.#symbol(this.#lengthCode, 'length code')
  }

  /** The three offsets used last have slots of their own. */
  #offset(slot: number): number {
    const recent = this.#recent
    if (slot < 3) {
      const offset = recent[slot]!
      recent[slot] = recent[0]
      recent[0] = offset
      return offset
    }
    const offset = POSITION_BASE[slot]! - 2 + this.#footer(EXTRA_BITS[slot]!)
    recent[2] = recent[1]
    recent[1] = recent[0]
    recent[0] = offset
    return offset
  }

  #footer(extraBits: number): number {
    if (this.#blockType !== BLOCK_ALIGNED || extraBits < 3) return this.#bits.read(extraBits)
    if (this.#alignedCode === null) throw this.#damaged('a match needs an aligned offset code, there is none')
    const high = this.#bits.read(extraBits - 3) << 3
    return high + this.#symbol(this.#alignedCode, 'aligned offset code')
  }

  #symbol(code: LzxCode, what: string): number {
    const symbol = code.read(this.#bits)
    if (symbol < 0) throw this.#damaged(`the ${what} has no words but is used`)
    return symbol
  }

  #copyRaw(byteLength: number): void {
    const mask = this.#window.length - 1
    for (const byte of this.#bits.raw(byteLength)) this.#window[this.#written++ & mask] = byte
  }

  #copyOut(start: number, byteLength: number): Uint8Array {
    const out = new Uint8Array(byteLength)
    const at = start & (this.#window.length - 1)
    const first = this.#window.subarray(at, at + byteLength)
    out.set(first)
    out.set(this.#window.subarray(0, byteLength - first.byteLength), first.byteLength)
    return out
  }

  /** Calls of x86 code were stored with absolute targets: makes them relative again. */
  #translated(frame: Uint8Array, start: number): Uint8Array {
    const size = this.#translationBytes
    if (size === 0 || this.#frames >= TRANSLATED_FRAMES || frame.byteLength <= TRANSLATION_TAIL) return frame
    const view = new DataView(frame.buffer)
    for (let i = 0; i < frame.byteLength - TRANSLATION_TAIL; i++) {
      if (frame[i] !== 0xe8) continue
      const absolute = view.getInt32(i + 1, true)
      const position = start + i
      if (absolute >= -position && absolute < size) {
        view.setInt32(i + 1, absolute >= 0 ? absolute - position : absolute + size, true)
      }
      i += 4
    }
    return frame
  }

  #damaged(text: string): SymbolsError {
    return new SymbolsError('SYMBOLS_DAMAGED', `${this.#place}: ${text}`)
  }
}
