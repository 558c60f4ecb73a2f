// The lines of `r` without the instruction.
import type { Write } from './command.ts'
import type { GeneralRegister, RegistersFact } from './registers.ts'
import { NAMES_ARM64 } from './registers-arm64.ts'

/** Bits of EFLAGS in the order of the flags line, with the names for set and clear. */
const FLAGS = [
  [11, 'ov', 'nv'],
  [10, 'dn', 'up'],
  [9, 'ei', 'di'],
  [7, 'ng', 'pl'],
  [6, 'zr', 'nz'],
  [4, 'ac', 'na'],
  [2, 'pe', 'po'],
  [0, 'cy', 'nc'],
] as const

/** Bits of the condition flags, in the order in which they are shown. */
const CONDITIONS = [
  [31, 'N'],
  [30, 'Z'],
  [29, 'C'],
  [28, 'V'],
] as const

const COLUMNS_ARM64 = 4

export const printRegisters = (fact: RegistersFact, write: Write): void =>
  fact.machine === 'x64' ? printX64(fact, write) : printArm64(fact, write)

function printX64({ values }: RegistersFact, write: Write): void {
  const row = (...names: readonly GeneralRegister[]): void =>
    write(names.map((name) => `${name.padStart(3)}=${digits(values[name], 16)}`).join(' '))
  row('rax', 'rbx', 'rcx')
  row('rdx', 'rsi', 'rdi')
  row('rip', 'rsp', 'rbp')
  row('r8', 'r9', 'r10')
  row('r11', 'r12', 'r13')
  row('r14', 'r15')
  const eFlags = Number(values['efl'] ?? 0n) // 32 bits
  const flag = (bit: number) => (eFlags >>> bit) & 1
  const flags = FLAGS.map(([bit, set, clear]) => (flag(bit) === 1 ? set : clear)).join(' ')
  write(
    `iopl=${(eFlags >>> 12) & 3} ${flag(20) === 1 ? 'vip' : '   '} ${flag(19) === 1 ? 'vif' : '   '} ${flags}`,
  )
  const segments = ['cs', 'ss', 'ds', 'es', 'fs', 'gs'].map((name) => `${name}=${digits(values[name], 4)}`)
  write(`${segments.join('  ')}             efl=${digits(values['efl'], 8)}`)
}

function printArm64({ values }: RegistersFact, write: Write): void {
  const cells = NAMES_ARM64.map((name) => `${name.padStart(3)}=${digits(values[name], 16)}`)
  const psr = Number(values['psr'] ?? 0n) // 32 bits
  const flags = CONDITIONS.map(([bit, letter]) => ((psr >>> bit) & 1 ? letter : '-')).join('')
  for (let at = 0; at < cells.length; at += COLUMNS_ARM64) {
    const isLast = at + COLUMNS_ARM64 >= cells.length
    const state = isLast ? `  psr=${digits(values['psr'], 8)} ${flags} EL${(psr >>> 2) & 3}` : ''
    write(`${cells.slice(at, at + COLUMNS_ARM64).join('  ')}${state}`)
  }
}

const digits = (value: bigint | null | undefined, width: number): string =>
  value?.toString(16).padStart(width, '0') ?? '?'.repeat(width)
