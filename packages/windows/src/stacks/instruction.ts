// Where an instruction stands in a function's machine code, found by its bytes.
import { WindowsError } from '../errors.ts'

export interface FunctionCode {
  readonly name: string
  /** RVA of the first byte of `code`. */
  readonly beginRva: number
  readonly code: Uint8Array
}

/** RVA behind the first occurrence. Throws WindowsError NO_INSTRUCTION. */
export function findBehind(where: FunctionCode, instruction: readonly number[]): number {
  const { code, beginRva } = where
  for (let at = 0; at + instruction.length <= code.byteLength; at++) {
    if (instruction.every((byte, index) => code[at + index] === byte))
      return beginRva + at + instruction.length
  }
  const bytes = instruction.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
  throw new WindowsError('NO_INSTRUCTION', `${where.name} has no instruction ${bytes}`, { name: where.name })
}
