// The exception behind a bugcheck: its record, where the dump holds it, or what the parameters say of it. Layout of the record:
// learn.microsoft.com, ".exr (Display Exception Record)".
import { hex64 } from '@dumpstack/bytes'
import {
  type BugcheckDescription,
  ExceptionRecord64,
  exceptionMeaning,
  ntstatusName,
  parameterOfKind,
  STATUS_ACCESS_VIOLATION,
} from '@dumpstack/nt'
import type { Write } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import type { Session } from '../session.ts'
import { stackPlacesOf } from './crash-context.ts'

const STATUS_IN_PAGE_ERROR = 0xc000_0006
const MAX_PARAMETERS = 15
/** ExceptionInformation[0] of an access violation (winnt.h, EXCEPTION_RECORD). */
const ACCESSES: ReadonlyMap<bigint, Access> = new Map([
  [0n, 'read'],
  [1n, 'write'],
  [8n, 'execute'],
])

export type Access = 'read' | 'write' | 'execute'

export type Fault = { readonly access: Access; readonly address: bigint }

export interface ExceptionRecord {
  readonly code: number
  /** The address of the code that raised it. */
  readonly address: bigint
  readonly flags: number
  readonly parameters: readonly bigint[]
}

/** Throws DebuggerError MEMORY_ABSENT, or EXCEPTION_ABSENT where the memory holds no record. */
export function readExceptionRecord({ memory }: Session, address: bigint): ExceptionRecord {
  const record = ExceptionRecord64.of(memory.bytes(address, ExceptionRecord64.size))
  const { exceptionCode: code, numberParameters: count } = record
  if (code === 0 || count > MAX_PARAMETERS) {
    throw new DebuggerError(
      'EXCEPTION_ABSENT',
      `at ${hex64(address)} lies no EXCEPTION_RECORD: its code is 0x${code.toString(16)} with ${count} parameters, expected at most ${MAX_PARAMETERS}`,
      { address },
    )
  }
  return {
    code,
    address: record.exceptionAddress,
    flags: record.exceptionFlags,
    parameters: Array.from({ length: count }, (_, index) => record.exceptionInformation.get(index)),
  }
}

export interface PlacedRecord {
  readonly address: bigint
  readonly record: ExceptionRecord
}

/**
 * The record that the bugcheck names, or else one on the stack of the crash with the code and address that the bugcheck gives, as
 * the dispatcher leaves it there; null where the dump holds neither.
 */
export function exceptionOf(session: Session, description: BugcheckDescription): PlacedRecord | null {
  const named = parameterOfKind(description, 'exceptionRecord')
  if (named !== null && named !== 0n) return recordAt(session, named)
  const status = parameterOfKind(description, 'ntstatus')
  const raisedAt = parameterOfKind(description, 'instruction')
  if (status === null || raisedAt === null || raisedAt === 0n) return null
  const code = Number(BigInt.asUintN(32, status))
  const { exceptionAddress } = ExceptionRecord64.fields
  for (const place of stackPlacesOf(session, raisedAt)) {
    const found = recordAt(session, place - BigInt(exceptionAddress.offset))
    if (found !== null && found.record.code === code && found.record.address === raisedAt) return found
  }
  return null
}

function recordAt(session: Session, address: bigint): PlacedRecord | null {
  try {
    return { address, record: readExceptionRecord(session, address) }
  } catch (error) {
    if (!(error instanceof DebuggerError)) throw error
    return null
  }
}

/** What was accessed, by the record of an exception; null where it is none of an access. */
export function faultOf({ code, parameters }: ExceptionRecord): Fault | null {
  const [kind, address] = parameters
  const access = kind === undefined ? undefined : ACCESSES.get(kind)
  const isFault = code === STATUS_ACCESS_VIOLATION || code === STATUS_IN_PAGE_ERROR
  return isFault && access !== undefined && address !== undefined ? { access, address } : null
}

/** What was accessed, by the parameters of a bugcheck; null where they do not tell. */
export function namedFault(description: BugcheckDescription): Fault | null {
  const access = description.parameters.find(({ kind }) => kind === 'access')?.decoded
  const address = parameterOfKind(description, 'address')
  if (address === null || (access !== 'read' && access !== 'write' && access !== 'execute')) return null
  return { access, address }
}

/** `STATUS_ACCESS_VIOLATION, memory was accessed in a way that it does not allow` */
export function codeText(code: number): string {
  const parts = [ntstatusName(code), exceptionMeaning(code)].filter((part) => part !== null)
  return parts.length === 0 ? 'no public name' : parts.join(', ')
}

export type ExceptionFact = {
  readonly kind: 'exception'
  readonly address: bigint
  readonly symbol: string
  readonly code: number
  readonly meaning: string
  readonly flags: number
  readonly parameters: readonly bigint[]
  readonly fault: Fault | null
  /** Why a page could not be read; null for exceptions of another kind. */
  readonly pageError: string | null
}

export async function exceptionFact(session: Session, record: ExceptionRecord): Promise<ExceptionFact> {
  const { code, parameters } = record
  const [, , status] = parameters
  const isPageError = code === STATUS_IN_PAGE_ERROR && status !== undefined
  return {
    kind: 'exception',
    ...record,
    symbol: await session.symbolize(record.address),
    meaning: codeText(code),
    fault: faultOf(record),
    pageError: isPageError ? codeText(Number(status & 0xffff_ffffn)) : null,
  }
}

export function printException(fact: ExceptionFact, write: Write): void {
  const digits = (value: bigint | number, width: number) => value.toString(16).padStart(width, '0')
  write(`ExceptionAddress: ${digits(fact.address, 16)} (${fact.symbol})`)
  write(`   ExceptionCode: ${digits(fact.code, 8)} (${fact.meaning})`)
  write(`  ExceptionFlags: ${digits(fact.flags, 8)}`)
  write(`NumberParameters: ${fact.parameters.length}`)
  for (const [index, value] of fact.parameters.entries())
    write(`   Parameter[${index}]: ${digits(value, 16)}`)
  if (fact.fault !== null) write(`Attempt to ${fact.fault.access} address ${digits(fact.fault.address, 16)}`)
  if (fact.pageError !== null) write(`The page could not be read: ${fact.pageError}`)
}
