// The processors of the target: their KPRCBs, found through the debugger data, and the registers that each had.
import { type Gva, gva, hex, hex64 } from '@dumpstack/bytes'
import { type Dump, DumpHeader64, PAGE_FILL_64 } from '@dumpstack/dumpfile'
import {
  ContextArm64,
  ContextX64,
  IMAGE_FILE_MACHINE_AMD64,
  IMAGE_FILE_MACHINE_ARM64,
  type KddebuggerData64,
  machineName,
  prcbNumber,
} from '@dumpstack/nt'
import { DebuggerError } from './errors.ts'
import type { TargetMemory } from './memory.ts'
import { type RegisterFile, Registers } from './registers.ts'
import { RegistersArm64 } from './registers-arm64.ts'

export interface Processor {
  readonly number: number
  /** Null where a minidump keeps the PRCB, but nothing tells where it lay. */
  readonly prcb: Gva | null
  /** Address of its CONTEXT; null where the PRCB does not hold one. */
  readonly contextAddress: Gva | null
  readonly currentThread: Gva | null
}

/** Windows allows 2048 logical processors. */
export const MAX_PROCESSORS = 2048

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
  const kept = keptProcessor(dump, kdbg)
  if (kept !== null && !processors.some(({ number }) => number === kept.number)) processors.push(kept)
  return processors
}

/** The processor of the crash, whose PRCB a minidump keeps apart from its memory; null for other dumps. */
function keptProcessor(dump: Dump, kdbg: KddebuggerData64): Processor | null {
  const { prcb, thread } = dump.triage ?? { prcb: null, thread: null }
  if (prcb === null) return null
  const bytes = new Uint8Array(prcb.byteLength)
  const view = new DataView(bytes.buffer, 0, dump.source.read(prcb.offset, bytes))
  const { offsetPrcbNumber, offsetPrcbContext } = kdbg
  if (offsetPrcbNumber === 0 || offsetPrcbNumber + 4 > view.byteLength) return null
  const number = prcbNumber(new DataView(bytes.buffer, offsetPrcbNumber, 4), kdbg)
  if (number >= MAX_PROCESSORS) return null
  const hasContext = offsetPrcbContext !== 0 && offsetPrcbContext + 8 <= view.byteLength
  const context = hasContext ? view.getBigUint64(offsetPrcbContext, true) : 0n
  return {
    number,
    prcb: prcb.address,
    contextAddress: context === 0n ? null : gva(context),
    currentThread: thread?.address ?? null,
  }
}

/**
 * The processor of the crash: the one whose PRCB a minidump keeps apart; else the one whose registers the header
 * repeats; else the first.
 */
export function crashProcessor(
  dump: Dump,
  memory: TargetMemory,
  kdbg: KddebuggerData64 | null,
  processors: readonly Processor[],
): number {
  const kept = kdbg === null ? null : keptProcessor(dump, kdbg)
  if (kept !== null) return kept.number
  const { rip, rsp } = ContextX64.fields
  const header = headerContext(dump)
  const same = processors.find(({ contextAddress }) => {
    if (contextAddress === null || header === null) return false
    const repeats = (field: { offset: number }) =>
      memory.tryU64(contextAddress + BigInt(field.offset)) === u64At(header, field.offset)
    return repeats(rip) && repeats(rsp)
  })
  return same?.number ?? processors[0]?.number ?? 0
}

/** CONTEXT of the dump's processor: its length, and where the address of the next instruction lies. */
const contextLayout = (dump: Dump): { readonly byteLength: number; readonly ip: number } =>
  isArm64(dump)
    ? { byteLength: ContextArm64.size, ip: ContextArm64.fields.pc.offset }
    : { byteLength: ContextX64.size, ip: ContextX64.fields.rip.offset }

const u64At = (bytes: Uint8Array, offset: number): bigint =>
  new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(offset, true)

/** Zeros and the header's fill PAGE are what nobody set (docs/formats/crash-dump.md, section 2): no address of an instruction. */
const isSet = (ip: bigint): boolean => ip !== 0n && ip !== PAGE_FILL_64

/** A copy of ContextRecord of the dump header, the registers of the exception; null where nobody set it. */
export function headerContext(dump: Dump): Uint8Array | null {
  const { byteLength, ip } = contextLayout(dump)
  const kept = DumpHeader64.of(dump.headerBytes).contextRecord.slice(0, byteLength)
  return isSet(u64At(kept, ip)) ? kept : null
}

export const processorRegisters = (
  dump: Dump,
  memory: TargetMemory,
  processor: Processor | undefined,
  isCrashProcessor: boolean,
): RegisterFile => registerFileOf(dump, savedContext(dump, memory, processor, isCrashProcessor))

/** `context` is a whole CONTEXT of the dump's processor. */
export const registerFileOf = (dump: Dump, context: Uint8Array): RegisterFile =>
  isArm64(dump) ? new RegistersArm64(context) : Registers.of(context)

/** A copy of the CONTEXT that the PRCB points to, or, for the crash, of the one in the header. */
function savedContext(
  dump: Dump,
  memory: TargetMemory,
  processor: Processor | undefined,
  isCrashProcessor: boolean,
): Uint8Array {
  const { byteLength, ip } = contextLayout(dump)
  if (processor?.contextAddress != null) {
    const bytes = memory.available(processor.contextAddress, byteLength)
    if (bytes.byteLength === byteLength && isSet(u64At(bytes, ip))) return bytes
  }
  if (processor !== undefined && !isCrashProcessor) {
    const place = processor.prcb === null ? '' : ` (PRCB at ${hex64(processor.prcb)})`
    throw new DebuggerError(
      'CONTEXT_ABSENT',
      `the registers of processor ${processor.number} are not in the dump${place}`,
    )
  }
  const kept = headerContext(dump)
  if (kept === null) {
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
