// An LZX encoder for tests, written from Microsoft's format description and sharing nothing with the decoder. It seeks
// variety rather than size: lopsided codes, runs in the code lengths, recent offsets, all three kinds of block.

export interface LzxOptions {
  readonly windowBits: number
  /** Kinds of block, taken in turn, and the bytes of each. */
  readonly blocks: readonly { readonly type: 'verbatim' | 'aligned' | 'raw'; readonly byteLength: number }[]
  /** Translates x86 calls as for a file of this size. */
  readonly translationSize?: number
}

const FRAME = 32768
const zeros = (length: number): number[] => Array.from({ length }, () => 0)

class BitWriter {
  readonly bytes: number[] = []
  #word = 0
  #used = 0
  put(value: number, count: number): void {
    for (let i = count - 1; i >= 0; i--) {
      this.#word = (this.#word << 1) | (Math.floor(value / 2 ** i) & 1)
      if (++this.#used === 16) this.#flush()
    }
  }
  align(always: boolean): void {
    if (this.#used === 0 && always) this.put(0, 16)
    while (this.#used !== 0) this.put(0, 1)
  }
  #flush(): void {
    this.bytes.push(this.#word & 0xff, (this.#word >> 8) & 0xff)
    this.#word = 0
    this.#used = 0
  }
}

interface Code {
  readonly lengths: number[]
  readonly words: number[]
}

/** The most frequent symbols get words of 1, 2, ... bits, the others share what is left evenly. */
function makeCode(frequencies: readonly number[], unary: number): Code {
  const used = frequencies.map((_, symbol) => symbol).filter((symbol) => frequencies[symbol]! > 0)
  for (let filler = 0; used.length === 1; filler++) if (!used.includes(filler)) used.push(filler)
  used.sort((a, b) => frequencies[b]! - frequencies[a]! || a - b)
  const lengths = frequencies.map(() => 0)
  const prefix = Math.min(unary, Math.max(0, used.length - 2))
  used.slice(0, prefix).forEach((symbol, i) => {
    lengths[symbol] = i + 1
  })
  const rest = used.slice(prefix)
  const bits = Math.ceil(Math.log2(Math.max(rest.length, 1)))
  const short = 2 ** bits - rest.length
  rest.forEach((symbol, i) => {
    lengths[symbol] = prefix + (i < short ? bits - 1 : bits)
  })
  const words = frequencies.map(() => 0)
  let next = 0
  for (let length = 1; length <= 16; length++) {
    lengths.forEach((own, symbol) => {
      if (own === length) words[symbol] = next++
    })
    next *= 2
  }
  return { lengths, words }
}

/** Code lengths as differences to the ones before, with the three kinds of runs. */
function putLengths(bits: BitWriter, lengths: readonly number[], before: readonly number[]): void {
  const tokens: { symbol: number; extra?: [number, number]; second?: number }[] = []
  for (let i = 0; i < lengths.length; ) {
    let run = 1
    while (i + run < lengths.length && lengths[i + run] === lengths[i]) run++
    const difference = (before[i]! - lengths[i]! + 17) % 17
    if (lengths[i] === 0 && run >= 20) {
      run = Math.min(run, 51)
      tokens.push({ symbol: 18, extra: [run - 20, 5] })
    } else if (lengths[i] === 0 && run >= 4) {
      run = Math.min(run, 19)
      tokens.push({ symbol: 17, extra: [run - 4, 4] })
    } else if (run >= 4) {
      run = Math.min(run, 5)
      tokens.push({ symbol: 19, extra: [run - 4, 1], second: difference })
    } else {
      run = 1
      tokens.push({ symbol: difference })
    }
    i += run
  }
  const frequencies = zeros(20)
  for (const { symbol, second } of tokens) {
    frequencies[symbol]!++
    if (second !== undefined) frequencies[second]!++
  }
  const code = makeCode(frequencies, 2)
  for (const length of code.lengths) bits.put(length, 4)
  for (const { symbol, extra, second } of tokens) {
    bits.put(code.words[symbol]!, code.lengths[symbol]!)
    if (extra) bits.put(...extra)
    if (second !== undefined) bits.put(code.words[second]!, code.lengths[second]!)
  }
}

/** First offset of each slot as the format description lists them: 0, 1, 2, 3, 4, 6, 8, 12, ... */
function slotOf(formatted: number): { slot: number; extra: number; base: number } {
  if (formatted < 4) return { slot: formatted, extra: 0, base: formatted }
  if (formatted >= 0x40000) {
    return { slot: 34 + Math.floor(formatted / 0x20000), extra: 17, base: formatted & ~0x1ffff }
  }
  const top = 31 - Math.clz32(formatted)
  const half = (formatted >> (top - 1)) & 1
  return { slot: top * 2 + half, extra: top - 1, base: (2 + half) << (top - 1) }
}

interface Token {
  readonly main: number
  readonly length?: number
  readonly footer?: { readonly value: number; readonly extra: number }
}

export class LzxEncoder {
  readonly #options: LzxOptions
  readonly #data: Uint8Array
  readonly #recent = [1, 1, 1]
  readonly #chains = new Map<number, number>()
  #mainBefore: number[]
  #lengthBefore: number[] = zeros(249)

  constructor(data: Uint8Array, options: LzxOptions) {
    this.#options = options
    this.#data = Uint8Array.from(data)
    const slots = { 15: 30, 16: 32, 17: 34, 18: 36, 19: 38, 20: 42, 21: 50 }[options.windowBits]
    if (slots === undefined) throw new Error('window bits from 15 to 21')
    this.#mainBefore = zeros(256 + slots * 8)
    if (options.translationSize !== undefined) this.#translate(options.translationSize)
  }

  /** The frames of the whole input; blocks end at frames. */
  frames(): Uint8Array[] {
    const frames: Uint8Array[] = []
    let turn = 0
    for (let start = 0; start < this.#data.length; start += FRAME) {
      const bits = new BitWriter()
      if (start === 0) {
        const size = this.#options.translationSize
        bits.put(size === undefined ? 0 : 1, 1)
        if (size !== undefined) bits.put(size, 32)
      }
      const end = Math.min(start + FRAME, this.#data.length)
      for (let at = start; at < end; ) {
        const { type, byteLength } = this.#options.blocks[turn++ % this.#options.blocks.length]!
        const to = Math.min(at + byteLength, end)
        bits.put({ verbatim: 1, aligned: 2, raw: 3 }[type], 3)
        bits.put(to - at, 24)
        if (type === 'raw') this.#putRaw(bits, at, to)
        else this.#putTokens(bits, this.#tokens(at, to), type === 'aligned')
        at = to
      }
      bits.align(false)
      frames.push(Uint8Array.from(bits.bytes))
    }
    return frames
  }

  #putRaw(bits: BitWriter, from: number, to: number): void {
    bits.align(true)
    for (const offset of this.#recent) {
      for (let i = 0; i < 4; i++) bits.bytes.push((offset >>> (i * 8)) & 0xff)
    }
    for (let i = from; i < to; i++) bits.bytes.push(this.#data[i]!)
    if ((to - from) % 2 === 1) bits.bytes.push(0)
  }

  #putTokens(bits: BitWriter, tokens: readonly Token[], isAligned: boolean): void {
    const main = this.#mainBefore.map(() => 0)
    const lengths = zeros(249)
    const aligned = zeros(8)
    const usesAligned = ({ footer }: Token): boolean => isAligned && footer !== undefined && footer.extra >= 3
    for (const token of tokens) {
      main[token.main]!++
      if (token.length !== undefined) lengths[token.length]!++
      if (usesAligned(token)) aligned[token.footer!.value & 7]!++
    }
    const mainCode = makeCode(main, 5)
    const lengthCode = makeCode(lengths, 3)
    const alignedCode = makeCode(aligned, 1)
    if (isAligned) for (const length of alignedCode.lengths) bits.put(length, 3)
    putLengths(bits, mainCode.lengths.slice(0, 256), this.#mainBefore.slice(0, 256))
    putLengths(bits, mainCode.lengths.slice(256), this.#mainBefore.slice(256))
    putLengths(bits, lengthCode.lengths, this.#lengthBefore)
    this.#mainBefore = mainCode.lengths
    this.#lengthBefore = lengthCode.lengths
    for (const token of tokens) {
      bits.put(mainCode.words[token.main]!, mainCode.lengths[token.main]!)
      if (token.length !== undefined) {
        bits.put(lengthCode.words[token.length]!, lengthCode.lengths[token.length]!)
      }
      if (token.footer === undefined) continue
      const { value, extra } = token.footer
      if (usesAligned(token)) {
        bits.put(value >> 3, extra - 3)
        bits.put(alignedCode.words[value & 7]!, alignedCode.lengths[value & 7]!)
      } else bits.put(value, extra)
    }
  }

  #tokens(from: number, to: number): Token[] {
    const tokens: Token[] = []
    for (let at = from; at < to; ) {
      const match = this.#match(at, to)
      if (match === null) tokens.push({ main: this.#data[at]! })
      else tokens.push(this.#matchToken(match.offset, match.length))
      const next = at + (match?.length ?? 1)
      for (; at < next; at++) this.#chains.set(this.#key(at), at)
    }
    return tokens
  }

  #matchToken(offset: number, length: number): Token {
    const header = Math.min(length - 2, 7)
    const tail = header === 7 ? { length: length - 9 } : {}
    const known = this.#recent.indexOf(offset)
    if (known >= 0) {
      ;[this.#recent[0], this.#recent[known]] = [this.#recent[known]!, this.#recent[0]!]
      return { main: 256 + known * 8 + header, ...tail }
    }
    this.#recent.unshift(offset)
    this.#recent.pop()
    const { slot, extra, base } = slotOf(offset + 2)
    return { main: 256 + slot * 8 + header, ...tail, footer: { value: offset + 2 - base, extra } }
  }

  #match(at: number, to: number): { offset: number; length: number } | null {
    const latest = this.#chains.get(this.#key(at))
    const reach = 2 ** this.#options.windowBits - 3
    const offsets = [...this.#recent, ...(latest === undefined ? [] : [at - latest])]
    let best: { offset: number; length: number } | null = null
    for (const offset of offsets) {
      if (offset > at || offset > reach) continue
      let length = 0
      while (length < 257 && at + length < to && this.#data[at + length] === this.#data[at + length - offset])
        length++
      if (length >= 3 && length > (best?.length ?? 0)) best = { offset, length }
    }
    return best
  }

  #key(at: number): number {
    return (this.#data[at]! << 16) | ((this.#data[at + 1] ?? 0) << 8) | (this.#data[at + 2] ?? 0)
  }

  /** Relative targets of calls become absolute, frame by frame. */
  #translate(size: number): void {
    const view = new DataView(this.#data.buffer)
    for (let start = 0; start < this.#data.length; start += FRAME) {
      const end = Math.min(start + FRAME, this.#data.length)
      if (end - start <= 10) continue
      for (let at = start; at < end - 10; at++) {
        if (this.#data[at] !== 0xe8) continue
        const relative = view.getInt32(at + 1, true)
        if (relative >= -at && relative < size) {
          view.setInt32(at + 1, relative < size - at ? relative + at : relative - size, true)
        }
        at += 4
      }
    }
  }
}
