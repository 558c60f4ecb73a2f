// Writes the source of one basic block: how operands are read and written, addresses made, flags kept. The forms of
// `forms/` say what an instruction does in these terms. Values of 8 and 16 bits are sign-extended 32-bit integers, of 64
// bits two of them. Only our own names and numbers enter the text.
import type { DecodedInstruction, ImmediateOperand, MemoryOperand, Operand } from '../decoder.ts'
import { Word } from '../state.ts'
import {
  adjustText,
  carryText,
  conditionText,
  type FlagSource,
  overflowText,
  type Value,
} from './conditions.ts'
import { FlagKeeper } from './flag-keeper.ts'
import { hotLoad, hotLoad64, hotStore } from './hot-access.ts'

/** A form was asked for operands that it does not know. */
export class NotImplemented extends Error {}

export type Form = (emit: Emitter, instruction: DecodedInstruction) => void

/** How a block's function came back: rip is set; nothing ran because too few instructions are left; the call is over. */
export const Exit = { next: 0, exhausted: 1, returned: 2 } as const

/** Where a value is: its address is worked out once. */
export interface Place {
  read(): Value
  write(value: Value): void
}

export const literal = (value: number): string => (value < 0 ? `(${value | 0})` : `${value | 0}`)
export const jumpText = (lo: number, hi: number): string =>
  `S[${Word.rip}]=${literal(lo)};S[${Word.rip + 1}]=${literal(hi)};`
const isLiteral = (text: string): boolean => /^(\d+|\(-\d+\))$/.test(text)
const zero: Value = { lo: '0', hi: '0' }

/**
 * Forms that touch general registers by `register` and `setRegister` alone, never under a condition, and flags by
 * `setFlags`. What these leave in registers is known by name afterwards; before any other the flags go into the state.
 */
const PLAIN = new Set(
  `mov movzx movsx movsxd lea add sub cmp adc sbb inc dec neg xadd and or xor test not cmovcc setcc cbw cwde cdqe cwd cdq
  cqo bswap xchg nop endbr64 pause push pop leave imul mul tzcnt lzcnt bt bts btr btc jmp jcc call ret movups movaps movdqu movdqa movd movq
  movupd movapd movss movsd movlps movhps movlpd movhpd movhlps movlhps xorps pxor`.split(/\s+/),
)
const SHIFTS = new Set(['shl', 'sal', 'shr', 'sar'])
const isPlain = ({ mnemonic, operands }: DecodedInstruction): boolean =>
  PLAIN.has(mnemonic) || (SHIFTS.has(mnemonic) && operands[1]?.kind === 'immediate')

export class Emitter {
  /** Whether the block ends here: the form has set rip, or code must be found anew. */
  hasEnded = false
  readonly startLo: number
  readonly startHi: number
  /** Address after the current instruction. */
  nextLo = 0
  nextHi = 0
  /** Instructions of the block. */
  readonly #count: number
  #lines: string[] = []
  #index = 0
  #names = 0
  readonly #flags = new FlagKeeper()
  #isMarked = false
  readonly #isHot: boolean
  /** Words of general registers whose value has a name. */
  readonly #known = new Map<number, string>()
  /** Whether the current instruction's form is. */
  #isPlain = false

  constructor(startLo: number, startHi: number, count: number, isHot: boolean) {
    this.#isHot = isHot
    this.#count = count
    this.startLo = startLo
    this.startHi = startHi
  }

  instruction(
    form: Form,
    decoded: DecodedInstruction,
    index: number,
    next: { lo: number; hi: number },
  ): void {
    this.#index = index
    this.#isMarked = false
    this.nextLo = next.lo
    this.nextHi = next.hi
    this.#isPlain = isPlain(decoded)
    if (!this.#isPlain) {
      this.#storeFlags()
      this.#known.clear()
    }
    form(this, decoded)
  }

  text(): string {
    return this.#flags.guarded(this.#lines.join('\n'))
  }

  line(text: string): void {
    if (text !== '') this.#lines.push(text)
  }

  /** A new local name for what an expression gives. */
  name(expression: string): string {
    const name = this.#newName()
    this.line(`const ${name}=${expression};`)
    return name
  }

