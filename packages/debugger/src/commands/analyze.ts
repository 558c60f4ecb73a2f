import { hex, hex64 } from '@dumpstack/bytes'
import { type BugcheckDescription, describeBugcheck, irqlText, parameterOfKind } from '@dumpstack/nt'
import { failureBucket } from '../analysis/bucket.ts'
import { type CrashContext, namedContext } from '../analysis/crash-context.ts'
import { type Culprit, findCulprit, type Stack } from '../analysis/culprit.ts'
import { codeText, exceptionOf, faultOf, namedFault, recordLines } from '../analysis/exception.ts'
import { bugcheckTitle, parameterLines } from '../analysis/parameters.ts'
import type { Command, CommandContext } from '../command.ts'
import { currentProcessName } from '../current-process.ts'
import { DebuggerError } from '../errors.ts'
import { instructionLines } from '../instruction-lines.ts'
import { Registers } from '../registers.ts'
import type { Session } from '../session.ts'
import { openValues, walkStack } from '../unwind/stack.ts'
import { imageDate } from './image-date.ts'
import { printOpenValues, printStack } from './k.ts'

const FRAMES = 32
const GUESS = ' (guess: found on the stack by scan)'

export const analyze: Command = {
  names: ['!analyze'],
  help: {
    summary: 'say what crashed, and whose code it was',
    usage: ['!analyze [-v]'],
    text:
      'Names the bugcheck and the module that most likely caused it: the one that the bugcheck itself names; else the first on the stack ' +
      'that is not the system. What a scan of the stack met counts only where nothing better names anybody, and is called a guess. ' +
      'Bugchecks that find damage name memory or hardware instead of a driver. -v adds the meaning of the parameters, the exception, its ' +
      'context, which is that of the crash and not of KeBugCheckEx wherever the dump has it, and its stack.',
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-analyze',
  },
  async run(context, rest) {
    if (rest !== '' && rest !== '-v') throw new DebuggerError('ARGUMENT', `!analyze has no option '${rest}'`)
    const { session, print } = context
    const { bugcheckCode, bugcheckParameters } = session.system
    const description = describeBugcheck(bugcheckCode, bugcheckParameters)
    const isVerbose = rest === '-v'
    for (const line of TITLE) print(line)
    print()
    print(bugcheckTitle(session))
    if (isVerbose) {
      print(description?.text ?? 'This bugcheck is not explained here: see the bug check code reference.')
      if (description?.caseText) print(`This time: ${description.caseText}.`)
      print('Arguments:')
      for (const line of await parameterLines(session)) print(line)
    }
    print()
    const start = startOf(session)
    if (isVerbose) await printDetails(context, description, start)
    const culprit = findCulprit(session, description, await stackOf(session, start))
    await printCulprit(context, description, culprit)
  },
}

const TITLE = [
  '*******************************************************************************',
  '*                                                                             *',
  '*                        Bugcheck Analysis                                    *',
  '*                                                                             *',
  '*******************************************************************************',
]

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

async function printDetails(
  context: CommandContext,
  description: BugcheckDescription | null,
  start: CrashContext | string,
): Promise<void> {
  const { session, print } = context
  print('Debugging Details:')
  print('------------------')
  print()
  print(`BUGCHECK_CODE:  ${session.system.bugcheckCode.toString(16)}`)
  for (const [index, value] of session.system.bugcheckParameters.entries()) {
    print(`BUGCHECK_P${index + 1}: ${value.toString(16)}`)
  }
  print()
  print(`PROCESS_NAME:  ${await currentProcessName(session)}`)
  print()
  if (description !== null) await printException(context, description)
  if (typeof start === 'string') {
    print(`CONTEXT:  none (${start})`)
    print()
    return
  }
  const { registers, from } = start
  print(`CONTEXT:  (${from})`)
  for (const line of registers.lines()) print(line)
  for (const line of await instructionLines(session, registers)) print(line)
  print()
  print('STACK_TEXT:')
  if (registers instanceof Registers) {
    await printStack({ session, print }, registers, FRAMES, { numbered: false, verbose: false })
  } else {
    print('No frames: stacks are walked on x64 only.')
    await printOpenValues({ session, print }, await openValues(session, registers.sp))
  }
  print()
}

/** The exception that the bugcheck is about, and what was read, written or executed. */
async function printException(
  { session, print }: CommandContext,
  description: BugcheckDescription,
): Promise<void> {
  const record = exceptionOf(session, description)
  const status = parameterOfKind(description, 'ntstatus')
  const raisedAt = parameterOfKind(description, 'instruction')
  if (record !== null) {
    const address = record.address.toString(16)
    print(`EXCEPTION_RECORD:  ${address} (.exr 0x${address})`)
    for (const line of await recordLines(session, record.facts)) print(line)
    print()
  }
  const code =
    record?.facts.code ?? (status !== null && raisedAt !== null ? Number(BigInt.asUintN(32, status)) : null)
  if (code !== null) {
    print(`EXCEPTION_CODE: (NTSTATUS) 0x${code.toString(16)} (${codeText(code)})`)
    print()
  }
  if (raisedAt !== null && raisedAt !== 0n) {
    print(`FAULTING_IP:  ${raisedAt.toString(16)} (${await session.symbolize(raisedAt)})`)
    print()
  }
  const fault = record === null ? namedFault(description) : faultOf(record.facts)
  if (fault !== null) {
    print(`${fault.access.toUpperCase()}_ADDRESS:  ${fault.address.toString(16).padStart(16, '0')}`)
    print()
  }
  const irql = parameterOfKind(description, 'irql')
  if (irql !== null) {
    print(`CURRENT_IRQL:  ${irql.toString(16)} (${irqlText(Number(BigInt.asUintN(32, irql)))})`)
    print()
  }
}

async function printCulprit(
  { session, print }: CommandContext,
  description: BugcheckDescription | null,
  culprit: Culprit | null,
): Promise<void> {
  if (culprit === null) {
    print('MODULE_NAME: not known: the dump holds neither registers nor an address at fault')
    print()
    print(`FAILURE_BUCKET_ID:  ${failureBucket(session, description, null)}`)
    return
  }
  const { module, address, instead, because } = culprit
  const guess = culprit.isGuess ? GUESS : ''
  if (address !== null) {
    print(`SYMBOL_NAME:  ${await session.symbolize(address)}${guess}`)
    print()
  }
  print(`MODULE_NAME: ${instead ?? module?.name ?? 'Unknown_Module'}${guess}`)
  print()
  const nowhere = address === null ? '' : ` (${hex64(address)})`
  print(`IMAGE_NAME:  ${instead ?? module?.imageName ?? `Unknown_Image${nowhere}`}${guess}`)
  print()
  if (module !== null) {
    print(`IMAGE_TIMESTAMP:  ${imageDate(session, module)}`)
    print()
  }
  print(`FAILURE_BUCKET_ID:  ${failureBucket(session, description, culprit)}`)
  print()
  print(`Because:     ${because}`)
  if (module !== null && address !== null && module.symbols === null) {
    print(`Symbols:     ${module.name}+${hex(address - module.base)}: ${module.why.join('; ')}`)
  }
  print('---------')
}
