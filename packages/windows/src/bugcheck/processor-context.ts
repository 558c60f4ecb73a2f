// CONTEXT of a stopped processor, as the freeze saves it: in the block that KPRCB.Context points to and in
// KPRCB.ProcessorState.
import { type Gpa, gva } from '@dumpstack/bytes'
import { CONTEXT_ALL, ContextX64, Kpcr, Kprcb, KprocessorState, KspecialRegisters } from '@dumpstack/nt'
import type { AddressSpace } from '../boot/address-space.ts'
import { INITIAL_MXCSR, type Processor } from '../boot/processors.ts'
import { KERNEL_CS, KERNEL_SS } from '../stacks/stack-writer.ts'
import type { StoppedAt } from '../stacks/thread-stacks.ts'

const USER_DATA_SELECTOR = 0x2b
const USER_TEB_SELECTOR = 0x53
const X87_CONTROL_WORD = 0x27f
const MXCSR_MASK = 0xffff
const HIGH_LEVEL = 15

export function contextRecord(at: StoppedAt): Uint8Array {
  const bytes = new Uint8Array(ContextX64.size)
  const context = ContextX64.of(bytes)
  context.contextFlags = CONTEXT_ALL
  context.mxCsr = INITIAL_MXCSR
  context.fltSaveMxCsr = INITIAL_MXCSR
  context.mxCsrMask = MXCSR_MASK
  context.controlWord = X87_CONTROL_WORD
  context.segCs = KERNEL_CS
  context.segSs = KERNEL_SS
  context.segDs = USER_DATA_SELECTOR
  context.segEs = USER_DATA_SELECTOR
  context.segFs = USER_TEB_SELECTOR
  context.segGs = USER_DATA_SELECTOR
  context.eFlags = at.eFlags
  const r = at.registers
  context.rax = r[0]!
  context.rcx = r[1]!
  context.rdx = r[2]!
  context.rbx = r[3]!
  context.rsp = r[4]!
  context.rbp = r[5]!
  context.rsi = r[6]!
  context.rdi = r[7]!
  context.r8 = r[8]!
  context.r9 = r[9]!
  context.r10 = r[10]!
  context.r11 = r[11]!
  context.r12 = r[12]!
  context.r13 = r[13]!
  context.r14 = r[14]!
  context.r15 = r[15]!
  context.rip = at.rip
  return bytes
}

/** Everything that a stopped processor leaves in its KPCR. */
export function saveProcessorState(
  space: AddressSpace,
  processor: Processor,
  context: Uint8Array,
  directoryTableBase: Gpa,
): void {
  const { kpcr, kprcb } = processor
  space.write(processor.context, context)
  const state = kprcb + BigInt(Kprcb.fields.processorState.offset)
  space.write(gva(state + BigInt(KprocessorState.fields.contextFrame.offset)), context)
  const special = state + BigInt(KprocessorState.fields.specialRegisters.offset)
  space.setU64(gva(special + BigInt(KspecialRegisters.fields.cr3.offset)), BigInt(directoryTableBase))
  space.setU64(gva(special + BigInt(KspecialRegisters.fields.cr8.offset)), BigInt(HIGH_LEVEL))
  space.write(gva(kpcr + BigInt(Kpcr.fields.irql.offset)), Uint8Array.of(HIGH_LEVEL))
}
