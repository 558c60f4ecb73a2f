import { hex, hex64 } from '@dumpstack/bytes'
import {
  type BugcheckDescription,
  bugcheckName,
  describeBugcheck,
  irqlText,
  parameterOfKind,
} from '@dumpstack/nt'
import { failureBucket } from '../analysis/bucket.ts'
import { type CrashContext, namedContext } from '../analysis/crash-context.ts'
import { type Culprit, findCulprit, type Stack } from '../analysis/culprit.ts'
import {
  type Access,
  codeText,
  type ExceptionFact,
  exceptionFact,
  exceptionOf,
  faultOf,
  namedFault,
  printException,
} from '../analysis/exception.ts'
import { bugcheckTitle, type ParameterFact, parameterFacts, parameterText } from '../analysis/parameters.ts'
import type { Command, Write } from '../command.ts'
import { currentProcessName } from '../current-process.ts'
import { DebuggerError } from '../errors.ts'
import { placeFacts } from '../instruction-facts.ts'
import { Registers } from '../registers.ts'
import type { Session } from '../session.ts'
import {
  type OpenValueFact,
  openValueFacts,
  printStackFact,
  type StackFact,
  stackFacts,
} from '../stack-facts.ts'
import { openValues, walkStack } from '../unwind/stack.ts'
import { type ImageTime, imageTime, imageTimeText } from './image-time.ts'
import { type ContextFact, printContext } from './r.ts'

const FRAMES = 32
const GUESS = ' (guess: found on the stack by scan)'

export type AnalyzeFact =
  | {
      readonly kind: 'analysis'
      readonly code: number
      readonly name: string | null
      /** Null unless details were asked for. */
      readonly explanation: { readonly text: string | null; readonly thisTime: string | null } | null
    }
  | ParameterFact
  | { readonly kind: 'details'; readonly code: number; readonly parameters: readonly bigint[] }
  | { readonly kind: 'processName'; readonly name: string }
  | { readonly kind: 'exceptionRecord'; readonly address: bigint; readonly exception: ExceptionFact }
  | { readonly kind: 'exceptionCode'; readonly code: number; readonly meaning: string }
  | { readonly kind: 'faultingIp'; readonly address: bigint; readonly symbol: string }
  | { readonly kind: 'fault'; readonly access: Access; readonly address: bigint }
  | { readonly kind: 'irql'; readonly value: bigint; readonly name: string }
  /** Where the registers that follow are from; null where there are none, and why. */
  | { readonly kind: 'context'; readonly from: string | null; readonly why: string | null }
  | ContextFact
  /** The stack of the crash begins; false where it is not walked. */
  | { readonly kind: 'stackText'; readonly isWalked: boolean }
  | StackFact
  | OpenValueFact
  | CulpritFact

type CulpritFact = {
  readonly kind: 'culprit'
  /** Null where the dump holds neither registers nor an address at fault. */
  readonly found: {
    readonly address: bigint | null
    readonly symbol: string | null
    /** Null where no module is to blame, or the address lies in none. */
    readonly module: { readonly name: string; readonly image: string; readonly time: ImageTime } | null
    /** In place of a module. */
    readonly instead: string | null
    readonly isGuess: boolean
    readonly because: string
    /** The place in the module, and why it has no name; null where it has one. */
    readonly noSymbols: { readonly offset: bigint; readonly why: readonly string[] } | null
  } | null
  readonly bucket: string
}

