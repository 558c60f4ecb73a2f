// The processors of the target: their KPRCBs, found through the debugger data, and the registers that each had.
import { type Gva, gva, hex, hex64 } from '@dumpstack/bytes'
import { type Dump, DumpHeader64, DumpType } from '@dumpstack/dumpfile'
import { ContextX64, IMAGE_FILE_MACHINE_AMD64, type KddebuggerData64, machineName } from '@dumpstack/nt'
import { DebuggerError } from './errors.ts'
import type { TargetMemory } from './memory.ts'
import { Registers } from './registers.ts'

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
  if (processor?.contextAddress != null) {
    const bytes = memory.available(processor.contextAddress, ContextX64.size)
    if (bytes.byteLength === ContextX64.size && ContextX64.of(bytes).rip !== 0n) return Registers.of(bytes)
  }
  if (processor !== undefined && !isCrashProcessor) {
    throw new DebuggerError(
      'CONTEXT_ABSENT',
      `the registers of processor ${processor.number} are not in the dump (PRCB at ${hex64(processor.prcb)})`,
    )
  }
  const context = headerContext(dump)
  if (context.rip === 0n) {
    throw new DebuggerError('CONTEXT_ABSENT', 'neither a PRCB nor the header of the dump holds registers')
  }
  return new Registers(context).clone()
}

export function requireX64(dump: Dump): void {
  const { machine } = dump.header
  if (machine === IMAGE_FILE_MACHINE_AMD64) return
  throw new DebuggerError(
    'MACHINE_UNSUPPORTED',
    `registers and stacks of ${machineName(machine) ?? `machine ${hex(machine)}`} are not read, only those of x64`,
    { machine },
  )
}
