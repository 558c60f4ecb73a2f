// What a loop that polls a register waits for: the tests that its code makes of the value that was read, along the way that it takes for that
// value. Only what follows from the instructions and the registers is said; at the first that is not followed the search ends.
import { type Gva, gva, hex } from '@dumpstack/bytes'
import type { Cpu, DecodedInstruction, DeviceAccess, Operand } from '@dumpstack/cpu'

const MAX_INSTRUCTIONS = 32
const MAX_TESTS = 4
const RSP = 4
const RBP = 5
const CARRY = [2, 3]
const ZERO = [4, 5]
const BELOW_OR_EQUAL = [6, 7]
const SIGN = [8, 9]

/** `(value & mask) >>> shift` of the value that was read. */
interface Part {
  readonly mask: number
  readonly shift: number
  /** Bytes of its place that hold nothing else. */
  readonly width: number
}
/** What it needs of the processor. */
type Code = Pick<Cpu, 'decodeAt' | 'readGpr'>

/** What set the flags last. */
type Test =
  | { readonly kind: 'bits'; readonly part: Part; readonly sign: number }
  | { readonly kind: 'bit'; readonly part: Part }
  | { readonly kind: 'compare'; readonly part: Part; readonly with: number }

const HARMLESS = new Set(['nop', 'pause', 'lfence', 'mfence', 'sfence', 'endbr64'])
/** They change their first operand and flags, and nothing else. */
const CHANGES_FIRST = new Set(
  'mov movzx movsx movsxd lea add sub inc dec neg not or xor and shl sal shr sar setcc cmovcc'.split(' '),
)
const ONLY_FLAGS = new Set(['test', 'cmp', 'bt'])

/**
 * `(value & 0x80) == 0`; null where the code shows nothing. `hasRegisters`: the processor is at the access, so that its registers are those
 * that the tests will see.
 */
export function awaitedValue(code: Code, access: DeviceAccess, hasRegisters: boolean): string | null {
  const walk = new Walk(code, access, hasRegisters)
  const tests = walk.tests()
  return tests.length === 0 ? null : tests.join(' or ')
}

class Walk {
  readonly #code: Code
  readonly #value: number
  readonly #all: number
  readonly #startRip: Gva
  readonly #hasRegisters: boolean
  /** Where parts of the value are: general registers, and places on the stack. */
  readonly #parts = new Map<string, Part>()
  /** Of registers that the code has written since; null where it does not follow from the code. */
  readonly #numbers = new Map<number, number | null>()
  #isFirst = true
  #test: Test | null = null

  constructor(code: Code, { value, byteLength, rip }: DeviceAccess, hasRegisters: boolean) {
    this.#code = code
    this.#value = Number(value)
    this.#all = maskOf(byteLength)
    this.#startRip = rip
    this.#hasRegisters = hasRegisters
  }

  tests(): string[] {
    const tests: string[] = []
    let rip = this.#startRip
    for (let count = 0; count < MAX_INSTRUCTIONS && tests.length < MAX_TESTS; count++) {
      const one = this.#code.decodeAt(rip)
      if (one === null) break
      const next = gva(rip + BigInt(one.byteLength))
      const [target] = one.operands
      if (one.mnemonic === 'jmp' && target?.kind === 'branch') rip = targetOf(target)
      else if (one.mnemonic === 'jcc' && target?.kind === 'branch') {
        const outcome = this.#test === null ? null : this.#judge(this.#test, one.condition)
        if (outcome === null) break
        tests.push(outcome.awaited)
        rip = outcome.isTaken ? targetOf(target) : next
      } else {
        if (!this.#follow(one)) break
        rip = next
      }
      this.#isFirst = false
      if (rip === this.#startRip) break
    }
    return [...new Set(tests)]
  }

  /** False for an instruction that may change anything. */
  #follow(one: DecodedInstruction): boolean {
    const { mnemonic, operands, flagsWritten } = one
    const [first, second] = operands
    if (HARMLESS.has(mnemonic)) return true
    if (this.#isFirst && mnemonic === 'in' && first?.kind === 'register') {
      this.#keep(first, { mask: this.#all, shift: 0, width: widthOf(first) })
      return true
    }
    if (first === undefined) return false
    if (ONLY_FLAGS.has(mnemonic)) {
      this.#test = second === undefined ? null : this.#tested(mnemonic, first, second)
      return true
    }
    if (!CHANGES_FIRST.has(mnemonic)) return false
    const part = second === undefined ? null : this.#changedTo(mnemonic, first, second)
    if (flagsWritten !== 0)
      this.#test =
        part === null || mnemonic === 'mov' ? null : { kind: 'bits', part, sign: signOf(first, part) }
    const isCopy = mnemonic === 'mov' && first.size >= 4 && second !== undefined
    if (first.kind === 'register') this.#numbers.set(first.index, isCopy ? this.#numberOf(second) : null)
    else if (first.kind !== 'memory') return false
    else if (first.base !== RSP && first.base !== RBP) this.#forgetStack()
    this.#keep(first, part === null ? null : { ...part, width: widthOf(first) })
    return true
  }

  /** What the first operand holds of the value afterwards; null for nothing of it, or what cannot be said. */
  #changedTo(mnemonic: string, first: Operand, second: Operand): Part | null {
    const source = this.#partOf(second)
    if (mnemonic === 'mov' || mnemonic === 'movzx') return source
    const own = this.#partOf(first)
    if (mnemonic === 'and') {
      const [part, other] = own === null ? [source, this.#numberOf(first)] : [own, this.#numberOf(second)]
      return part === null || other === null
        ? null
        : { ...part, mask: (part.mask & (other << part.shift)) >>> 0 }
    }
    const places = mnemonic === 'shr' ? this.#numberOf(second) : null
    if (own === null || places === null || own.shift + places > 31) return null
    const shift = own.shift + places
    return { ...own, shift, mask: ((own.mask >>> shift) << shift) >>> 0 }
  }

  #tested(mnemonic: string, first: Operand, second: Operand): Test | null {
    const own = this.#partOf(first)
    const part = own ?? this.#partOf(second)
    if (part === null) return null
    const isSame = keyOf(first) !== null && keyOf(first) === keyOf(second)
    const isWide = first.size === 8 && second.kind === 'immediate' && second.hi !== 0
    const number = isSame ? maskOf(first.size) : this.#numberOf(own === null ? first : second)
    if (number === null || isWide) return null
    const other = (number & maskOf(first.size)) >>> 0
    if (mnemonic === 'cmp') return isSame || own === null ? null : { kind: 'compare', part, with: other }
    if (mnemonic === 'test') {
      const tested = { ...part, mask: (part.mask & (other << part.shift)) >>> 0 }
      return { kind: 'bits', part: tested, sign: (signOf(first, part) & tested.mask) >>> 0 }
    }
    if (own === null || other + part.shift > 31) return null
    return { kind: 'bit', part: { ...part, shift: 0, mask: (part.mask & (1 << (other + part.shift))) >>> 0 } }
  }