export const analyze: Command<AnalyzeFact> = {
  names: ['!analyze'],
  help: {
    summary: 'say what crashed, and in which module',
    usage: ['!analyze [-v]'],
    text:
      'Names the bugcheck and the module that most likely caused it: the one that the bugcheck itself names, otherwise the first on the stack ' +
      'that is not part of the system. A module that only a scan of the stack found is named where nothing better is known, and is called a guess. ' +
      'For a bugcheck that reports damage, memory or hardware is named instead of a driver. -v adds the meaning of the parameters, the exception, its ' +
      'context (that of the crash, not that of KeBugCheckEx, where the dump has it) and its stack.',
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-analyze',
  },
  async *facts(session, { rest }) {
    if (rest !== '' && rest !== '-v') throw new DebuggerError('ARGUMENT', `!analyze has no option '${rest}'`)
    const { bugcheckCode: code, bugcheckParameters: parameters } = session.system
    const description = describeBugcheck(code, parameters)
    const isVerbose = rest === '-v'
    const explanation = { text: description?.text ?? null, thisTime: description?.caseText || null }
    yield { kind: 'analysis', code, name: bugcheckName(code), explanation: isVerbose ? explanation : null }
    if (isVerbose) yield* parameterFacts(session)
    const start = startOf(session)
    if (isVerbose) {
      yield { kind: 'details', code, parameters }
      yield { kind: 'processName', name: await currentProcessName(session) }
      if (description !== null) yield* exceptionFacts(session, description)
      yield* contextFacts(session, start)
    }
    const culprit = findCulprit(session, description, await stackOf(session, start))
    yield await culpritFact(session, description, culprit)
  },
  print: printAnalysis,
}

/** The registers of the crash, or, where the bugcheck names none, the processor's; a text says why there are none. */
function startOf(session: Session): CrashContext | string {
  try {
    const ofProcessor = () => ({ registers: session.processorRegisters, from: 'the processor' })
    return namedContext(session) ?? ofProcessor()
  } catch (error) {
    if (!(error instanceof DebuggerError)) throw error
    return error.message
  }
}

async function stackOf(session: Session, start: CrashContext | string): Promise<Stack> {
  if (typeof start === 'string') return { ip: null, frames: [], open: [] }
  const { registers } = start
  const { ip } = registers
  if (!(registers instanceof Registers))
    return { ip, frames: [], open: await openValues(session, registers.sp) }
  const { frames, open } = await walkStack(session, registers, FRAMES)
  return { ip, frames, open }
}

async function* contextFacts(session: Session, start: CrashContext | string): AsyncGenerator<AnalyzeFact> {
  if (typeof start === 'string') {
    yield { kind: 'context', from: null, why: start }
    return
  }
  const { registers, from } = start
  yield { kind: 'context', from, why: null }
  yield registers.fact()
  yield* placeFacts(session, registers)
  const isWalked = registers instanceof Registers
  yield { kind: 'stackText', isWalked }
  if (isWalked) yield* stackFacts(session, registers, { count: FRAMES })
  else yield* openValueFacts(session, await openValues(session, registers.sp))
}

/** The exception that the bugcheck is about, and what was read, written or executed. */
async function* exceptionFacts(
  session: Session,
  description: BugcheckDescription,
): AsyncGenerator<AnalyzeFact> {
  const found = exceptionOf(session, description)
  const status = parameterOfKind(description, 'ntstatus')
  const raisedAt = parameterOfKind(description, 'instruction')
  if (found !== null) {
    const exception = await exceptionFact(session, found.record)
    yield { kind: 'exceptionRecord', address: found.address, exception }
  }
  const code =
    found?.record.code ?? (status !== null && raisedAt !== null ? Number(BigInt.asUintN(32, status)) : null)
  if (code !== null) yield { kind: 'exceptionCode', code, meaning: codeText(code) }
  if (raisedAt !== null && raisedAt !== 0n) {
    yield { kind: 'faultingIp', address: raisedAt, symbol: await session.symbolize(raisedAt) }
  }
  const fault = found === null ? namedFault(description) : faultOf(found.record)
  if (fault !== null) yield { kind: 'fault', ...fault }
  const irql = parameterOfKind(description, 'irql')
  if (irql !== null) yield { kind: 'irql', value: irql, name: irqlText(Number(BigInt.asUintN(32, irql))) }
}

async function culpritFact(
  session: Session,
  description: BugcheckDescription | null,
  culprit: Culprit | null,
): Promise<CulpritFact> {
  const bucket = failureBucket(session, description, culprit)
  if (culprit === null) return { kind: 'culprit', found: null, bucket }
  const { module, address, instead, isGuess, because } = culprit
  const symbol = address === null ? null : await session.symbolize(address)
  const isUnnamed = module !== null && address !== null && module.symbols === null
  return {
    kind: 'culprit',
    found: {
      address,
      symbol,
      module:
        module === null
          ? null
          : { name: module.name, image: module.imageName, time: imageTime(session, module) },
      instead,
      isGuess,
      because,
      noSymbols: isUnnamed ? { offset: address - module.base, why: module.why } : null,
    },
    bucket,
  }
}

