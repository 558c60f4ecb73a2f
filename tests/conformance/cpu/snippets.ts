// Instances of instruction forms: each operand of a template gets a register, an immediate or one of the addressing
// modes, and all are assembled in one go, each into a slot of its own.
import { assemble } from './assemble.ts'
import type { Form } from './forms.ts'
import { CODE, CODE_ALIAS, CROSSING, FS_BASE, GS_BASE, LARGE, SLOT_BYTES, STACK } from './layout.ts'
import type { Random } from './random.ts'

const NAMES64 = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ')
const NAMES32 = 'eax ecx edx ebx esp ebp esi edi r8d r9d r10d r11d r12d r13d r14d r15d'.split(' ')
const NAMES16 = 'ax cx dx bx sp bp si di r8w r9w r10w r11w r12w r13w r14w r15w'.split(' ')
const NAMES8 = 'al cl dl bl spl bpl sil dil r8b r9b r10b r11b r12b r13b r14b r15b'.split(' ')
/** Encodings 4 to 7 without a REX prefix. */
const HIGH_BYTES = ['ah', 'ch', 'dh', 'bh']
const SIZES: Record<string, string> = {
  0: '',
  8: 'byte ptr ',
  16: 'word ptr ',
  32: 'dword ptr ',
  64: 'qword ptr ',
  128: 'xmmword ptr ',
}
const RSP = 4
/** An immediate of the operand's own width, or an exchange of registers. */
const ACCUMULATOR_FORMS = /^(?!imul|mov).* RM\d+, I\d|^xchg RM/
const COUNTS = [0, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255]

/** Where a memory operand's address comes from. */
export interface Memory {
  readonly byteLength: number
  readonly base: number | null
  readonly index: number | null
  readonly scale: number
  readonly displacement: number
  /** Added to what base, index and displacement give. */
  readonly segmentBase: bigint
  readonly is32Bit: boolean
  /** The address where it is in the code; null where registers make it. */
  readonly fixedAt: bigint | null
}

export interface Snippet {
  readonly form: Form
  readonly text: string
  readonly memory: Memory | null
  /** The first general register operand, for needs that are about it. */
  readonly register: number | null
  /** The count in the code, where a shift has one. */
  readonly count: number | null
  /** Where it was assembled to. */
  address: bigint
}

/** Registers that a form uses besides its operands: memory operands leave them alone. */
function implied(form: Form): number[] {
  const registers = [RSP]
  for (const need of form.needs) {
    if (need === 'shiftCount' || need === 'field') registers.push(1)
    if (need === 'dividend' || need === 'lengths' || need === 'priority') registers.push(0, 2)
    if (need === 'comparand') registers.push(0, 1, 2, 3)
    if (need === 'strings' || need === 'loopCount' || need === 'iterations') registers.push(1, 6, 7)
    if (need === 'frame') registers.push(5)
  }
  return registers
}

/** What an operand that may be either is. */
export type Either = 'memory' | 'register' | 'any'

class Instance {
  readonly #random: Random
  readonly #form: Form
  /** Without REX: ah to bh can be named, r8 to r15 and spl to dil cannot. */
  readonly #isLegacy: boolean
  readonly #either: Either
  memory: Memory | null = null
  register: number | null = null
  count: number | null = null
  symbols = ''

  constructor(random: Random, form: Form, either: Either) {
    this.#random = random
    this.#form = form
    this.#either = either
    this.#isLegacy = random.once(2) && !form.text.includes('64')
  }

