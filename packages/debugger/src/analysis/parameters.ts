// The parameters of a bugcheck in words: what each is, what its number says, and what the dump holds where it points.
import { bugcheckName, type DescribedParameter, describeBugcheck, ProcessObject } from '@dumpstack/nt'
import { imageName } from '../current-process.ts'
import { DebuggerError } from '../errors.ts'
import { KernelType } from '../kernel-object.ts'
import type { Session } from '../session.ts'
import { unicodeString } from '../typed-value.ts'

const MAX_TEXT_BYTES = 128
const PROCESS_OBJECT = BigInt(ProcessObject)

export type BugcheckFact = {
  readonly kind: 'bugcheck'
  readonly code: number
  /** Null where it has no public name. */
  readonly name: string | null
  readonly parameters: readonly bigint[]
}

export type ParameterFact = {
  readonly kind: 'parameter'
  /** From 1. */
  readonly number: number
  readonly value: bigint
  /** What it is; null where the bugcheck is not explained. */
  readonly meaning: string | null
  /** What its number, or the dump where it points, says; null where neither does. */
  readonly says: string | null
}

export const bugcheckFact = ({ system }: Session): BugcheckFact => ({
  kind: 'bugcheck',
  code: system.bugcheckCode,
  name: bugcheckName(system.bugcheckCode),
  parameters: system.bugcheckParameters,
})

/** `SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M (1000007e)` */
export const bugcheckTitle = ({ code, name }: Pick<BugcheckFact, 'code' | 'name'>): string =>
  `${name ?? 'BUGCHECK without a public name'} (${code.toString(16)})`

export async function* parameterFacts(session: Session): AsyncGenerator<ParameterFact> {
  const { bugcheckCode, bugcheckParameters } = session.system
  const description = describeBugcheck(bugcheckCode, bugcheckParameters)
  for (const [index, value] of bugcheckParameters.entries()) {
    const parameter = description?.parameters[index]
    yield {
      kind: 'parameter',
      number: index + 1,
      value,
      meaning: parameter?.text ?? null,
      says: parameter === undefined ? null : await whatItSays(session, parameter),
    }
  }
}

/** `Arg1: ffffffffc0000005, the exception code (STATUS_ACCESS_VIOLATION)` */
export function parameterText({ number, value, meaning, says }: ParameterFact): string {
  const known = `${meaning === null ? '' : `, ${meaning}`}${says === null ? '' : ` (${says})`}`
  return `Arg${number}: ${value.toString(16).padStart(16, '0')}${known}`
}

/** Null where neither the number nor the dump says more. */
async function whatItSays(
  session: Session,
  { kind, value, decoded }: DescribedParameter,
): Promise<string | null> {
  if (decoded !== null || value === 0n) return decoded
  switch (kind) {
    case 'instruction':
    case 'routine':
    case 'moduleAddress':
      return session.modules.at(value) === null ? 'in no module' : session.symbolize(value)
    case 'unicodeString': {
      const text = unicodeString(session.memory, value)
      return text === null ? null : `"${text}"`
    }
    case 'asciiString': {
      const text = session.memory.cString(value, MAX_TEXT_BYTES)
      return text === null ? null : `"${text}"`
    }
    case 'process':
    case 'processOrThread':
      return processText(session, value)
    default:
      return null
  }
}

async function processText(session: Session, address: bigint): Promise<string | null> {
  try {
    const { type } = await KernelType.loadOrKnown(session, '_EPROCESS')
    const process = type.at(session.memory, address)
    return process.tryValue('Pcb.Header.Type') === PROCESS_OBJECT ? imageName(session, type, process) : null
  } catch (error) {
    if (error instanceof DebuggerError) return null
    throw error
  }
}
