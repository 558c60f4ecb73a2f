// States to start a test from, as records of harness.s: registers with values at which things change, pointers that lead
// into windows (or, now and then, to where they must not), and whatever else a form needs to do its work.
import { FLAGS, type Need } from './forms.ts'
import {
  BRINK,
  CODE,
  CROSSING,
  KERNEL_CS,
  KERNEL_SS,
  LARGE,
  READ_ONLY,
  RESERVED,
  Record,
  SLOT_BYTES,
  STACK,
  USER_CODE,
  USER_CS,
  USER_SS,
  WINDOWS,
  type Window,
} from './layout.ts'
import { numberBits, type Random } from './random.ts'
import type { Memory, Snippet } from './snippets.ts'

const MASK64 = (1n << 64n) - 1n
const ABSENT = 0xfffff80012342000n
const NOT_CANONICAL = 0x8000123412341234n
const RAX = 0
const RCX = 1
const RDX = 2
const RSP = 4
const RBP = 5
const RSI = 6
const RDI = 7

class StateBuilder {
  readonly #random: Random
  readonly #view: DataView
  readonly #bytes: Uint8Array
  /** In ring 3 everything is where ring 3 may access it. */
  #isUser = false

  constructor(random: Random, record: Uint8Array) {
    this.#random = random
    this.#bytes = record
    this.#view = new DataView(record.buffer, record.byteOffset, record.byteLength)
  }

  #at = (window: Window) => (this.#isUser ? window.low : window.address)
  #gpr = (register: number) => this.#view.getBigUint64(register * 8, true)
  #setGpr = (register: number, value: bigint) => this.#view.setBigUint64(register * 8, value & MASK64, true)

