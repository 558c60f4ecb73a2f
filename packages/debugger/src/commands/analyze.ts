import { hex, hex64 } from '@dumpstack/bytes'
import { bugcheckName, CONTEXT_AMD64, ContextX64, describeBugcheck, parameterOfKind } from '@dumpstack/nt'
import type { Command, CommandContext } from '../command.ts'
import { currentProcessName } from '../current-process.ts'
import { DebuggerError } from '../errors.ts'
import { instructionLines } from '../instruction-lines.ts'
import type { DebugModule } from '../modules.ts'
import { requireX64 } from '../processors.ts'
import { Registers } from '../registers.ts'
import type { Session } from '../session.ts'
import { type StackFrame, walkStack } from '../unwind/stack.ts'
import { printStack } from './k.ts'

const FRAMES = 32
/** Parts of the system through which every crash passes. */
const SYSTEM = new Set(['nt', 'hal', 'ntdll'])

export const analyze: Command = {
  names: ['!analyze'],
  help: {
    summary: 'say what crashed, and whose code it was',
    usage: ['!analyze [-v]'],
    text:
      'Names the bugcheck and the module that most likely caused it: the one that holds the address which the bugcheck itself gives as ' +
      'that of the code at fault; else the first on the stack that is not the kernel. A frame found by scan counts only where no ' +
      'unwound one names anybody, and is then called a guess. -v adds the meaning of the parameters, the context of the exception and ' +
      'its stack.',
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-analyze',
  },
  async run(context, rest) {
    if (rest !== '' && rest !== '-v') throw new DebuggerError('ARGUMENT', `!analyze has no option '${rest}'`)
    const { session, print } = context
    const { bugcheckCode, bugcheckParameters } = session.dump.header
    const description = describeBugcheck(bugcheckCode, bugcheckParameters)
    const code = bugcheckCode.toString(16)
    for (const line of TITLE) print(line)
    print()
    print(`${bugcheckName(bugcheckCode) ?? 'BUGCHECK'} (${code})`)
    if (rest === '-v') {
      print(description?.text ?? 'This bugcheck is not explained here: see the bug check code reference.')
      if (description?.caseText) print(`This time: ${description.caseText}.`)
      print('Arguments:')
      for (const [index, value] of bugcheckParameters.entries()) {
        const parameter = description?.parameters[index]
        const meaning = parameter === undefined ? '' : `, ${parameter.text}`
        const decoded = parameter?.decoded ? ` (${parameter.decoded})` : ''
        print(`Arg${index + 1}: ${value.toString(16).padStart(16, '0')}${meaning}${decoded}`)
      }
    }
    print()
    const start = startOf(session, description && parameterOfKind(description, 'context'))
    if (rest === '-v') await printDetails(context, code, start)
    const fault = description && parameterOfKind(description, 'instruction')
    const blame = await findBlame(session, fault, start)
    await printBlame(context, blame)
  },
}

const TITLE = [
  '*******************************************************************************',
  '*                                                                             *',
  '*                        Bugcheck Analysis                                    *',
  '*                                                                             *',
  '*******************************************************************************',
]

interface Start {
  readonly registers: Registers | null
  /** Why there are no registers, or where they are from. */
  readonly from: string
}

/** The context that the bugcheck names; where the dump does not hold it, the header's; else the processor's. */
function startOf(session: Session, contextAddress: bigint | null): Start {
  try {
    if (contextAddress === null) return { registers: session.registers, from: 'the processor' }
    const bytes = session.memory.available(contextAddress, ContextX64.size)
    const context = bytes.byteLength < ContextX64.size ? null : ContextX64.of(bytes)
    if (context !== null && (context.contextFlags & CONTEXT_AMD64) !== 0) {
      return { registers: new Registers(context), from: `.cxr 0x${contextAddress.toString(16)}` }
    }
    requireX64(session.dump)
    return { registers: session.exceptionRegisters() as Registers, from: '.ecxr' } // those of x64, as required
  } catch (error) {
    if (!(error instanceof DebuggerError)) throw error
    return { registers: null, from: error.message }
  }
}

async function printDetails({ session, print }: CommandContext, code: string, start: Start): Promise<void> {
  print('Debugging Details:')
  print('------------------')
  print()
  print(`BUGCHECK_CODE:  ${code}`)
  for (const [index, value] of session.dump.header.bugcheckParameters.entries()) {
    print(`BUGCHECK_P${index + 1}: ${value.toString(16)}`)
  }
  print()
  print(`PROCESS_NAME:  ${await currentProcessName(session)}`)
  print()
  if (start.registers === null) {
    print(`CONTEXT:  none (${start.from})`)
    print()
    return
  }
  print(`CONTEXT:  (${start.from})`)
  for (const line of start.registers.lines()) print(line)
  for (const line of await instructionLines(session, start.registers)) print(line)
  print()
  print('STACK_TEXT:')
  await printStack({ session, print }, start.registers, FRAMES, { numbered: false, verbose: false })
  print()
}

interface Blame {
  readonly address: bigint
  readonly module: DebugModule | null
  readonly because: string
}

async function findBlame(session: Session, fault: bigint | null, start: Start): Promise<Blame | null> {
  const faulting = fault === null ? null : session.modules.at(fault)
  if (fault !== null && faulting !== null && !SYSTEM.has(faulting.name)) {
    return {
      address: fault,
      module: faulting,
      because: 'the bugcheck gives an address in it as that of the code at fault',
    }
  }
  const frames = start.registers === null ? [] : (await walkStack(session, start.registers, FRAMES)).frames
  const inDriver = (frame: StackFrame): boolean => {
    const module = session.modules.at(frame.ip)
    return module !== null && !SYSTEM.has(module.name)
  }
  const isKnown = (frame: StackFrame): boolean => frame.foundBy !== 'scan'
  // Unwinding from a guess leads to more guesses: what counts is known up to the first scan.
  const firstGuess = frames.findIndex((frame) => !isKnown(frame))
  const known = firstGuess < 0 ? frames : frames.slice(0, firstGuess)
  const unwound = known.find(inDriver)
  if (unwound !== undefined) {
    const because = 'the first on the stack that is not the system itself'
    return { address: unwound.ip, module: session.modules.at(unwound.ip), because }
  }
  const guessed = frames.find(inDriver)
  if (guessed !== undefined) {
    const because = `a guess: an address in it lies on the stack, found by scan (${guessed.missing ?? 'behind a scan'})`
    return { address: guessed.ip, module: session.modules.at(guessed.ip), because }
  }
  const place = fault !== null && faulting !== null ? fault : frames[0]?.ip
  if (place === undefined) return null
  return {
    address: place,
    module: session.modules.at(place),
    because: 'nothing but the system is on the stack',
  }
}

async function printBlame({ session, print }: CommandContext, blame: Blame | null): Promise<void> {
  if (blame === null) {
    print('MODULE_NAME: not known: the dump holds neither registers nor an address at fault')
    return
  }
  const symbol = await session.symbolize(blame.address)
  print(`SYMBOL_NAME:  ${symbol}`)
  print()
  print(`MODULE_NAME: ${blame.module?.name ?? 'Unknown_Module'}`)
  print()
  print(`IMAGE_NAME:  ${blame.module?.imageName ?? `Unknown_Image (${hex64(blame.address)})`}`)
  print()
  print(`Because:     ${blame.because}`)
  if (blame.module !== null && blame.module.symbols === null) {
    print(
      `Symbols:     ${blame.module.name}+${hex(blame.address - blame.module.base)}: ${blame.module.why.join('; ')}`,
    )
  }
  print('---------')
}
