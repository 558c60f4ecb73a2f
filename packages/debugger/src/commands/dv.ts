import { type Gva, hex64 } from '@dumpstack/bytes'
import { type LocalVariable, type SymbolFile, typeText } from '@dumpstack/symbols'
import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { TargetMemory } from '../memory.ts'
import { noSymbols } from '../modules.ts'
import type { Registers } from '../registers.ts'
import type { Session } from '../session.ts'
import { valueText } from '../typed-value.ts'
import { wildcard } from './arguments.ts'

export type LocalFact = {
  readonly kind: 'local'
  readonly name: string
  readonly type: string
  readonly isParameter: boolean
  /** Null where the symbols do not say where it is at this place of the code. */
  readonly register: string | null
  /** From the value of the register; null for one that is in it. */
  readonly offset: number | null
  /** Null for one in a register, and where the register's value is not known. */
  readonly address: bigint | null
  /** Null where it is not known. */
  readonly value: string | null
}

const PLACE_COLUMN = 30

export const dv: Command<LocalFact> = {
  names: ['dv'],
  help: {
    summary: 'show local variables and where they are',
    usage: ['dv [PATTERN]'],
    text:
      'Shows parameters (prv param) and other locals (prv local) of the function of the chosen frame (.frame): the register or the ' +
      'address that holds each, its type and its value. Optimised code keeps a value only as long as it is needed: a local that is in no ' +
      'place at this instruction, or in a register that a call has lost, is <unavailable>. Needs a PDB with the types of the module.',
    examples: ['dv', 'dv srb*', '.frame 1; dv'],
    follows:
      'learn.microsoft.com/windows-hardware/drivers/debuggercmds/dv--display-local-variables-, as with /i /t /V',
  },
  async *facts(session, { rest }) {
    const { registers, at } = scopeOf(session)
    const module = session.modules.at(at)
    if (module === null) throw new DebuggerError('MODULE_UNKNOWN', `no module holds ${hex64(at)}`)
    await session.loadSymbols(module)
    const file = module.symbols
    if (file === null) throw new DebuggerError('SYMBOL_UNKNOWN', noSymbols(module))
    const procedure = file.procedureAt(Number(at - module.base)) // inside the module
    if (procedure === null)
      throw new DebuggerError('SYMBOL_UNKNOWN', `${file.origin} describes no function at ${hex64(at)}`)
    const isWanted = wildcard(rest === '' ? '*' : rest)
    for (const local of procedure.locals) {
      if (isWanted(local.name)) yield localFact(session, file, registers, local)
    }
  },
  print({ name, type, isParameter, register, offset, address, value }, write) {
    const side = offset !== null && offset < 0 ? '-' : '+'
    const beside = offset === null ? '' : `${side}0x${Math.abs(offset).toString(16).padStart(4, '0')}`
    const at = address === null ? '' : `${hex64(address)} `
    const place = register === null ? '<unavailable>' : `${at}@${register}${beside}`
    const shown = value ?? '<value unavailable>'
    write(`prv ${isParameter ? 'param' : 'local'} ${place.padEnd(PLACE_COLUMN)} ${type} ${name} = ${shown}`)
  },
}

/** Registers of the chosen frame, and an address of the code that ran in it: that of the call where it called. */
function scopeOf(session: Session): { readonly registers: Registers; readonly at: bigint } {
  const chosen = session.scope
  if (chosen === null) return { registers: session.registers, at: session.registers.rip }
  const { registers, ip, foundBy } = chosen.frame
  return { registers, at: foundBy === 'frame' ? ip : ip - 1n }
}

function localFact(
  { memory }: Session,
  file: SymbolFile,
  registers: Registers,
  { name, type, isParameter, place }: LocalVariable,
): LocalFact {
  const of = { kind: 'local', name, type: typeText(file, type), isParameter } as const
  if (place === null) return { ...of, register: null, offset: null, address: null, value: null }
  const { register } = place
  const held = registers.value(register)
  if (place.kind === 'register') {
    const value =
      held === null ? null : valueText(file, file.resolve(type), 0n, new TargetMemory(registerBytes(held)))
    return { ...of, register, offset: null, address: null, value }
  }
  const { offset } = place
  const address = held === null ? null : BigInt.asUintN(64, held + BigInt(offset))
  const value = address === null ? null : valueText(file, file.resolve(type), address, memory)
  return { ...of, register, offset, address, value }
}

/** A value of a register as memory from address 0 on. */
function registerBytes(value: bigint): TargetMemory['space'] {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value, true)
  return {
    read(at: Gva, into) {
      const found = at < 8n ? bytes.subarray(Number(at), Number(at) + into.byteLength) : bytes.subarray(8)
      into.set(found)
      return found.byteLength
    },
    absence: (at) => (at < 8n ? null : 'notMapped'),
    translate: () => null,
  }
}