  operand(token: string): string {
    const random = this.#random
    const width = Number(/\d+$/.exec(token)?.[0] ?? 0)
    switch (token.replace(/\d+$/, '')) {
      case 'R':
        return this.#register(width)
      case 'M':
        return this.#memory(width)
      case 'RM':
        return this.#isRegister() ? this.#register(width) : this.#memory(width)
      case 'X':
        return `xmm${random.below(16)}`
      case 'XM':
        return this.#isRegister() ? `xmm${random.below(16)}` : this.#memory(width)
      case 'I': {
        const mask = width === 64 ? ~0n : (1n << BigInt(width)) - 1n
        const value = BigInt.asIntN(width, random.value() & mask)
        // of 8 bits the assembler makes another form: S8
        return String(width > 8 && value >= -128n && value < 128n ? value + 0x1000n : value)
      }
      case 'S':
        return String(random.pick([-128, -127, -2, -1, 0, 1, 2, 15, 100, 127]))
      case 'COUNT':
        this.count = random.pick([1, 1, ...COUNTS])
        return String(this.count)
      case 'MANY': // shifts by 1 have an opcode of their own
        this.count = random.pick(COUNTS)
        return String(this.count)
      case 'SMALL':
        return String(random.below(18))
      case 'MASK':
        return String(random.pick([0, 0x4700, 0xcd5, 0x41]))
      case 'MODRM':
        return String(random.below(64))
      case 'REG':
        return String(random.below(8))
      case 'BASE': {
        const base = random.pick([1, 2, 3, 6, 7].filter((one) => !implied(this.#form).includes(one)))
        this.memory = { ...this.#fixed(width / 8, 0n), base, fixedAt: null }
        return String(base)
      }
      case 'MOFFS':
        this.memory = this.#fixed(
          8,
          (random.once(2) ? CROSSING : STACK).address + BigInt(100 + random.below(40)),
        )
        return this.#hex(this.#fixedAddress)
      default:
        throw new Error(`what is the operand ${token}?`)
    }
  }

  #isRegister(): boolean {
    return this.#either === 'register' || (this.#either === 'any' && this.#random.once(2))
  }

  #fixedAddress = 0n
  #fixed(byteLength: number, address: bigint): Memory {
    this.#fixedAddress = address
    const nowhere = { base: null, index: null, scale: 1, displacement: 0, segmentBase: 0n }
    return { byteLength, ...nowhere, is32Bit: false, fixedAt: address }
  }

  #hex = (value: bigint) => `0x${value.toString(16)}`

  #register(width: number): string {
    const random = this.#random
    if (width === 8 && this.#isLegacy) {
      const encoding = this.#notAccumulator(random.below(8))
      this.register ??= encoding & 3
      return encoding < 4 ? (NAMES8[encoding] ?? '') : (HIGH_BYTES[encoding - 4] ?? '')
    }
    // a stack pointer that is anything cannot carry the tests of push and call
    let encoding = this.#notAccumulator(random.below(this.#isLegacy ? 8 : 16))
    if (encoding === RSP && this.#form.alone) encoding = 3
    this.register ??= encoding
    return { 8: NAMES8, 16: NAMES16, 32: NAMES32, 64: NAMES64 }[width]?.[encoding] ?? ''
  }

  /** Of the accumulator the assembler makes another form. */
  #notAccumulator(encoding: number): number {
    return encoding === 0 && ACCUMULATOR_FORMS.test(this.#form.text) ? 7 : encoding
  }

  #memory(width: number): string {
    const random = this.#random
    const size = SIZES[width] ?? ''
    const byteLength = width / 8
    const taken = implied(this.#form)
    const isAligned = this.#form.needs.includes('aligned')
    const free = NAMES64.map((_, i) => i).filter((i) => !taken.includes(i) && (i < 8 || !this.#isLegacy))
    const displacement = random.pick([0, 0, 1, -1, 8, 0x7f, -0x80, 0x80, 0x12345, -0x7ff00])
    const shown = displacement < 0 ? ` - ${-displacement}` : displacement > 0 ? ` + ${displacement}` : ''
    const base = random.pick(free)
    const index = random.pick(free.filter((i) => i !== base))
    const scale = random.pick([1, 2, 4, 8])
    const plain = {
      byteLength,
      base,
      index: null,
      scale: 1,
      displacement,
      segmentBase: 0n,
      is32Bit: false,
      fixedAt: null,
    }
    // a bit string with 32-bit addresses is not implemented: no compiler emits it
    const isBitString = this.#form.needs.includes('bitOffset')
    switch (random.below(isBitString ? 7 : width === 0 ? 9 : 14)) {
      case 0:
      case 1:
      case 2:
      case 3:
        this.memory = plain
        return `${size}[${NAMES64[base]}${shown}]`
      case 4:
      case 5:
      case 6:
        this.memory = { ...plain, index, scale }
        return `${size}[${NAMES64[base]} + ${NAMES64[index]} * ${scale}${shown}]`
      case 7:
        this.memory = { ...plain, is32Bit: true }
        return `${size}[${NAMES32[base]}${shown}]`
      case 8:
        this.memory = { ...plain, index, scale, is32Bit: true }
        return `${size}[${NAMES32[base]} + ${NAMES32[index]} * ${scale}${shown}]`
      case 9:
        // the displacement makes the rest a multiple of the scale
        this.memory = { ...plain, base: null, index, scale, displacement: 0x40 }
        return `${size}[${NAMES64[index]} * ${scale} + 0x40]`
      case 10:
      case 11: {
        if (this.#form.needs.includes('notRipRelative')) return this.#memory(width)
        const target = random.pick([
          CROSSING.address + (isAligned ? 112n : 120n),
          CROSSING.address + 128n,
          STACK.address + 64n,
        ])
        this.symbols = `.set data_NUMBER, code + ${target - CODE}\n`
        this.memory = this.#fixed(byteLength, target)
        return `${size}[rip + data_NUMBER]`
      }
      case 12: {
        const isGs = random.once(2)
        if (random.once(2)) {
          this.memory = this.#fixed(byteLength, (isGs ? GS_BASE : FS_BASE) + 0x70n)
          return `${size}${isGs ? 'gs' : 'fs'}:[0x70]`
        }
        const segmentBase = isGs ? GS_BASE : FS_BASE
        if (random.once(2)) {
          this.memory = { ...plain, index, scale, segmentBase }
          return `${size}${isGs ? 'gs' : 'fs'}:[${NAMES64[base]} + ${NAMES64[index]} * ${scale}${shown}]`
        }
        this.memory = { ...plain, segmentBase }
        return `${size}${isGs ? 'gs' : 'fs'}:[${NAMES64[base]}${shown}]`
      }
      default:
        if (this.#form.alone || isAligned) {
          this.memory = this.#fixed(byteLength, LARGE.address + 16n)
          return `${size}ds:[${this.#hex(LARGE.address + 16n)}]`
        }
        this.memory = this.#fixed(byteLength, STACK.address) // about
        return `${size}[rsp + ${random.pick([0, 8, -16, 0x20])}]`
    }
  }
}

const OPERAND = /\b(?:(?:RM|XM|R|M|X|I|S|BASE)\d+|X|REG|COUNT|MANY|SMALL|MODRM|MOFFS|MASK)\b/g

/** One form with operands chosen. */
export function instantiate(random: Random, form: Form, number: string, either: Either): Snippet {
  const instance = new Instance(random, form, either)
  const text = form.text
    .replace(OPERAND, (token) => instance.operand(token))
    .replaceAll('data_NUMBER', `data_${number}`)
  const symbols = instance.symbols.replaceAll('data_NUMBER', `data_${number}`)
  const { memory, register, count } = instance
  return { form, text: symbols + text, memory, register, count, address: 0n }
}

/** Gives each its slot, from `firstSlot` on; answers the bytes of the slots. */
export function assembleSnippets(snippets: readonly Snippet[], firstSlot: number): Uint8Array {
  const lines = [
    '.intel_syntax noprefix',
    'here:',
    `.set code, here - ${firstSlot * SLOT_BYTES}`,
    `.set code_alias, ${CODE_ALIAS}`,
  ]
  snippets.forEach((snippet, i) => {
    snippet.address = CODE + BigInt((firstSlot + i) * SLOT_BYTES)
    lines.push(`.org ${i * SLOT_BYTES}, 0xcc`, snippet.text)
  })
  lines.push(`.org ${snippets.length * SLOT_BYTES}, 0xcc`, '')
  return assemble(lines.join('\n'))
}
