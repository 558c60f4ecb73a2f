// The lines that show where a context stands: `nt!KeBugCheckEx:`, then the instruction with the memory it touches.
import { hex64 } from '@dumpstack/bytes'
import type { Instruction } from './disassembler.ts'
import { isArm64, requireX64 } from './processors.ts'
import { type RegisterFile, Registers } from './registers.ts'
import type { Session } from './session.ts'

const LONGEST_INSTRUCTION = 15
const ARM64_INSTRUCTION = 4
const OPERAND_COLUMN = 8
const BYTES_COLUMN = 16

/** Two lines: the place, and the instruction there; without its bytes or a disassembler, what is missing. */
export async function instructionLines(session: Session, from?: RegisterFile): Promise<string[]> {
  const { ip } = from ?? session.registerFile
  const place = `${await session.symbolize(ip)}:`
  if (isArm64(session)) {
    const code = await codeAt(session, ip, ARM64_INSTRUCTION)
    return [
      place,
      `${hex64(ip)} ${code.byteLength === 0 ? '????????' : digits(code.reverse())} (no disassembler of ARM64)`,
    ]
  }
  const registers = from instanceof Registers ? from : session.registers
  const decoded = await disassembleAt(session, registers.rip)
  if (typeof decoded === 'string') return [place, `${hex64(registers.rip)} ${decoded}`]
  const operand = memoryOperand(session, registers, decoded.instruction)
  return [place, `${decoded.text}${operand}`]
}

export interface DisassembledLine {
  /** `fffff804`7bdf5a80 48894c2408      mov     qword ptr [rsp+8],rcx` */
  readonly text: string
  readonly instruction: Instruction
}

/** One line of `u`; a text says why there is none. */
export async function disassembleAt(session: Session, address: bigint): Promise<DisassembledLine | string> {
  requireX64(session)
  const bytes = await codeAt(session, address, LONGEST_INSTRUCTION)
  if (bytes.byteLength === 0) return '??              ???'
  if (session.disassembler === null) return `${digits(bytes.subarray(0, 8))} (no disassembler)`
  const instruction = session.disassembler.decode(bytes, address)
  if (instruction === null) return `${digits(bytes.subarray(0, 1)).padEnd(BYTES_COLUMN)}???`
  const code = digits(bytes.subarray(0, instruction.byteLength)).padEnd(BYTES_COLUMN - 1)
  let { operands } = instruction
  if (instruction.target !== null) {
    const name = await session.symbolize(instruction.target)
    operands = operands.replace(TARGET, `${name} (${hex64(instruction.target)})`)
  }
  const text = `${hex64(address)} ${code} ${instruction.mnemonic.padEnd(OPERAND_COLUMN - 1)} ${operands}`
  return { text: text.trimEnd(), instruction }
}

/** Where the disassembler puts the address that is replaced by a name. */
export const TARGET = '$target'

/** Code of the dump; of the image's file where the dump does not hold it and the file is at hand. */
async function codeAt(session: Session, address: bigint, byteLength: number): Promise<Uint8Array> {
  const module = session.modules.at(address)
  if (module === null) return session.memory.available(address, byteLength)
  const bytes = new Uint8Array(byteLength)
  const rva = Number(address - module.base) // inside the module
  let got = module.read(rva, bytes)
  if (got === 0 && (await module.fetchImageFile(session.symbolSource, session.signal))) {
    got = module.read(rva, bytes)
  }
  return bytes.subarray(0, got)
}

const digits = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** ` ss:0018:ffff8504`29890ef0=000000001000007e` */
function memoryOperand(session: Session, registers: Registers, instruction: Instruction): string {
  const operand = instruction.memory
  if (operand === null || operand.byteLength === 0 || operand.byteLength > 8) return ''
  const names = [operand.base, operand.index].filter((name) => name !== null)
  if (names.some((name) => registers.value(name) === null)) return ` ${operand.segment}:????????\`????????`
  const part = (name: string | null): bigint => (name === null ? 0n : (registers.value(name) ?? 0n))
  const address = BigInt.asUintN(
    64,
    part(operand.base) + part(operand.index) * BigInt(operand.scale) + operand.displacement,
  )
  const selector = (registers.value(operand.segment) ?? 0n).toString(16).padStart(4, '0')
  const bytes = session.memory.available(address, operand.byteLength)
  const width = operand.byteLength * 2
  let value = 0n
  for (const byte of [...bytes].reverse()) value = (value << 8n) | BigInt(byte)
  const shown =
    bytes.byteLength < operand.byteLength ? '?'.repeat(width) : value.toString(16).padStart(width, '0')
  return ` ${operand.segment}:${selector}:${hex64(address)}=${shown}`
}
