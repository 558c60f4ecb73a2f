// Where a context points: the name of the place, then the instruction with the memory that it touches.
import { hex64 } from '@dumpstack/bytes'
import type { Write } from './command.ts'
import type { Instruction } from './disassembler.ts'
import { isArm64, requireX64 } from './processors.ts'
import { type RegisterFile, Registers } from './registers.ts'
import type { Session } from './session.ts'

const MAX_INSTRUCTION_BYTES = 15
const ARM64_INSTRUCTION = 4
const OPERAND_COLUMN = 8
const BYTES_COLUMN = 16
/** Bytes of code that are shown where nothing tells how long the instruction is. */
const RAW_BYTES = 8

/** The name of the place that the next instruction lies at. */
export type LabelFact = { readonly kind: 'label'; readonly address: bigint; readonly symbol: string }

export type InstructionFact = {
  readonly kind: 'instruction'
  readonly address: bigint
  /** Digits; empty where the code is absent. */
  readonly bytes: string
  /** Null where there is no instruction; then `why` may say more. */
  readonly mnemonic: string | null
  readonly operands: string
  /** The memory operand, where registers are known: `value` is null where the memory, or a register of its address, is not. */
  readonly memory: {
    readonly segment: string
    readonly selector: bigint
    readonly address: bigint | null
    readonly byteLength: number
    readonly value: bigint | null
  } | null
  readonly why: string | null
}

export async function* placeFacts(
  session: Session,
  from?: RegisterFile,
): AsyncGenerator<LabelFact | InstructionFact> {
  const { ip } = from ?? session.registerFile
  const label = { kind: 'label', address: ip, symbol: await session.symbolize(ip) } as const
  if (isArm64(session)) {
    yield label
    const bytes = digits((await codeAt(session, ip, ARM64_INSTRUCTION)).reverse())
    yield { ...unknown(ip, bytes), why: 'no disassembler of ARM64' }
    return
  }
  const registers = from instanceof Registers ? from : session.registers
  yield label
  yield await instructionAt(session, registers.rip, registers)
}

const unknown = (address: bigint, bytes: string): InstructionFact => ({
  kind: 'instruction',
  address,
  bytes,
  mnemonic: null,
  operands: '',
  memory: null,
  why: null,
})

/** Without `registers` memory operands are left alone. Throws DebuggerError MACHINE_UNSUPPORTED. */
export async function instructionAt(
  session: Session,
  address: bigint,
  registers: Registers | null = null,
): Promise<InstructionFact> {
  requireX64(session)
  const code = await codeAt(session, address, MAX_INSTRUCTION_BYTES)
  if (code.byteLength === 0) return unknown(address, '')
  if (session.disassembler === null) {
    return { ...unknown(address, digits(code.subarray(0, RAW_BYTES))), why: 'no disassembler' }
  }
  const instruction = session.disassembler.decode(code, address)
  if (instruction === null) return unknown(address, digits(code.subarray(0, 1)))
  let { operands } = instruction
  if (instruction.target !== null) {
    const name = await session.symbolize(instruction.target)
    operands = operands.replace(TARGET, `${name} (${hex64(instruction.target)})`)
  }
  return {
    kind: 'instruction',
    address,
    bytes: digits(code.subarray(0, instruction.byteLength)),
    mnemonic: instruction.mnemonic,
    operands,
    memory: registers === null ? null : memoryOperand(session, registers, instruction),
    why: null,
  }
}

/** Where the disassembler puts the address that is replaced by a name. */
export const TARGET = '$target'

/** Code of the target's memory; of the image's file where that does not hold it and the file is at hand. */
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

function memoryOperand(
  session: Session,
  registers: Registers,
  { memory: operand }: Instruction,
): InstructionFact['memory'] {
  if (operand === null || operand.byteLength === 0 || operand.byteLength > 8) return null
  const { segment, byteLength } = operand
  const selector = registers.value(segment) ?? 0n
  const names = [operand.base, operand.index].filter((name) => name !== null)
  if (names.some((name) => registers.value(name) === null)) {
    return { segment, selector, address: null, byteLength, value: null }
  }
  const part = (name: string | null): bigint => (name === null ? 0n : (registers.value(name) ?? 0n))
  const address = BigInt.asUintN(
    64,
    part(operand.base) + part(operand.index) * BigInt(operand.scale) + operand.displacement,
  )
  const bytes = session.memory.available(address, byteLength)
  let value = 0n
  for (const byte of [...bytes].reverse()) value = (value << 8n) | BigInt(byte)
  return { segment, selector, address, byteLength, value: bytes.byteLength < byteLength ? null : value }
}

/** `nt!KeBugCheckEx:`, or `fffff804`7bdf5a80 48894c2408      mov     qword ptr [rsp+8],rcx ss:0018:...` */
export function printPlace(fact: LabelFact | InstructionFact, write: Write): void {
  if (fact.kind === 'label') {
    write(`${fact.symbol}:`)
    return
  }
  const { address, bytes, mnemonic, operands, memory, why } = fact
  if (mnemonic !== null) {
    const text = `${hex64(address)} ${bytes.padEnd(BYTES_COLUMN - 1)} ${mnemonic.padEnd(OPERAND_COLUMN - 1)} ${operands}`
    write(`${text.trimEnd()}${memory === null ? '' : memoryText(memory)}`)
  } else if (why === null) write(`${hex64(address)} ${(bytes || '??').padEnd(BYTES_COLUMN)}???`)
  else write(`${hex64(address)} ${bytes || '????????'} (${why})`)
}

/** ` ss:0018:ffff8504`29890ef0=000000001000007e` */
function memoryText({
  segment,
  selector,
  address,
  byteLength,
  value,
}: NonNullable<InstructionFact['memory']>): string {
  if (address === null) return ` ${segment}:????????\`????????`
  const width = byteLength * 2
  const shown = value === null ? '?'.repeat(width) : value.toString(16).padStart(width, '0')
  return ` ${segment}:${selector.toString(16).padStart(4, '0')}:${hex64(address)}=${shown}`
}
