// The decoder behind the processor: iced-x86, WebAssembly, loaded with the first instruction. Turns its numbers into ours.
import { createRequire } from 'node:module'
import type * as Iced from 'iced-x86'
import type { DecodedInstruction, Decoder, MemoryOperand, Operand } from '../decoder.ts'

const BITS = 64
const HIGH_BYTES = ['AH', 'CH', 'DH', 'BH']

export class IcedDecoder implements Decoder {
  #iced: typeof Iced | null = null
  #instruction: Iced.Instruction | null = null
  #tables: Tables | null = null

  decode(bytes: Uint8Array, rip: bigint): DecodedInstruction | 'truncated' | 'invalid' {
    this.#iced ??= createRequire(import.meta.url)('iced-x86') as typeof Iced // what the package exports
    const iced = this.#iced
    this.#instruction ??= new iced.Instruction()
    this.#tables ??= new Tables(iced)
    const decoder = new iced.Decoder(BITS, bytes, iced.DecoderOptions.None)
    try {
      decoder.ip = rip
      decoder.decodeOut(this.#instruction)
      if (decoder.lastError === iced.DecoderError.NoMoreBytes) return 'truncated'
      if (decoder.lastError !== iced.DecoderError.None) return 'invalid'
      return this.#tables.describe(this.#instruction)
    } finally {
      decoder.free()
    }
  }
}

class Tables {
  readonly #iced: typeof Iced
  readonly #registers: readonly Operand[]
  /** Bytes accessed, by iced's MemorySize. */
  readonly #sizes: readonly number[]

  constructor(iced: typeof Iced) {
    this.#iced = iced
    const names = Object.keys(iced.Register).filter((name) => !/^\d/.test(name))
    const registers: Operand[] = []
    for (const name of names) {
      const register = iced.Register[name as keyof typeof iced.Register] // one of its own keys
      registers[register] = registerOf(iced, name, register)
    }
    this.#registers = registers
    this.#sizes = Object.keys(iced.MemorySize)
      .filter((name) => /^\d/.test(name))
      .map((size) => iced.MemorySizeExt.size(Number(size)))
  }

  describe(one: Iced.Instruction): DecodedInstruction {
    const { Mnemonic, Code, ConditionCode } = this.#iced
    const operands: Operand[] = []
    for (let i = 0; i < one.opCount; i++) operands.push(this.#operand(one, i))
    const name = Mnemonic[one.mnemonic]!.toLowerCase()
    const hasCondition = one.conditionCode !== ConditionCode.None
    return {
      mnemonic: one.isStringInstruction ? `string ${name}` : hasCondition ? conditional(name) : name,
      condition: hasCondition ? one.conditionCode - 1 : -1,
      byteLength: one.length,
      operands,
      flagsRead: this.#flags(one.rflagsRead),
      flagsWritten: this.#flags(one.rflagsModified),
      repeat: one.hasRepnePrefix ? 'repne' : one.hasRepPrefix ? 'rep' : null,
      form: Code[one.code]!,
    }
  }

  #operand(one: Iced.Instruction, index: number): Operand {
    const { OpKind } = this.#iced
    const kind = one.opKind(index)
    if (kind === OpKind.Register) return this.#registers[one.opRegister(index)]!
    if (kind === OpKind.Memory) return this.#memory(one)
    if (kind === OpKind.NearBranch64) return { kind: 'branch', ...halves(one.nearBranchTarget), size: 8 }
    if (kind >= OpKind.Immediate8 && kind <= OpKind.Immediate32to64) {
      const size =
        kind === OpKind.Immediate8 || kind === OpKind.Immediate8_2nd ? 1 : kind === OpKind.Immediate16 ? 2 : 8
      return { kind: 'immediate', ...signed(halves(one.immediate(index)), size), size }
    }
    const { FS, GS } = this.#iced.Register
    const isFlat = one.memorySegment !== FS && one.memorySegment !== GS
    if (kind === OpKind.MemoryESRDI || (kind === OpKind.MemorySegRSI && isFlat)) {
      return { kind: 'string', index: kind, size: this.#sizes[one.memorySize]! }
    }
    return { kind: 'other', index: kind, size: 0 }
  }

  #memory(one: Iced.Instruction): MemoryOperand {
    const { Register } = this.#iced
    const base = one.isIpRelMemoryOperand ? Register.None : one.memoryBase
    const of = (register: Iced.Register) => (register === Register.None ? null : this.#registers[register]!)
    const baseRegister = of(base)
    const indexRegister = of(one.memoryIndex)
    const segment = one.memorySegment
    const isShort = one.memoryBase === Register.EIP || baseRegister?.size === 4 || indexRegister?.size === 4
    return {
      kind: 'memory',
      base: baseRegister === null ? null : (baseRegister as { index: number }).index, // only general registers
      index: indexRegister === null ? null : (indexRegister as { index: number }).index, // only general registers
      scale: one.memoryIndexScale,
      ...halves(one.memoryDisplacement),
      segment: segment === Register.GS ? 'gs' : segment === Register.FS ? 'fs' : null,
      size: this.#sizes[one.memorySize]!,
      addressSize: isShort ? 4 : 8,
    }
  }

  #flags(bits: number): number {
    const { RflagsBits } = this.#iced
    return (
      (bits & RflagsBits.CF ? 1 : 0) |
      (bits & RflagsBits.PF ? 4 : 0) |
      (bits & RflagsBits.AF ? 0x10 : 0) |
      (bits & RflagsBits.ZF ? 0x40 : 0) |
      (bits & RflagsBits.SF ? 0x80 : 0) |
      (bits & RflagsBits.OF ? 0x800 : 0)
    )
  }
}

function registerOf(iced: typeof Iced, name: string, register: Iced.Register): Operand {
  const index = iced.RegisterExt.number(register)
  const size = iced.RegisterExt.size(register)
  if (iced.RegisterExt.isGPR(register)) {
    const high = HIGH_BYTES.includes(name)
    // among the byte registers ah to bh have numbers of their own: spl is 8 and r15b is 19
    const encoding = size === 1 && index >= HIGH_BYTES.length ? index - HIGH_BYTES.length : index
    return { kind: 'register', index: encoding, size: size as 1 | 2 | 4 | 8, high } // general: 1 to 8
  }
  if (/^XMM([0-9]|1[0-5])$/.test(name)) return { kind: 'xmm', index, size: 16 }
  if (/^CR\d+$/.test(name)) return { kind: 'control', index, size: 8 }
  if (/^DR\d+$/.test(name)) return { kind: 'debug', index, size: 8 }
  if (/^[CDEFGS]S$/.test(name)) return { kind: 'segment', index, size: 2 }
  return { kind: 'other', index, size }
}

const conditional = (name: string): string =>
  name.startsWith('set') ? 'setcc' : name.startsWith('cmov') ? 'cmovcc' : name.startsWith('j') ? 'jcc' : name

const halves = (value: bigint): { lo: number; hi: number } => ({
  lo: Number(BigInt.asIntN(32, value)),
  hi: Number(BigInt.asIntN(32, value >> 32n)),
})

/** Values of 8 and 16 bits are kept sign-extended. */
function signed({ lo, hi }: { lo: number; hi: number }, size: number): { lo: number; hi: number } {
  if (size > 2) return { lo, hi }
  const shift = 32 - size * 8
  const extended = (lo << shift) >> shift
  return { lo: extended, hi: extended >> 31 }
}
