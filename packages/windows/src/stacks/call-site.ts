// Where one function calls another, found in the machine code: a return address that a debugger prints must lie behind a
// real call instruction (Intel SDM volume 2, CALL: E8 rel32; FF /2 with a ModRM operand).
import { hex } from '@dumpstack/bytes'
import { WindowsError } from '../errors.ts'

/** What the call instruction names. */
export type CallTarget =
  | { readonly kind: 'direct'; readonly rva: number }
  /** Through an import address table slot: call [rip+disp32]. */
  | { readonly kind: 'import'; readonly iatRva: number }
  /** Through a pointer in a register or in memory: a dispatch table. */
  | { readonly kind: 'pointer' }

export interface CallerCode {
  readonly name: string
  /** RVA of the first byte of `code`. */
  readonly beginRva: number
  readonly code: Uint8Array
}

const CALL_REL32 = 0xe8
const GROUP_5 = 0xff
const CALL_RIP_RELATIVE = 0x15 // ModRM: mod 0, reg 2, rm 5

/** RVA behind the first call of `target`. Throws WindowsError NO_CALL_SITE. */
export function findReturnAddress(caller: CallerCode, target: CallTarget): number {
  const { code, beginRva } = caller
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength)
  for (let at = 0; at < code.byteLength; at++) {
    const end = endOfCall(view, at, beginRva, target)
    if (end > 0) return beginRva + end
  }
  throw new WindowsError('NO_CALL_SITE', `${caller.name} has no call of ${targetName(target)}`, {
    caller: caller.name,
  })
}

/** RVA behind the first occurrence of an instruction's bytes. Throws WindowsError NO_INSTRUCTION. */
export function findBehind(caller: CallerCode, instruction: readonly number[]): number {
  const { code, beginRva } = caller
  for (let at = 0; at + instruction.length <= code.byteLength; at++) {
    if (instruction.every((byte, index) => code[at + index] === byte))
      return beginRva + at + instruction.length
  }
  const bytes = instruction.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
  throw new WindowsError('NO_INSTRUCTION', `${caller.name} has no instruction ${bytes}`, {
    caller: caller.name,
  })
}

/** Offset behind the call at `at`; 0 where there is none of `target`. */
function endOfCall(view: DataView, at: number, beginRva: number, target: CallTarget): number {
  const opcode = view.getUint8(at)
  switch (target.kind) {
    case 'direct': {
      const end = at + 5
      const isCall = opcode === CALL_REL32 && end <= view.byteLength
      return isCall && beginRva + end + view.getInt32(at + 1, true) === target.rva ? end : 0
    }
    case 'import': {
      const end = at + 6
      const isCall =
        opcode === GROUP_5 && end <= view.byteLength && view.getUint8(at + 1) === CALL_RIP_RELATIVE
      return isCall && beginRva + end + view.getInt32(at + 2, true) === target.iatRva ? end : 0
    }
    case 'pointer':
      return opcode === GROUP_5 ? endOfPointerCall(view, at) : 0
  }
}

function endOfPointerCall(view: DataView, at: number): number {
  // 0xff before it: the tail of a negative displacement, not an opcode.
  if (at + 2 > view.byteLength || (at > 0 && view.getUint8(at - 1) === GROUP_5)) return 0
  const modRm = view.getUint8(at + 1)
  if (((modRm >> 3) & 7) !== 2) return 0
  const mod = modRm >> 6
  const rm = modRm & 7
  if (mod === 3) return at + 2
  if (mod === 0 && rm === 5) return at + 6
  const hasSib = rm === 4
  let displacement = mod === 1 ? 1 : mod === 2 ? 4 : 0
  if (hasSib && mod === 0 && at + 3 <= view.byteLength && (view.getUint8(at + 2) & 7) === 5) displacement = 4
  const end = at + 2 + (hasSib ? 1 : 0) + displacement
  return end <= view.byteLength ? end : 0
}

function targetName(target: CallTarget): string {
  switch (target.kind) {
    case 'direct':
      return `the function at rva ${hex(target.rva)}`
    case 'import':
      return `the import at rva ${hex(target.iatRva)}`
    case 'pointer':
      return 'a pointer'
  }
}
