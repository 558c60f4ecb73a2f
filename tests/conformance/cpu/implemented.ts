// Every instruction form that the processor implements, found by asking it: each opcode of each map, under each prefix that
// selects another instruction, with every reg field, for a register and for memory.
import type { DecodedInstruction, Operand } from '@dumpstack/cpu'
import { IcedDecoder } from '@dumpstack/cpu/node'
import { EmbeddedCpu } from './embedded-cpu.ts'
import { CODE, CODE_AT, KERNEL_CS, KERNEL_SS, RECORD_BYTES, Record, STACK } from './layout.ts'

const PREFIXES = [[], [0x67], [0x66], [0xf2], [0xf3], [0x48], [0x66, 0x48], [0xf2, 0x48], [0xf3, 0x48]]
const MAPS = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]]
/** Of map 0f: a register where others have memory selects instructions by all of ModRM. */
const GROUPS = new Set([0x01, 0x18, 0x1e, 0xae, 0xc7])
/** mod 0 and mod 3 with rm 1: [rcx], ecx. */
const MODRM = Array.from({ length: 8 }, (_, reg) => [reg * 8 + 1, 0xc1 + reg * 8]).flat()
const ALL_REGISTERS = Array.from({ length: 64 }, (_, i) => 0xc0 + i)
const OPERANDS = [0, 0, 0, 0, 0, 0, 0, 0]
const decoder = new IcedDecoder()

const kindOf = (operand: Operand): string => (operand.kind === 'string' ? 'other' : operand.kind)

/** Mnemonic, operands, sizes and encoding by the decoder's name, and which operands are registers and which memory. */
export const formName = (one: DecodedInstruction): string => [one.form, ...one.operands.map(kindOf)].join(' ')

/** How an address is made. */
export const addressing = ({ operands }: DecodedInstruction): string | null => {
  const memory = operands.find((operand) => operand.kind === 'memory')
  if (memory?.kind !== 'memory') return null
  const { segment, base, index, addressSize } = memory
  const parts = [base === null ? null : 'base', index === null ? null : 'index']
  return `${segment === null ? '' : `${segment}:`}[${parts.filter((part) => part !== null).join('+')}]${addressSize}`
}

/** Form to the bytes of one instruction of it. */
function everyForm(): Map<string, Uint8Array> {
  const forms = new Map<string, Uint8Array>()
  const add = (...bytes: readonly number[]): void => {
    const one = decoder.decode(Uint8Array.from(bytes), 0n)
    if (typeof one === 'string') return
    const name = formName(one)
    if (!forms.has(name)) forms.set(name, Uint8Array.from(bytes.slice(0, one.byteLength)))
  }
  for (const prefix of PREFIXES) {
    for (const map of MAPS) {
      for (let opcode = 0; opcode < 256; opcode++) {
        const isGroup = map.length === 1 && GROUPS.has(opcode)
        for (const modrm of MODRM) add(...prefix, ...map, opcode, modrm, ...OPERANDS)
        if (isGroup) for (const modrm of ALL_REGISTERS) add(...prefix, ...map, opcode, modrm, ...OPERANDS)
      }
    }
  }
  // VEX without L: maps 0f 38 and 0f 3a, each mandatory prefix, W; vvvv is rdx
  for (const map of [2, 3]) {
    for (const w of [0, 0x80]) {
      for (let pp = 0; pp < 4; pp++) {
        for (let opcode = 0xf0; opcode < 0x100; opcode++) {
          for (const modrm of MODRM) add(0xc4, 0xe0 | map, w | 0x68 | pp, opcode, modrm, ...OPERANDS)
        }
      }
    }
  }
  return forms
}

/** Runs one instruction, in ring 0: how it ends, or what comes after it. */
export function stopOf(cpu: EmbeddedCpu, bytes: Uint8Array): ReturnType<EmbeddedCpu['run']> {
  cpu.write(CODE_AT, Uint8Array.from([...bytes, 0xcc, 0xcc, 0xcc, 0xcc]))
  const record = new Uint8Array(RECORD_BYTES)
  const view = new DataView(record.buffer)
  view.setBigUint64(1 * 8, 0xc0000101n, true) // rcx: an MSR that there is
  view.setBigUint64(4 * 8, STACK.address + 128n, true)
  view.setBigUint64(Record.rip, CODE, true)
  view.setBigUint64(Record.cs, KERNEL_CS, true)
  view.setBigUint64(Record.ss, KERNEL_SS, true)
  view.setUint32(Record.mxcsr, 0x1f80, true)
  return cpu.run(record)
}

/** What is refused for its operands' values is implemented all the same. */
export function isImplemented(cpu: EmbeddedCpu, bytes: Uint8Array, form: string): boolean {
  const stop = stopOf(cpu, bytes)
  return stop.reason !== 'notImplemented' || stop.form !== form
}

export function implementedForms(): string[] {
  const cpu = new EmbeddedCpu()
  return [...everyForm()]
    .filter(([name, bytes]) => isImplemented(cpu, bytes, name.split(' ')[0] ?? ''))
    .map(([name]) => name)
}
