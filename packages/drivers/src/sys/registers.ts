// The registers of guest code, and what Windows makes of them: CONTEXT and EXCEPTION_RECORD64 (winnt.h).
import { type Gva, gva } from '@dumpstack/bytes'
import { type Cpu, callBytes, Gpr } from '@dumpstack/cpu'
import { CONTEXT_FULL, ContextX64, ExceptionRecord64 } from '@dumpstack/nt'

/** What was raised: the fields of an EXCEPTION_RECORD that are not of the place. */
export interface Raised {
  readonly code: number
  readonly flags: number
  readonly parameters: readonly bigint[]
}

export interface Registers {
  readonly gpr: bigint[]
  readonly xmm: Uint8Array
  readonly eFlags: number
  readonly mxCsr: number
  rip: bigint
}

const REGISTERS = 16
export const XMM_BYTES = 16
const GPR_AT = ContextX64.fields.rax.offset
const XMM_AT = ContextX64.fields.fltSave.offset + 0xa0

/** Selectors of x64 Windows in ring 0, which all kernel code runs with. */
const KERNEL_SEGMENTS = { cs: 0x10, ss: 0x18, data: 0x2b, fs: 0x53 } as const

/** `isServed`: an import is being served; the registers are then those of the code that called it, where it goes on. */
export function registersOf(cpu: Cpu, isServed: boolean): Registers {
  const gpr = Array.from({ length: REGISTERS }, (_, index) => cpu.readGpr(index as Gpr)) // 0 to 15 are all there are
  const xmm = new Uint8Array(REGISTERS * XMM_BYTES)
  for (let index = 0; index < REGISTERS; index++) xmm.set(cpu.xmm(index), index * XMM_BYTES)
  const others = { xmm, eFlags: cpu.rflags, mxCsr: cpu.mxcsr }
  if (!isServed) return { gpr, ...others, rip: cpu.rip }
  const rip = cpu.returnAddress
  gpr[Gpr.rsp] = gpr[Gpr.rsp]! + 8n
  return { gpr, ...others, rip }
}

/** At the first instruction of a routine that the host calls with rsp at `top`; what the arguments do not say is as it is now. */
export function registersAtEntry(cpu: Cpu, entry: Gva, args: readonly bigint[], top: bigint): Registers {
  const registers = registersOf(cpu, false)
  const { gpr } = registers
  for (const [index, register] of [Gpr.rcx, Gpr.rdx, Gpr.r8, Gpr.r9].entries())
    gpr[register] = args[index] ?? gpr[register]!
  gpr[Gpr.rsp] = (top & ~0xfn) - BigInt(callBytes(args.length))
  return { ...registers, rip: entry }
}

/** At the call of the import that is being served, about to be made; where it goes on if the call has none of the usual forms. */
export function registersAtCall(cpu: Cpu): Registers {
  const registers = registersOf(cpu, true)
  return { ...registers, rip: callBefore(cpu, registers, cpu.rip) }
}

const REX_B = 0x41
const REX_W = 0x48
const CALL_RELATIVE = 0xe8
const INDIRECT = 0xff
const CALL_INDIRECT = 0x15
const JMP_INDIRECT = 0x25
const CALL_REGISTER = 0xd0

/**
 * Where the call to `target` begins that goes on at rip: through the import table with or without REX.W, by a register that holds its address, or
 * of a `jmp` through the import table. Intel SDM volume 2, CALL.
 */
