// Why guest code stopped, in the words of the driver room: a fault that a real system answers with a bugcheck, a routine that does
// not return, or something that is not modelled. Bugcheck codes and parameters after the public Bug Check Code Reference.
import { type Gva, gva, hex } from '@dumpstack/bytes'
import { type Cpu, CpuStop, type CpuStopFacts, Gpr } from '@dumpstack/cpu'
import { type Bugcheck, EXCEPTION_NONCONTINUABLE } from '@dumpstack/nt'
import { DriverHang } from '../crash/driver-hang.ts'
import { patternHint } from '../crash/dump-memory-pattern.ts'
import type { DriversError } from '../errors.ts'
import {
  type FaultAccess,
  GuestFault,
  KMODE_EXCEPTION_NOT_HANDLED,
  NotJudged,
  RaisedException,
} from '../guest-fault.ts'
import { DISPATCH_LEVEL } from '../irql.ts'
import type { Raised } from './registers.ts'

const PAGE_FAULT_IN_NONPAGED_AREA = 0x50
const UNEXPECTED_KERNEL_MODE_TRAP = 0x7f
const EXCEPTION_DOUBLE_FAULT = 0x8n
const ATTEMPTED_WRITE_TO_READONLY_MEMORY = 0xbe
const DRIVER_IRQL_NOT_LESS_OR_EQUAL = 0xd1
const ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY = 0xfc
const KERNEL_SECURITY_CHECK_FAILURE = 0x139
const LAST_USER_ADDRESS = 0x7fff_ffff_ffffn
const STATUS_ACCESS_VIOLATION = 0xc000_0005
/** What the record of an access beyond the canonical addresses names. */
const NON_CANONICAL = 0xffff_ffff_ffff_ffffn

const EXCEPTION_CODES: Readonly<Partial<Record<CpuStopFacts['reason'], bigint>>> = {
  debugBreak: 0x8000_0003n,
  alignmentFault: 0x8000_0002n,
  generalProtection: 0xc000_0005n,
  invalidOpcode: 0xc000_001dn,
  divideError: 0xc000_0094n,
}
const ACCESS_CODES = { read: 0n, write: 1n, execute: 8n } as const

export interface StoppedAt {
  /** Base name: `dump_viostor.sys`. */
  readonly driver: string
  /** The entry point that was called: `HwStartIo`. */
  readonly routine: string
  /** `dump_viostor!VirtIoStartIo+0x1c`. */
  readonly place: string
  readonly irql: number
  /** Lowest address of the stack that may be touched; below it lies its guard. */
  readonly stackLimit: Gva
  /** What it waits for, as the end of a sentence; empty where that was not seen. */
  awaited(): string
  /** Whether the code repeats the same state. */
  isRepeated(): boolean
  /** A port shows data there that no page table maps. */
  isUnmappedData(va: Gva): boolean
  /** The section that lay there until DriverEntry returned; null of other addresses. */
  discardedSection(va: Gva): string | null
}

/** No stack is left to deliver the page fault on. */
export const STACK_OVERFLOW: Bugcheck = {
  code: UNEXPECTED_KERNEL_MODE_TRAP,
  parameters: [EXCEPTION_DOUBLE_FAULT, 0n, 0n, 0n],
}

export const isCpuStop = (error: unknown): error is CpuStop => error instanceof CpuStop

export function faultOf(stop: CpuStop, cpu: Cpu, at: StoppedAt): DriversError {
  const { driver, place } = at
  switch (stop.reason) {
    case 'notImplemented':
      return new NotJudged('INSTRUCTION_NOT_MODELLED', `${place}: ${stop.message}`, {
        rip: stop.rip,
        driver,
      })
    case 'instructionBudget':
    case 'stallBudget': {
      const isCutOff = stop.reason === 'instructionBudget' && !at.isRepeated()
      const what = `did not return: ${stop.message}, at ${place}${at.awaited()}`
      return new DriverHang(driver, at.routine, what, false, isCutOff)
    }
    case 'halted':
      return new DriverHang(driver, at.routine, `stopped the processor (hlt) at ${place}`)
    case 'pageFault':
      return pageFault(stop, at)
    case 'callDepth':
      return trap(stop, at, STACK_OVERFLOW)
    case 'fastFail':
      return trap(stop, at, {
        code: KERNEL_SECURITY_CHECK_FAILURE,
        parameters: [cpu.readGpr(Gpr.rcx) & 0xffffffffn, 0n, 0n, 0n],
      })
    default: {
      // parameters 3 and 4 are those of the exception: "Bug Check 0x1E" of the kit's documentation
      const [third = 0n, fourth = 0n] = exceptionOf(stop)?.parameters ?? []
      return trap(stop, at, {
        code: KMODE_EXCEPTION_NOT_HANDLED,
        parameters: [EXCEPTION_CODES[stop.reason] ?? 0n, stop.rip, third, fourth],
      })
    }
  }
}

