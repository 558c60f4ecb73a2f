// What disassembles: injected, since the library for it is WebAssembly that each host loads in its own way.

export interface MemoryOperand {
  /** `ss`, `ds`, ... as the processor would choose it. */
  readonly segment: string
  /** Register names; null where there is none. `rip` is never a base: the displacement is then the whole address. */
  readonly base: string | null
  readonly index: string | null
  readonly scale: number
  readonly displacement: bigint
  /** Bytes that the operand has; 0 where only its address counts. */
  readonly byteLength: number
}

export interface Instruction {
  readonly byteLength: number
  /** `mov     qword ptr [rsp+8],rcx` */
  readonly mnemonic: string
  readonly operands: string
  /** Target of a near branch or call, or address of a rip-relative operand; null where there is none. */
  readonly target: bigint | null
  readonly memory: MemoryOperand | null
}

export interface Disassembler {
  /** The first instruction of `bytes`, which lie at `address`; null where the bytes are no whole instruction. */
  decode(bytes: Uint8Array, address: bigint): Instruction | null
}