  /** Whether the branch is taken for the value that was read, and for which it goes the other way. */
  #judge(test: Test, condition: number): { readonly isTaken: boolean; readonly awaited: string } | null {
    const { mask, shift } = test.part
    const masked = (this.#value & mask) >>> 0
    const text = mask === this.#all ? 'value' : `(value & ${hex(mask)})`
    /** `holds` is what an even condition asks. */
    const outcome = (holds: boolean, awaited: string) => ({
      isTaken: holds === ((condition & 1) === 0),
      awaited,
    })
    if (test.kind === 'compare') {
      const found = masked >>> shift
      const number = hex((test.with << shift) >>> 0)
      if (ZERO.includes(condition))
        return found === test.with
          ? outcome(true, `${text} != ${number}`)
          : outcome(false, `${text} == ${number}`)
      if (CARRY.includes(condition))
        return found < test.with
          ? outcome(true, `${text} >= ${number}`)
          : outcome(false, `${text} < ${number}`)
      if (BELOW_OR_EQUAL.includes(condition))
        return found <= test.with
          ? outcome(true, `${text} > ${number}`)
          : outcome(false, `${text} <= ${number}`)
      return null
    }
    if (test.kind === 'bit') {
      if (!CARRY.includes(condition)) return null
      return masked === 0 ? outcome(false, `${text} != 0`) : outcome(true, `${text} == 0`)
    }
    if (ZERO.includes(condition))
      return masked === 0 ? outcome(true, `${text} != 0`) : outcome(false, `${text} == 0`)
    if (!SIGN.includes(condition) || test.sign === 0) return null
    const bit = `(value & ${hex(test.sign)})`
    return (masked & test.sign) === 0 ? outcome(false, `${bit} != 0`) : outcome(true, `${bit} == 0`)
  }

  /** Of the first instruction the operand in memory is the register that it reads. */
  #partOf(operand: Operand): Part | null {
    const isRead = this.#isFirst && operand.kind === 'memory' && operand.size > 0
    const key = keyOf(operand)
    const read = { mask: this.#all, shift: 0, width: operand.size }
    const part = isRead ? read : key === null ? undefined : this.#parts.get(key)
    if (part === undefined || part.width < operand.size) return null
    return { ...part, mask: (part.mask & (maskOf(operand.size) << part.shift)) >>> 0 }
  }

  /** Of an immediate, or of a register whose contents are known. */
  #numberOf(operand: Operand): number | null {
    if (operand.kind === 'immediate') return operand.lo >>> 0
    if (operand.kind !== 'register' || operand.high) return null
    const known = this.#numbers.get(operand.index)
    if (known !== undefined) return known === null ? null : (known & maskOf(operand.size)) >>> 0
    if (!this.#hasRegisters) return null
    const gpr = operand.index as Parameters<Cpu['readGpr']>[0] // general
    const number = BigInt.asUintN(operand.size * 8, this.#code.readGpr(gpr))
    return number > 0xffff_ffffn ? null : Number(number)
  }

  #keep(operand: Operand, part: Part | null): void {
    const key = keyOf(operand)
    if (key === null) return
    if (part === null) this.#parts.delete(key)
    else this.#parts.set(key, part)
  }

  #forgetStack(): void {
    for (const key of this.#parts.keys()) if (key.startsWith('stack')) this.#parts.delete(key)
  }
}

/** The upper half of a register is cleared with a write of the lower one. */
const widthOf = ({ kind, size }: Operand): number => (kind === 'register' && size === 4 ? 8 : size)

const maskOf = (byteLength: number): number => (byteLength >= 4 ? 0xffff_ffff : 2 ** (byteLength * 8) - 1)

const targetOf = ({ lo, hi }: { readonly lo: number; readonly hi: number }): Gva =>
  gva((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0))

/** The highest bit of an operand, as a bit of the value; 0 where the value has none there. */
const signOf = ({ size }: Operand, { mask, shift }: Part): number =>
  size * 8 - 1 + shift > 31 ? 0 : (mask & (1 << (size * 8 - 1 + shift))) >>> 0

/** Of a place that keeps a part of the value. */
function keyOf(operand: Operand): string | null {
  if (operand.kind === 'register') return operand.high ? null : `r${operand.index}`
  if (operand.kind !== 'memory' || operand.index !== null || operand.segment !== null) return null
  return operand.base === RSP || operand.base === RBP
    ? `stack ${operand.base} ${operand.hi} ${operand.lo}`
    : null
}