const TITLE = [
  '*******************************************************************************',
  '*                                                                             *',
  '*                        Bugcheck Analysis                                    *',
  '*                                                                             *',
  '*******************************************************************************',
]

/** Every section after the title begins with an empty line. */
function printAnalysis(fact: AnalyzeFact, write: Write): void {
  switch (fact.kind) {
    case 'analysis':
      for (const line of TITLE) write(line)
      write()
      write(bugcheckTitle(fact))
      if (fact.explanation === null) return
      write(fact.explanation.text ?? 'This bugcheck is not explained here: see the bug check code reference.')
      if (fact.explanation.thisTime !== null) write(`This time: ${fact.explanation.thisTime}.`)
      write('Arguments:')
      return
    case 'parameter':
      write(parameterText(fact))
      return
    case 'details':
      write()
      write('Debugging Details:')
      write('------------------')
      write()
      write(`BUGCHECK_CODE:  ${fact.code.toString(16)}`)
      for (const [index, value] of fact.parameters.entries()) {
        write(`BUGCHECK_P${index + 1}: ${value.toString(16)}`)
      }
      return
    case 'processName':
      section(`PROCESS_NAME:  ${fact.name}`)
      return
    case 'exceptionRecord': {
      const address = fact.address.toString(16)
      section(`EXCEPTION_RECORD:  ${address} (.exr 0x${address})`)
      printException(fact.exception, write)
      return
    }
    case 'exceptionCode':
      section(`EXCEPTION_CODE: (NTSTATUS) 0x${fact.code.toString(16)} (${fact.meaning})`)
      return
    case 'faultingIp':
      section(`FAULTING_IP:  ${fact.address.toString(16)} (${fact.symbol})`)
      return
    case 'fault':
      section(`${fact.access.toUpperCase()}_ADDRESS:  ${fact.address.toString(16).padStart(16, '0')}`)
      return
    case 'irql':
      section(`CURRENT_IRQL:  ${fact.value.toString(16)} (${fact.name})`)
      return
    case 'context':
      section(fact.from === null ? `CONTEXT:  none (${fact.why})` : `CONTEXT:  (${fact.from})`)
      return
    case 'registers':
    case 'label':
    case 'instruction':
      printContext(fact, write)
      return
    case 'stackText':
      section('STACK_TEXT:')
      if (!fact.isWalked) write('No frames: stacks are walked on x64 only.')
      return
    case 'culprit':
      printCulprit(fact, section, write)
      return
    default:
      printStackFact(fact, write)
  }

  function section(line: string): void {
    write()
    write(line)
  }
}

function printCulprit({ found, bucket }: CulpritFact, section: (line: string) => void, write: Write): void {
  if (found === null) {
    section('MODULE_NAME: not known: the dump holds neither registers nor an address at fault')
    section(`FAILURE_BUCKET_ID:  ${bucket}`)
    return
  }
  const { module, address, instead, because, noSymbols } = found
  const guess = found.isGuess ? GUESS : ''
  if (found.symbol !== null) section(`SYMBOL_NAME:  ${found.symbol}${guess}`)
  section(`MODULE_NAME: ${instead ?? module?.name ?? 'Unknown_Module'}${guess}`)
  const nowhere = address === null ? '' : ` (${hex64(address)})`
  section(`IMAGE_NAME:  ${instead ?? module?.image ?? `Unknown_Image${nowhere}`}${guess}`)
  if (module !== null) section(`IMAGE_TIMESTAMP:  ${imageTimeText(module.time)}`)
  section(`FAILURE_BUCKET_ID:  ${bucket}`)
  section(`Because:     ${because}`)
  if (module !== null && noSymbols !== null) {
    write(`Symbols:     ${module.name}+${hex(noSymbols.offset)}: ${noSymbols.why.join('; ')}`)
  }
  write('---------')
}
