// Writes the source of one basic block: how operands are read and written, addresses made, flags kept. The forms of
// `forms/` say what an instruction does in these terms. Values of 8 and 16 bits are sign-extended 32-bit integers, of 64
// bits two of them. Only our own names and numbers enter the text.
import type { DecodedInstruction, ImmediateOperand, MemoryOperand, Operand } from '../decoder.ts'
import { ARITHMETIC } from '../flags.ts'
import { Word } from '../state.ts'
import { carryText, conditionText, type FlagSource, flagKindOf, type Value } from './conditions.ts'

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
  #liveFlags = ARITHMETIC
  #source: FlagSource | null = null
  #isMarked = false

  constructor(startLo: number, startHi: number, count: number) {
    this.#count = count
    this.startLo = startLo
    this.startHi = startHi
  }

  /** One more instruction; `liveFlags` are those that somebody reads after it. */
  instruction(
    form: Form,
    decoded: DecodedInstruction,
    index: number,
    next: { lo: number; hi: number },
    liveFlags: number,
  ): void {
    this.#index = index
    this.#isMarked = false
    this.#liveFlags = liveFlags
    this.nextLo = next.lo
    this.nextHi = next.hi
    form(this, decoded)
  }

  text(): string {
    return this.#lines.join('\n')
  }

  line(text: string): void {
    this.#lines.push(text)
  }

  /** A new local name for what an expression gives. */
  name(expression: string): string {
    const name = `v${this.#names++}`
    this.line(`const ${name}=${expression};`)
    return name
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
    switch (size) {
      case 8:
        return { lo: this.name(`S[${at}]`), hi: this.name(`S[${at + 1}]`) }
      case 4:
        return { lo: this.name(`S[${at}]`), hi: '0' }
      case 2:
        return { lo: this.name(`S[${at}]<<16>>16`), hi: '0' }
      default:
        return { lo: this.name(high ? `S[${at}]<<16>>24` : `S[${at}]<<24>>24`), hi: '0' }
    }
  }

  /** 32 bits clear the upper half, 8 and 16 leave the rest (Intel SDM vol. 1, 3.4.1.1). */
  setRegister(index: number, size: number, value: Value, high = false): void {
    const at = Word.gpr + index * 2
    if (size === 8) this.line(`S[${at}]=${value.lo};S[${at + 1}]=${value.hi};`)
    else if (size === 4) this.line(`S[${at}]=${value.lo};S[${at + 1}]=0;`)
    else if (size === 2) this.line(`S[${at}]=S[${at}]&-65536|${value.lo}&65535;`)
    else if (high) this.line(`S[${at}]=S[${at}]&-65281|(${value.lo}&255)<<8;`)
    else this.line(`S[${at}]=S[${at}]&-256|${value.lo}&255;`)
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
    if (size === 8) return { lo: this.name(`load64(${lo},${hi})`), hi: this.name(`S[${Word.high}]`) }
    return { lo: this.name(`load${size * 8}(${lo},${hi})`), hi: '0' }
  }

  store(size: number, { lo, hi }: Value, value: Value): void {
    this.mayStop()
    if (size === 8) this.line(`store64(${lo},${hi},${value.lo},${value.hi});`)
    else this.line(`store${size * 8}(${lo},${hi},${value.lo});`)
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

  /** Whether somebody reads one of these flags before they are set again. */
  needs(flags: number): boolean {
    return (this.#liveFlags & flags) !== 0
  }

  /** The flags of this instruction; called after everything that may stop. */
  setFlags(source: Omit<FlagSource, 'carry' | 'overflow' | 'adjust'> & Partial<FlagSource>): void {
    const whole: FlagSource = {
      ...source,
      carry: source.carry ?? 'false',
      overflow: source.overflow ?? 'false',
      adjust: source.adjust ?? 'false',
    }
    if (this.needs(ARITHMETIC)) this.#keep(whole)
    this.#source = whole
  }

  #keep(source: FlagSource): void {
    const { result, left, right, isWide } = source
    let text = `S[${Word.flagKind}]=${flagKindOf(source)};S[${Word.result}]=${result.lo};`
    if (isWide) text += `S[${Word.resultHigh}]=${result.hi};`
    if (source.kind === 'add' || source.kind === 'sub') {
      text += `S[${Word.left}]=${left.lo};`
      text += isWide ? `S[${Word.leftHigh}]=${left.hi};` : `S[${Word.right}]=${right.lo};`
    } else if (source.kind === 'result') {
      const bit = (expression: string): string => (expression === 'false' ? '0' : `${expression}?1:0`)
      text += `S[${Word.carry}]=${bit(source.carry)};S[${Word.overflow}]=${bit(source.overflow)};`
      text += `S[${Word.adjust}]=${bit(source.adjust)};`
    }
    this.line(text)
  }

  /** The form changed the flags in the state by itself. */
  flagsInState(): void {
    this.#source = null
  }

  /** An expression of a boolean. */
  condition(code: number): string {
    return this.#source === null ? `flags.condition(${code})` : conditionText(this.#source, code)
  }

  /** The carry flag as it is before this instruction: a name of a boolean. */
  carry(): string {
    return this.name(this.#source === null ? 'flags.carry()' : carryText(this.#source))
  }

  // control

  /** Goes on at a constant address. */
  jump(lo: number, hi: number): string {
    return jumpText(lo, hi)
  }

  /** The block ends; rip is where `target` says. */
  leave(target: Value): void {
    this.line(`S[${Word.rip}]=${target.lo};S[${Word.rip + 1}]=${target.hi};`)
    this.hasEnded = true
  }

  /** The block ends after this instruction; the next one is looked for again. */
  end(): void {
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
    this.line(`if(${condition}){${back}${way}}`)
  }

  isStart(lo: number, hi: number): boolean {
    return lo === this.startLo && hi === this.startHi
  }
}