/** What stopped the code, as the kernel's record of an exception; null of what is none. */
export function exceptionOf(error: unknown): Raised | null {
  if (error instanceof RaisedException) {
    return { code: error.exceptionCode, flags: EXCEPTION_NONCONTINUABLE, parameters: [] }
  }
  if (error instanceof GuestFault && error.bugcheck === null) return violation(error.access, error.address)
  if (!isCpuStop(error)) return null
  if (error.reason === 'pageFault') return violation(error.access ?? 'read', error.address ?? error.rip)
  const code = EXCEPTION_CODES[error.reason]
  if (code === undefined) return null
  const parameters = error.reason === 'generalProtection' ? [0n, NON_CANONICAL] : []
  return { code: Number(code), flags: 0, parameters }
}

const violation = (access: keyof typeof ACCESS_CODES, address: Gva): Raised => ({
  code: STATUS_ACCESS_VIOLATION,
  flags: 0,
  parameters: [ACCESS_CODES[access], address],
})

/**
 * What the kernel dispatches to the driver's own handlers; null of what it answers with a bugcheck. Of bad addresses only those of ring 3 are
 * dispatched, and below DISPATCH_LEVEL.
 */
export function raisedBy(error: unknown, irql: number): Raised | null {
  const raised = exceptionOf(error)
  const isOfAddress = isCpuStop(error)
    ? error.reason === 'pageFault'
    : error instanceof GuestFault && error.bugcheck === null
  if (raised === null || !isOfAddress) return raised
  const [, address] = raised.parameters
  return irql >= DISPATCH_LEVEL || address! > LAST_USER_ADDRESS ? null : raised
}

const GUARD_BYTES = 0x1000n

function pageFault(stop: CpuStop, at: StoppedAt): DriversError {
  const address = stop.address ?? stop.rip
  const access = stop.access ?? 'read'
  if (at.isUnmappedData(address)) {
    return new NotJudged(
      'ACCESS_NOT_MODELLED',
      `${at.place} reads or writes data of a request through DataBuffer at ${hex(address)}, which is not mapped: expected MapBuffers of all buffers, or DMA by the scatter/gather list`,
      { address },
    )
  }
  if (address < at.stackLimit && address >= at.stackLimit - GUARD_BYTES) {
    const what = `ran over the end of its stack at ${hex(address)} (${access}) in ${at.place}`
    return fault(at, address, access, what, STACK_OVERFLOW)
  }
  const section = at.discardedSection(address)
  if (section !== null) {
    const what = `needs ${hex(address)} in its section ${section} (${access}) in ${at.place}, which is discarded when DriverEntry has returned`
    const bugcheck = pageFaultBugcheck(stop, address, access, at.irql)
    return new GuestFault(at.driver, accessOf(access), address, { what, bugcheck }, 'INIT_DISCARDED')
  }
  const state = stop.present === true ? 'which that access is forbidden to' : 'which is not mapped'
  const what = `touched ${hex(address)}, ${state} (${access}) in ${at.place}${patternHint(address)}`
  return fault(at, address, access, what, pageFaultBugcheck(stop, address, access, at.irql))
}

function pageFaultBugcheck(
  stop: CpuStop,
  address: Gva,
  access: 'read' | 'write' | 'execute',
  irql: number,
): Bugcheck {
  if (stop.present === true && access === 'execute') {
    return { code: ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY, parameters: [address, 0n, 0n, 0n] }
  }
  if (stop.present === true && access === 'write') {
    return { code: ATTEMPTED_WRITE_TO_READONLY_MEMORY, parameters: [address, 0n, 0n, 0xbn] }
  }
  if (irql >= DISPATCH_LEVEL) {
    return {
      code: DRIVER_IRQL_NOT_LESS_OR_EQUAL,
      parameters: [address, BigInt(irql), ACCESS_CODES[access], stop.rip],
    }
  }
  return { code: PAGE_FAULT_IN_NONPAGED_AREA, parameters: [address, ACCESS_CODES[access], stop.rip, 0n] }
}

const trap = (stop: CpuStop, at: StoppedAt, bugcheck: Bugcheck): GuestFault =>
  fault(
    at,
    gva(stop.rip),
    'execute',
    `${stop.message}, in ${at.place}${patternHint(stop.address ?? 0n)}`,
    bugcheck,
  )

const fault = (
  at: StoppedAt,
  address: Gva,
  access: 'read' | 'write' | 'execute',
  what: string,
  bugcheck: Bugcheck,
): GuestFault => new GuestFault(at.driver, accessOf(access), address, { what, bugcheck })

const accessOf = (access: 'read' | 'write' | 'execute'): FaultAccess =>
  access === 'write' ? 'write' : 'read'
