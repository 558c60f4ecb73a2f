// The processors of the target: their KPRCBs, found through the debugger data, and the registers that each had.
import { type Gva, gva, hex, hex64 } from '@dumpstack/bytes'
import { type Dump, DumpHeader64, DumpType } from '@dumpstack/dumpfile'
import {
  ContextArm64,
  ContextX64,
  IMAGE_FILE_MACHINE_AMD64,
  IMAGE_FILE_MACHINE_ARM64,
  type KddebuggerData64,
  machineName,
} from '@dumpstack/nt'
import { DebuggerError } from './errors.ts'
import type { TargetMemory } from './memory.ts'
import { Registers } from './registers.ts'
import { RegistersArm64 } from './registers-arm64.ts'

export interface Processor {
  readonly number: number
  readonly prcb: Gva
  /** Address of its CONTEXT; null where the PRCB does not hold one. */
  readonly contextAddress: Gva | null
  readonly currentThread: Gva | null
}

/** Windows allows 2048 logical processors. */
const MAX_PROCESSORS = 2048

/** Processors whose PRCB the dump holds. */
export function readProcessors(dump: Dump, memory: TargetMemory, kdbg: KddebuggerData64 | null): Processor[] {
  if (kdbg === null) return []
  const processors: Processor[] = []
  const count = Math.min(dump.header.processorCount, MAX_PROCESSORS)
  const field = (prcb: bigint, offset: number): Gva | null => {
    const value = offset === 0 ? null : memory.tryU64(prcb + BigInt(offset))
    return value === null || value === 0n ? null : gva(value)
  }
  for (let number = 0; number < count; number++) {
    const prcb = memory.tryU64(kdbg.kiProcessorBlock + BigInt(number * 8))
    if (prcb === null || prcb === 0n) continue
    processors.push({
      number,
      prcb: gva(prcb),
      contextAddress: field(prcb, kdbg.offsetPrcbContext),
      currentThread: field(prcb, kdbg.offsetPrcbCurrentThread),
    })
  }
  return processors
}

/**
 * The processor of the crash: the one whose PRCB a minidump keeps apart; else the one whose registers the header
 * repeats; else the first.
 */
export function crashProcessor(dump: Dump, memory: TargetMemory, processors: readonly Processor[]): number {
  if (dump.header.dumpType === DumpType.triage) {
    const prcb = dump.triage?.prcb?.address
    const kept = processors.find((processor) => processor.prcb === prcb)
    if (kept !== undefined) return kept.number
  }
  const header = headerContext(dump)
  const same = processors.find(({ contextAddress }) => {
    if (contextAddress === null) return false
    const at = (field: { offset: number }) => memory.tryU64(contextAddress + BigInt(field.offset))
    return at(ContextX64.fields.rip) === header.rip && at(ContextX64.fields.rsp) === header.rsp
  })
  return same?.number ?? processors[0]?.number ?? 0
}

/** ContextRecord of the dump header: the registers of the exception. */
export const headerContext = (dump: Dump): ContextX64 =>
  ContextX64.of(DumpHeader64.of(dump.headerBytes).contextRecord)

/** The registers that a processor had when it was stopped: KPRCB.Context, which the freeze filled. */
export function processorRegisters(
  dump: Dump,
  memory: TargetMemory,
  processor: Processor | undefined,
  isCrashProcessor: boolean,
): Registers {
  requireX64(dump)
  const layout = { byteLength: ContextX64.size, ip: ContextX64.fields.rip.offset }
  return Registers.of(savedContext(dump, memory, processor, isCrashProcessor, layout))
}

export function processorRegistersArm64(
  dump: Dump,
  memory: TargetMemory,
  processor: Processor | undefined,
  isCrashProcessor: boolean,
): RegistersArm64 {
  const layout = { byteLength: ContextArm64.size, ip: ContextArm64.fields.pc.offset }
  return new RegistersArm64(savedContext(dump, memory, processor, isCrashProcessor, layout))
}

/** A copy of the CONTEXT that the PRCB points to, or, for the crash, of the one in the header. */
function savedContext(
  dump: Dump,
  memory: TargetMemory,
  processor: Processor | undefined,
  isCrashProcessor: boolean,
  layout: { readonly byteLength: number; readonly ip: number },
): Uint8Array {
  const isFilled = (bytes: Uint8Array) =>
    bytes.byteLength === layout.byteLength &&
    new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(layout.ip, true) !== 0n
  if (processor?.contextAddress != null) {
    const bytes = memory.available(processor.contextAddress, layout.byteLength)
    if (isFilled(bytes)) return bytes
  }
  if (processor !== undefined && !isCrashProcessor) {
    throw new DebuggerError(
      'CONTEXT_ABSENT',
      `the registers of processor ${processor.number} are not in the dump (PRCB at ${hex64(processor.prcb)})`,
    )
  }
  const kept = DumpHeader64.of(dump.headerBytes).contextRecord.slice(0, layout.byteLength)
  if (!isFilled(kept)) {
    throw new DebuggerError('CONTEXT_ABSENT', 'neither a PRCB nor the header of the dump holds registers')
  }
  return kept
}

export const isArm64 = (dump: Dump): boolean => dump.header.machine === IMAGE_FILE_MACHINE_ARM64

export function requireX64(dump: Dump): void {
  const { machine } = dump.header
  if (machine === IMAGE_FILE_MACHINE_AMD64) return
  throw new DebuggerError(
    'MACHINE_UNSUPPORTED',
    `stacks and code of ${machineName(machine) ?? `machine ${hex(machine)}`} are not read: those of x64 are, and registers of x64 and ARM64`,
    { machine },
  )
}