  #newName(): string {
    return `v${this.#names++}`
  }

  /** Expressions become names; names and numbers stay. */
  #fixed(expression: string): string {
    return isLiteral(expression) || /^v\d+$/.test(expression) ? expression : this.name(expression)
  }

  refuse(): never {
    throw new NotImplemented()
  }

  /** Before anything of this instruction may stop: says which it is. */
  mayStop(): void {
    if (this.#isMarked) return
    this.#isMarked = true
    this.line(`S[${Word.current}]=${this.#index};`)
    this.line(this.#flags.notes())
  }

  /** Ring 3 gets a general protection fault. */
  kernelOnly(): void {
    this.mayStop()
    this.line('system.kernelOnly();')
  }

  // registers

  /** A general register as it is now. */
  register(index: number, size: number, high = false): Value {
    const at = Word.gpr + index * 2
    const lo = this.#word(at)
    switch (size) {
      case 8:
        return { lo, hi: this.#word(at + 1) }
      case 4:
        return { lo, hi: '0' }
      case 2:
        return { lo: this.name(`${lo}<<16>>16`), hi: '0' }
      default:
        return { lo: this.name(high ? `${lo}<<16>>24` : `${lo}<<24>>24`), hi: '0' }
    }
  }

  #word(at: number): string {
    const known = this.#known.get(at)
    if (known !== undefined) return known
    const name = this.name(`S[${at}]`)
    if (this.#isPlain) this.#known.set(at, name)
    return name
  }

  #setWord(at: number, value: string): void {
    this.line(`S[${at}]=${value};`)
    if (this.#isPlain) this.#known.set(at, value)
  }

  /** 32 bits clear the upper half, 8 and 16 leave the rest (Intel SDM vol. 1, 3.4.1.1). */
  setRegister(index: number, size: number, value: Value, high = false): void {
    const at = Word.gpr + index * 2
    if (size >= 4) {
      this.#setWord(at, value.lo)
      this.#setWord(at + 1, size === 8 ? value.hi : '0')
      return
    }
    const old = this.#word(at)
    if (size === 2) this.#setWord(at, this.name(`${old}&-65536|${value.lo}&65535`))
    else if (high) this.#setWord(at, this.name(`${old}&-65281|(${value.lo}&255)<<8`))
    else this.#setWord(at, this.name(`${old}&-256|${value.lo}&255`))
  }

  // memory

  /** The effective address, without its segment: what lea gives. */
  effectiveAddress(operand: MemoryOperand): Value {
    let address: Value = zero
    let isFirst = true
    const add = (term: Value): void => {
      address = isFirst ? term : this.#sum(address, term)
      isFirst = false
    }
    if (operand.base !== null) add(this.register(operand.base, 8))
    if (operand.index !== null) add(this.#scaled(operand.index, operand.scale))
    if (operand.lo !== 0 || operand.hi !== 0) add({ lo: literal(operand.lo), hi: literal(operand.hi) })
    return operand.addressSize === 4 ? { lo: address.lo, hi: '0' } : address
  }

  address(operand: MemoryOperand): Value {
    const offset = this.effectiveAddress(operand)
    if (operand.segment === null) return offset
    const base = operand.segment === 'gs' ? Word.gsBase : Word.fsBase
    return this.#sum(offset, { lo: this.name(`S[${base}]`), hi: this.name(`S[${base + 1}]`) })
  }

  #scaled(index: number, scale: number): Value {
    const value = this.register(index, 8)
    if (scale === 1) return value
    const shift = scale === 2 ? 1 : scale === 4 ? 2 : 3
    return {
      lo: this.name(`${value.lo}<<${shift}`),
      hi: this.name(`${value.hi}<<${shift}|${value.lo}>>>${32 - shift}`),
    }
  }

  #sum(a: Value, b: Value): Value {
    const lo = this.name(`${a.lo}+${b.lo}|0`)
    return { lo, hi: this.name(`${a.hi}+${b.hi}+(${lo}>>>0<${b.lo}>>>0?1:0)|0`) }
  }

  /** 64-bit sum, for forms. */
  add64(a: Value, b: Value): Value {
    return this.#sum(a, b)
  }

  load(size: number, { lo, hi }: Value): Value {
    this.mayStop()
    const bits = size * 8
    if (!this.#isHot) {
      const loaded = this.name(`load${bits}(${lo},${hi})|0`)
      return { lo: loaded, hi: size === 8 ? this.name(`S[${Word.high}]`) : '0' }
    }
    const missed = `load${bits}(${lo},${hi})|0`
    if (size < 8) return { lo: this.name(hotLoad(size, { lo, hi }, missed)), hi: '0' }
    const [low, high] = [this.#newName(), this.#newName()]
    this.line(hotLoad64({ lo, hi }, low, high, `${low}=${missed};${high}=S[${Word.high}]`))
    return { lo: low, hi: high }
  }

  store(size: number, { lo, hi }: Value, value: Value): void {
    this.mayStop()
    const values = size === 8 ? `${value.lo},${value.hi}` : value.lo
    const call = `store${size * 8}(${lo},${hi},${values});`
    this.line(this.#isHot ? hotStore(size, { lo, hi }, value, call) : call)
  }

  // operands

  immediate(operand: ImmediateOperand): Value {
    return { lo: literal(operand.lo), hi: literal(operand.hi) }
  }

  read(operand: Operand | undefined): Value {
    if (operand?.kind === 'immediate') return this.immediate(operand)
    return this.place(operand).read()
  }

  write(operand: Operand | undefined, value: Value): void {
    this.place(operand).write(value)
  }

  place(operand: Operand | undefined): Place {
    if (operand?.kind === 'register') {
      const { index, size, high } = operand
      return {
        read: () => this.register(index, size, high),
        write: (value) => this.setRegister(index, size, value, high),
      }
    }
    if (operand?.kind !== 'memory' || ![1, 2, 4, 8].includes(operand.size)) return this.refuse()
    const address = this.address(operand)
    return {
      read: () => this.load(operand.size, address),
      write: (value) => this.store(operand.size, address, value),
    }
  }

  /** A value cut to its size and sign-extended, in a name. */
  cut(expression: string, size: number): string {
    if (size >= 4) return this.#fixed(expression)
    const shift = 32 - size * 8
    return this.name(`(${expression})<<${shift}>>${shift}`)
  }

  // flags

  /** The flags of this instruction; called after everything that may stop. */
  setFlags(source: Omit<FlagSource, 'carry' | 'overflow' | 'adjust'> & Partial<FlagSource>): void {
    this.#flags.set({
      ...source,
      carry: source.carry ?? 'false',
      overflow: source.overflow ?? 'false',
      adjust: source.adjust ?? 'false',
    })
  }

  #storeFlags(): void {
    this.line(this.#flags.stores())
    this.#flags.stored()
  }

  /** The carry flag alone: an expression of a boolean. */
  setCarry(carry: string): void {
    const { source } = this.#flags
    if (source === null) this.line(`system.setCarry(${carry}?1:0);`)
    else
      this.#flags.set({
        ...source,
        kind: 'result',
        carry,
        overflow: overflowText(source),
        adjust: adjustText(source),
      })
  }

  /** The form changed the flags in the state by itself. */
  flagsInState(): void {
    this.#flags.inState()
  }

  /** An expression of a boolean. */
  condition(code: number): string {
    const { source } = this.#flags
    return source === null ? `flags.condition(${code})` : conditionText(source, code)
  }

  /** The carry flag as it is before this instruction: a name of a boolean. */
  carry(): string {
    const { source } = this.#flags
    return this.name(source === null ? 'flags.carry()' : carryText(source))
  }

  // control

  /** Goes on at a constant address. */
  jump(lo: number, hi: number): string {
    return jumpText(lo, hi)
  }

  /** The block ends; rip is where `target` says. */
  leave(target: Value): void {
    this.#storeFlags()
    this.line(`S[${Word.rip}]=${target.lo};S[${Word.rip + 1}]=${target.hi};`)
    this.hasEnded = true
  }

  /** The block ends after this instruction; the next one is looked for again. */
  end(): void {
    this.#storeFlags()
    this.line(this.jump(this.nextLo, this.nextHi))
    this.hasEnded = true
  }

  /** Whether more instructions of this block follow. */
  get goesOn(): boolean {
    return this.#index < this.#count - 1
  }

  /** Leaves in the middle of the block; the instructions that follow were charged and do not run. */
  leaveIf(condition: string, lo: number, hi: number): void {
    const back = `S[${Word.remaining}]+=${this.#count - 1 - this.#index};`
    const way = this.isStart(lo, hi) ? 'continue;' : `${this.jump(lo, hi)}return ${Exit.next};`
    this.line(`if(${condition}){${this.#flags.stores()}${back}${way}}`)
  }

  /** Leaves at the end of the block, one way or the other; a branch to its own start stays in it: its budget is counted there. */
  branch(condition: string, lo: number, hi: number): void {
    this.#storeFlags()
    const next = this.jump(this.nextLo, this.nextHi)
    if (this.isStart(lo, hi)) this.line(`if(${condition})continue;${next}`)
    else this.line(`if(${condition}){${this.jump(lo, hi)}}else{${next}}`)
    this.hasEnded = true
  }

  /** Jumps to the block's own start. */
  again(): void {
    this.#storeFlags()
    this.line('continue;')
    this.hasEnded = true
  }

  isStart(lo: number, hi: number): boolean {
    return lo === this.startLo && hi === this.startHi
  }
}
