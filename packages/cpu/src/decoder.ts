// What the processor needs to know of an instruction, from any decoder. Numbers are halves: the low and the high 32 bits.

/** `high`: ah, ch, dh, bh (index 0 to 3). */
export interface RegisterOperand {
  readonly kind: 'register'
  readonly index: number
  readonly size: 1 | 2 | 4 | 8
  readonly high: boolean
}
export interface XmmOperand {
  readonly kind: 'xmm'
  readonly index: number
  readonly size: 16
}
/** Relative to rip: `base` is null and the displacement is the address. */
export interface MemoryOperand {
  readonly kind: 'memory'
  readonly base: number | null
  readonly index: number | null
  readonly scale: number
  readonly lo: number
  readonly hi: number
  readonly segment: 'fs' | 'gs' | null
  /** Bytes accessed; 0 where nothing is (lea). */
  readonly size: number
  /** 4 with an address-size prefix. */
  readonly addressSize: 4 | 8
}
/** Extended to 64 bits as the instruction extends it. */
export interface ImmediateOperand {
  readonly kind: 'immediate'
  readonly lo: number
  readonly hi: number
  readonly size: number
}
export interface BranchOperand {
  readonly kind: 'branch'
  readonly lo: number
  readonly hi: number
  readonly size: 8
}
/** cr0 to cr8, dr0 to dr7, segment registers (es 0 to gs 5), the implied operands of string instructions, and what is never read. */
export interface OtherOperand {
  readonly kind: 'control' | 'debug' | 'segment' | 'string' | 'other'
  readonly index: number
  readonly size: number
}
export type Operand =
  | RegisterOperand
  | XmmOperand
  | MemoryOperand
  | ImmediateOperand
  | BranchOperand
  | OtherOperand

export interface DecodedInstruction {
  /** Lower case; conditional forms as `jcc`, `setcc`, `cmovcc`; string forms as `string movsd`. */
  readonly mnemonic: string
  /** 0 to 15 in the order of their encoding (o, no, b, ae, ...); -1 where there is none. */
  readonly condition: number
  readonly byteLength: number
  readonly operands: readonly Operand[]
  /** EFLAGS bits that it reads, and bits that it writes, clears, sets or leaves undefined. */
  readonly flagsRead: number
  readonly flagsWritten: number
  readonly repeat: 'rep' | 'repne' | null
  /** The form's name in messages: `Add_rm64_imm8`. */
  readonly form: string
}

export interface Decoder {
  /** `truncated`: more bytes are needed; `invalid`: no instruction has these bytes. */
  decode(bytes: Uint8Array, rip: bigint): DecodedInstruction | 'truncated' | 'invalid'
}
