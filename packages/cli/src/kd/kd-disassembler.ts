// The disassembler behind `u` and `r`: iced-x86, WebAssembly, loaded with the first instruction.
import { createRequire } from 'node:module'
import { type Disassembler, type Instruction, type MemoryOperand, TARGET } from '@dumpstack/debugger'
import type * as Iced from 'iced-x86'

const BITS = 64

export class IcedDisassembler implements Disassembler {
  #iced: typeof Iced | null = null
  #formatter: Iced.Formatter | null = null

  decode(bytes: Uint8Array, address: bigint): Instruction | null {
    this.#iced ??= createRequire(import.meta.url)('iced-x86') as typeof Iced // what the package exports
    const iced = this.#iced
    this.#formatter ??= masm(iced)
    const decoder = new iced.Decoder(BITS, bytes, iced.DecoderOptions.None)
    decoder.ip = address
    const decoded = decoder.decode()
    try {
      return decoded.isInvalid ? null : describe(iced, this.#formatter, decoded)
    } finally {
      decoded.free()
      decoder.free()
    }
  }
}

/** As kd writes: `mov     qword ptr [rsp+8],rcx`, branches without `short`. */
function masm(iced: typeof Iced): Iced.Formatter {
  const formatter = new iced.Formatter(iced.FormatterSyntax.Masm)
  formatter.memorySizeOptions = iced.MemorySizeOptions.Always
  formatter.showBranchSize = false
  formatter.ripRelativeAddresses = false
  return formatter
}

const NUMBER = /\b0?[0-9A-F]+h\b/

function describe(iced: typeof Iced, formatter: Iced.Formatter, decoded: Iced.Instruction): Instruction {
  let operands = formatter.formatAllOperands(decoded)
  let target: bigint | null = null
  const first = decoded.opCount > 0 ? decoded.opKind(0) : null
  if (first === iced.OpKind.NearBranch64) {
    target = decoded.nearBranchTarget
    operands = TARGET
  } else if (decoded.isIpRelMemoryOperand) {
    target = decoded.ipRelMemoryAddress
    operands = operands.replace(NUMBER, TARGET)
  }
  return {
    byteLength: decoded.length,
    mnemonic: formatter.formatMnemonic(decoded),
    operands,
    target,
    memory: memoryOperand(iced, formatter, decoded),
  }
}

function memoryOperand(
  iced: typeof Iced,
  formatter: Iced.Formatter,
  decoded: Iced.Instruction,
): MemoryOperand | null {
  const hasMemory = Array.from({ length: decoded.opCount }, (_, index) => decoded.opKind(index)).includes(
    iced.OpKind.Memory,
  )
  if (!hasMemory) return null
  const isRelative = decoded.isIpRelMemoryOperand
  const name = (register: Iced.Register) =>
    register === iced.Register.None ? null : formatter.formatRegister(register)
  return {
    segment: formatter.formatRegister(decoded.memorySegment),
    base: isRelative ? null : name(decoded.memoryBase),
    index: name(decoded.memoryIndex),
    scale: decoded.memoryIndexScale,
    displacement: isRelative ? decoded.ipRelMemoryAddress : BigInt.asUintN(64, decoded.memoryDisplacement),
    byteLength: iced.MemorySizeExt.size(decoded.memorySize),
  }
}
