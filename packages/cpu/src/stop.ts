// Guest code that could not go on, as an error of the processor.
import { type Gva, gva, hex, hex64 } from '@dumpstack/bytes'
import type { CpuStopFacts, CpuStopReason } from './cpu.ts'
import { CpuError } from './errors.ts'
import { Fault } from './mmu.ts'

const TEXTS: Readonly<Record<CpuStopReason, string>> = {
  divideError: 'divide error',
  debugBreak: 'breakpoint',
  invalidOpcode: 'invalid opcode',
  generalProtection: 'general protection fault',
  pageFault: 'page fault',
  alignmentFault: 'alignment fault',
  fastFail: 'fast fail (int 29h)',
  halted: 'halted',
  notImplemented: 'instruction is not implemented',
  instructionBudget: 'instruction budget is used up',
  stallBudget: 'stall budget is used up',
  callDepth: 'calls are nested too deeply',
}

export class CpuStop extends CpuError implements CpuStopFacts {
  declare readonly code: 'CPU_STOP'
  readonly reason: CpuStopReason
  readonly rip: Gva
  readonly bytes: Uint8Array
  declare readonly address?: Gva
  declare readonly access?: 'read' | 'write' | 'execute'
  declare readonly present?: boolean
  declare readonly errorCode?: number
  declare readonly form?: string

  constructor(facts: CpuStopFacts) {
    super('CPU_STOP', describe(facts), { rip: facts.rip, address: facts.address, reason: facts.reason })
    this.reason = facts.reason
    this.rip = facts.rip
    this.bytes = facts.bytes
    if (facts.address !== undefined) this.address = facts.address
    if (facts.access !== undefined) this.access = facts.access
    if (facts.present !== undefined) this.present = facts.present
    if (facts.errorCode !== undefined) this.errorCode = facts.errorCode
    if (facts.form !== undefined) this.form = facts.form
  }
}

function describe(facts: CpuStopFacts): string {
  const bytes = Array.from(facts.bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
  let text = `guest code at ${hex64(facts.rip)} stopped: ${TEXTS[facts.reason]}`
  if (facts.form !== undefined) text += ` (${facts.form})`
  if (facts.address !== undefined) {
    text += `, ${facts.access ?? 'access'} at ${hex(facts.address)}`
    if (facts.present !== undefined) text += facts.present ? ' is not allowed' : ' is not mapped'
    if (((facts.errorCode ?? 0) & Fault.user) !== 0) text += ' in ring 3'
  }
  return bytes === '' ? text : `${text}, bytes ${bytes}`
}

/** Two halves as an address. */
export const joined = (lo: number, hi: number): Gva => gva((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0))

export const lowHalf = (value: bigint): number => Number(BigInt.asIntN(32, value))
export const highHalf = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n))

export interface FaultFacts {
  readonly address?: Gva
  readonly access?: 'read' | 'write' | 'execute'
  readonly present?: boolean
  readonly errorCode?: number
  readonly form?: string
}

/**
 * What code below the run loop throws: it does not know rip or the bytes; the run loop makes a CpuStop of it.
 * `rewind` is no fault: the instruction is run again, alone, because it changes its own block.
 */
export class Exception {
  readonly reason: CpuStopReason | 'rewind'
  readonly #fault: FaultFacts

  constructor(reason: CpuStopReason | 'rewind', fault: FaultFacts = {}) {
    this.reason = reason
    this.#fault = fault
  }

  /** Unless the reason is `rewind`. */
  get facts(): FaultFacts & { readonly reason: CpuStopReason } {
    return { ...this.#fault, reason: this.reason as CpuStopReason } // the run loop takes rewinds out
  }
}