function callBefore(cpu: Cpu, { gpr, rip }: Registers, target: bigint): bigint {
  const code = bytesAt(cpu, rip - 7n, 7)
  const before = (count: number): number => code[7 - count]!
  const rexB = before(3) === REX_B
  const register = (before(1) & 7) + (rexB ? 8 : 0)
  if (before(2) === INDIRECT && (before(1) & 0xf8) === CALL_REGISTER && gpr[register] === target)
    return rip - (rexB ? 3n : 2n)
  if (before(6) === INDIRECT && before(5) === CALL_INDIRECT && pointerBefore(cpu, rip) === target)
    return rip - (before(7) === REX_W ? 7n : 6n)
  if (before(5) !== CALL_RELATIVE) return rip
  const thunk = rip + displacementBefore(cpu, rip)
  const [first, second, third] = bytesAt(cpu, thunk, 3)
  const jump = first === REX_W ? thunk + 1n : thunk
  const isJump =
    first === REX_W
      ? second === INDIRECT && third === JMP_INDIRECT
      : first === INDIRECT && second === JMP_INDIRECT
  return isJump && pointerBefore(cpu, jump + 6n) === target ? rip - 5n : rip
}

/** The pointer that an instruction names by a displacement from its end, where it ends. */
function pointerBefore(cpu: Cpu, end: bigint): bigint {
  const pointer = bytesAt(cpu, end + displacementBefore(cpu, end), 8)
  return new DataView(pointer.buffer).getBigUint64(0, true)
}

const displacementBefore = (cpu: Cpu, end: bigint): bigint =>
  BigInt(new DataView(bytesAt(cpu, end - 4n, 4).buffer).getInt32(0, true))

/** Zeros where nothing is mapped. */
function bytesAt(cpu: Cpu, address: bigint, count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count)
  cpu.read(gva(BigInt.asUintN(64, address)), bytes)
  return bytes
}

/** All but the flags. */
export function loadRegisters(cpu: Cpu, { gpr, xmm, rip }: Registers): void {
  for (const [index, value] of gpr.entries()) cpu.writeGpr(index as Gpr, value) // as above
  for (let index = 0; index < REGISTERS; index++)
    cpu.xmm(index).set(xmm.subarray(index * XMM_BYTES, (index + 1) * XMM_BYTES))
  cpu.rip = gva(rip)
}

export const copied = (registers: Registers): Registers => ({
  ...registers,
  gpr: registers.gpr.slice(),
  xmm: registers.xmm.slice(),
})

export function contextOf({ gpr, xmm, eFlags, mxCsr, rip }: Registers): Uint8Array {
  const bytes = new Uint8Array(ContextX64.size)
  const context = ContextX64.of(bytes)
  const view = new DataView(bytes.buffer)
  context.contextFlags = CONTEXT_FULL
  context.segCs = KERNEL_SEGMENTS.cs
  context.segSs = KERNEL_SEGMENTS.ss
  context.segDs = KERNEL_SEGMENTS.data
  context.segEs = KERNEL_SEGMENTS.data
  context.segFs = KERNEL_SEGMENTS.fs
  context.segGs = KERNEL_SEGMENTS.data
  context.mxCsr = mxCsr
  context.fltSaveMxCsr = mxCsr
  context.eFlags = eFlags
  context.rip = rip
  for (const [index, value] of gpr.entries())
    view.setBigUint64(GPR_AT + index * 8, BigInt.asUintN(64, value), true)
  bytes.set(xmm, XMM_AT)
  return bytes
}

/** The general registers and rip of a CONTEXT. */
export function registersIn(context: Uint8Array): Pick<Registers, 'gpr' | 'rip'> {
  const view = new DataView(context.buffer, context.byteOffset)
  const gpr = Array.from({ length: REGISTERS }, (_, index) => view.getBigUint64(GPR_AT + index * 8, true))
  return { gpr, rip: ContextX64.at(view).rip }
}

export function exceptionRecordOf({ code, flags, parameters }: Raised, address: bigint): Uint8Array {
  const bytes = new Uint8Array(ExceptionRecord64.size)
  const record = ExceptionRecord64.of(bytes)
  record.exceptionCode = code
  record.exceptionFlags = flags
  record.exceptionAddress = address
  record.numberParameters = parameters.length
  for (const [index, value] of parameters.entries()) record.exceptionInformation.set(index, value)
  return bytes
}