  build(snippet: Snippet): void {
    const random = this.#random
    const view = this.#view
    this.#isUser = random.once(10) && !snippet.form.needs.includes('ringZero')
    for (let register = 0; register < 16; register++) this.#setGpr(register, random.value())
    this.#setGpr(
      RSP,
      this.#at(STACK) + 128n + BigInt(random.once(4) ? random.below(16) : 8 * random.below(4)),
    )
    view.setBigUint64(Record.rip, this.#isUser ? snippet.address - CODE + USER_CODE : snippet.address, true)
    view.setBigUint64(Record.cs, this.#isUser ? USER_CS : KERNEL_CS, true)
    view.setBigUint64(Record.ss, this.#isUser ? USER_SS : KERNEL_SS, true)
    view.setBigUint64(Record.rflags, BigInt(2 | (random.word() & FLAGS)), true)
    view.setUint32(Record.mxcsr, 0x1f80, true)
    for (let at = Record.xmm; at < Record.xmm + 256; at += 8) view.setBigUint64(at, random.value(), true)
    for (const window of WINDOWS) {
      for (let i = 0; i < window.byteLength; i += 8)
        view.setBigUint64(window.offset + i, random.value(), true)
    }
    const { memory, form } = snippet
    const target = memory === null || memory.fixedAt !== null ? null : this.#aim(memory, form.needs)
    for (const need of form.needs) this.#fulfil(need, snippet, target)
    if (memory !== null && target !== null) this.#point(memory, target)
  }

  /** An address for an operand of so many bytes. */
  #aim({ byteLength, is32Bit, index, base }: Memory, needs: readonly Need[]): bigint {
    const random = this.#random
    const address = (window: Window, at: number) => (is32Bit ? window.low : this.#at(window)) + BigInt(at)
    // an index alone reaches multiples of the scale
    const step = base === null ? 8 : random.once(3) ? 1 : Math.max(byteLength, 1)
    const within = (window: Window, limit: number) =>
      address(window, Math.floor(random.below(limit) / step) * step)
    if (needs.includes('bitOffset')) return address(CROSSING, 120 + 8 * random.below(2))
    if (needs.includes('aligned') && byteLength === 16)
      return address(random.pick([CROSSING, CROSSING, READ_ONLY, BRINK]), 16 * random.below(4))
    switch (random.below(24)) {
      case 0:
        return within(needs.includes('writable') ? LARGE : READ_ONLY, 48)
      case 1:
        return within(LARGE, 48)
      case 2: {
        // or beyond; of 16 bytes QEMU stores the first half before it finds the second one's page absent
        const at = random.below(64) & -step
        return address(BRINK, byteLength === 16 && at > 48 && at < 57 ? 48 : at)
      }
      case 3:
        return index !== null && base === null
          ? within(STACK, 64)
          : is32Bit
            ? 0x32000n
            : random.pick([ABSENT, ABSENT, ...RESERVED]) + BigInt(random.below(16))
      case 4:
        return is32Bit || (index !== null && base === null) ? within(BRINK, 48) : NOT_CANONICAL
      case 5:
      case 6:
        return address(
          CROSSING,
          base === null ? 120 : 129 - Math.max(byteLength, 1) + random.below(Math.max(byteLength - 1, 1)),
        )
      case 7:
        return within(STACK, 64)
      default:
        return within(CROSSING, 240)
    }
  }

  /** Makes base and index give the address. */
  #point({ base, index, scale, displacement, segmentBase, is32Bit }: Memory, target: bigint): void {
    const random = this.#random
    let rest = (target - segmentBase - BigInt(displacement)) & MASK64
    if (index !== null && base !== null) {
      const value = random.once(2) ? BigInt(random.below(64)) : random.value()
      this.#setGpr(index, value)
      rest = (rest - value * BigInt(scale)) & MASK64
    }
    if (is32Bit) rest = (random.word64() & ~0xffffffffn) | (rest & 0xffffffffn)
    if (base !== null) this.#setGpr(base, rest)
    else if (index !== null) {
      const high = random.word64() & (BigInt(scale) - 1n)
      this.#setGpr(index, rest / BigInt(scale) + (scale > 1 ? (high << 64n) / BigInt(scale) : 0n))
    }
  }

  #fulfil(need: Need, snippet: Snippet, target: bigint | null): void {
    const random = this.#random
    switch (need) {
      case 'shiftCount':
        this.#setGpr(
          RCX,
          (random.word64() & ~0xffn) |
            BigInt(random.pick([0, 1, 2, 5, 8, 9, 16, 17, 31, 32, 33, 63, 64, 200])),
        )
        return
      case 'singles':
        this.#fillNumbers(4, snippet.form.needs)
        return
      case 'doubles':
        this.#fillNumbers(8, snippet.form.needs)
        return
      case 'lengths':
        for (const register of [RAX, RDX]) {
          const length = BigInt(random.below(40) - 20)
          this.#setGpr(register, random.once(2) ? length : (random.word64() << 32n) | (length & 0xffffffffn))
        }
        return
      case 'smallElements':
        for (let i = 0; i < 256; i++) this.#bytes[Record.xmm + i] = random.once(10) ? 0 : 1 + random.below(3)
        return
      case 'field':
        this.#setGpr(RCX, (random.word64() & ~0xffffn) | BigInt(random.below(72) | (random.below(72) << 8)))
        return
      case 'loopCount':
        this.#setGpr(RCX, BigInt(random.below(6)) | (random.once(4) ? 0xff00000000n : 0n))
        return
      case 'iterations':
        this.#setGpr(RCX, BigInt(1 + random.below(6)))
        return
      case 'priority':
        this.#setGpr(RAX, BigInt(random.below(16)))
        return
      case 'frame':
        this.#setGpr(RBP, this.#at(STACK) + 64n + 8n * BigInt(random.below(12)))
        return
      case 'bitOffset':
        if (snippet.register !== null)
          this.#setGpr(
            snippet.register,
            (random.once(2) ? random.word64() << 32n : 0n) | BigInt(random.below(400)),
          )
        // 64-bit offsets have a sign, narrower ones take theirs from their own top bit
        if (snippet.register !== null && random.once(2))
          this.#setGpr(snippet.register, BigInt(random.below(800) - 400))
        return
      case 'dividend': {
        // small over anything: |rdx| below most divisors
        const sign = random.once(2)
        this.#setGpr(RDX, sign ? BigInt(random.below(3)) : BigInt(-1 - random.below(3)))
        if (random.once(2)) this.#setGpr(RAX, BigInt(random.below(0x8000)))
        return
      }
      case 'comparand':
        if (target === null) return
        for (const window of WINDOWS) {
          const at = Number(target - this.#at(window))
          if (at < 0 || at > window.byteLength - 16 || !random.once(2)) continue
          this.#setGpr(RAX, this.#view.getBigUint64(window.offset + at, true))
          this.#setGpr(RDX, this.#view.getBigUint64(window.offset + at + 8, true))
          if (snippet.memory?.byteLength === 8) this.#setGpr(RDX, this.#gpr(RAX) >> 32n)
        }
        return
      case 'strings': {
        this.#setGpr(RCX, BigInt(random.below(10)))
        const within = (windows: readonly Window[]) => {
          const window = random.pick(windows)
          return this.#at(window) + BigInt(random.below(window.byteLength))
        }
        // not both beyond the brink: which of two operands is accessed first is not specified
        const isSourceSafe = random.once(2)
        const safe = [CROSSING, STACK]
        this.#setGpr(RSI, within(isSourceSafe ? safe : [CROSSING, BRINK, READ_ONLY]))
        this.#setGpr(RDI, within(isSourceSafe ? [CROSSING, BRINK, READ_ONLY] : safe))
        if (isSourceSafe && random.once(2)) {
          this.#setGpr(RSI, within([CROSSING]))
          this.#setGpr(RDI, this.#gpr(RSI) + BigInt(random.below(17) - 8))
        }
        // equal runs, for the comparisons
        if (random.once(2)) {
          this.#bytes.fill(random.below(2), CROSSING.offset, CROSSING.offset + CROSSING.byteLength)
          if (random.once(2)) this.#setGpr(RAX, 0x0101010101010101n * BigInt(random.below(2)))
        }
        return
      }
      case 'target': {
        const code = this.#codeAddress()
        if (snippet.memory === null) {
          if (snippet.register !== null) this.#setGpr(snippet.register, code)
          return
        }
        for (const window of WINDOWS) {
          for (let i = 0; i < window.byteLength; i += 8)
            this.#view.setBigUint64(window.offset + i, code, true)
        }
        return
      }
      case 'returnAddress':
        this.#setGpr(RSP, this.#gpr(RSP) & ~7n)
        for (let i = 0; i < STACK.byteLength; i += 8)
          this.#view.setBigUint64(STACK.offset + i, this.#codeAddress(), true)
        return
      case 'interruptFrame': {
        this.#setGpr(RSP, this.#gpr(RSP) & ~7n)
        const toUser = random.once(2)
        const code = toUser ? USER_CODE : CODE
        const frame = [
          random.once(8) ? ABSENT : code + BigInt(random.below(64) * SLOT_BYTES + SLOT_BYTES - 1),
          toUser ? USER_CS : KERNEL_CS,
          random.word64() & BigInt(FLAGS),
          STACK.address + BigInt(random.below(256)),
          toUser ? USER_SS : KERNEL_SS,
        ]
        const at = STACK.offset + Number(this.#gpr(RSP) - this.#at(STACK))
        frame.forEach((value, i) => {
          this.#view.setBigUint64(at + i * 8, value, true)
        })
        return
      }
      case 'savedFlags':
        this.#setGpr(RSP, this.#gpr(RSP) & ~7n)
        for (let i = 0; i < STACK.byteLength; i += 8) {
          this.#view.setBigUint64(STACK.offset + i, random.word64() & BigInt(FLAGS), true)
        }
        return
      case 'mxcsr': {
        const { memory } = snippet
        const at = target ?? memory?.fixedAt ?? null
        for (const window of WINDOWS) {
          const offset =
            at === null ? -1 : Number(at - (memory?.is32Bit === true ? window.low : this.#at(window)))
          if (offset >= 0 && offset <= window.byteLength - 4) {
            this.#view.setUint32(window.offset + offset, random.word() & 0xffff, true)
          }
        }
        return
      }
      case 'aligned':
      case 'noNan':
      case 'ringZero':
      case 'writable':
      case 'notRipRelative':
        return // the aim is
    }
  }

  #fillNumbers(width: 4 | 8, needs: readonly Need[]): void {
    const random = this.#random
    const quiet = random.once(2) ? 0n : 1n
    const nan =
      width === 8
        ? (0x7ffn << 52n) | (quiet << 51n) | 0x1234567890n | (BigInt(random.below(2)) << 63n)
        : (0xffn << 23n) | (quiet << 22n) | 0x12345n | (BigInt(random.below(2)) << 31n)
    const fill = (start: number, byteLength: number): void => {
      for (let at = start; at < start + byteLength; at += width) {
        const bits = random.once(12) && !needs.includes('noNan') ? nan : numberBits(random, width)
        if (width === 8) this.#view.setBigUint64(at, bits, true)
        else this.#view.setUint32(at, Number(bits), true)
      }
    }
    fill(Record.xmm, 256)
    for (const window of WINDOWS) fill(window.offset, window.byteLength)
  }

  /** int3, mostly: after the end of some slot's code. */
  #codeAddress(): bigint {
    const random = this.#random
    if (random.once(12)) return NOT_CANONICAL
    if (random.once(12)) return CROSSING.address
    if (random.once(12)) return ABSENT
    return (
      (this.#isUser ? USER_CODE : CODE) +
      BigInt(random.below(64) * SLOT_BYTES + SLOT_BYTES - 1 - random.below(8))
    )
  }
}

/** Fills a record with a state for the snippet. */
export function fillState(random: Random, snippet: Snippet, record: Uint8Array): void {
  new StateBuilder(random, record).build(snippet)
}
