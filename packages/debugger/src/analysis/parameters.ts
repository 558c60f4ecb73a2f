// The parameters of a bugcheck in words: what each is, what its number says, and what the dump holds where it points.
import { bugcheckName, type DescribedParameter, describeBugcheck, ProcessObject } from '@dumpstack/nt'
import { imageName } from '../current-process.ts'
import { DebuggerError } from '../errors.ts'
import { KernelType } from '../kernel-object.ts'
import type { Session } from '../session.ts'
import { unicodeString } from '../typed-value.ts'

const MAX_TEXT_BYTES = 128
const PROCESS_OBJECT = BigInt(ProcessObject)

/** `SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M (1000007e)` */
export function bugcheckTitle({ system }: Session): string {
  const { bugcheckCode } = system
  return `${bugcheckName(bugcheckCode) ?? 'BUGCHECK without a public name'} (${bugcheckCode.toString(16)})`
}

/** `Arg1: ffffffffc0000005, the exception code (STATUS_ACCESS_VIOLATION)`, one line for each parameter. */
export async function parameterLines(session: Session): Promise<string[]> {
  const { bugcheckCode, bugcheckParameters } = session.system
  const description = describeBugcheck(bugcheckCode, bugcheckParameters)
  const lines: string[] = []
  for (const [index, value] of bugcheckParameters.entries()) {
    const parameter = description?.parameters[index]
    const meaning = parameter === undefined ? '' : `, ${parameter.text}`
    const says = parameter === undefined ? null : await whatItSays(session, parameter)
    lines.push(
      `Arg${index + 1}: ${value.toString(16).padStart(16, '0')}${meaning}${says === null ? '' : ` (${says})`}`,
    )
  }
  return lines
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
