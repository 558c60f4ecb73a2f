import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'

export type ProcessorFact = {
  readonly kind: 'processor'
  readonly number: number
  readonly isCurrent: boolean
  /** Null where the target does not tell where it lies. */
  readonly prcb: bigint | null
}

export const processorCommand: Command<ProcessorFact> = {
  names: ['~'],
  isPrefix: true,
  help: {
    summary: 'list the processors, make one current, or run a command on one',
    usage: ['~', '~N', '~Ns', 'N COMMAND', '~N COMMAND'],
    text:
      'Without a number, lists the processors that the dump holds. With one, makes it current: r and k then show its registers and stack. ' +
      'With a number and a command, runs that command on the processor and leaves the current one and its context as they are.',
    examples: ['~1s', '1k', '~1 r'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debugger/multiprocessor-syntax',
  },
  async *facts(session, { rest }) {
    if (rest !== '') {
      session.selectProcessor(request(rest).number)
      return
    }
    for (const { number, prcb } of session.processors) {
      yield { kind: 'processor', number, isCurrent: number === session.processorNumber, prcb }
    }
  },
  print({ number, isCurrent, prcb }, write) {
    const place = prcb === null ? 'at an address that the dump does not tell' : prcb.toString(16)
    write(`${isCurrent ? '.' : ' '} ${String(number).padStart(2)}  PRCB ${place}`)
  },
}

/** `5 r rip`: another command, and the processor that it is for; null where `~` itself is meant. Throws DebuggerError ARGUMENT. */
export function commandOnProcessor(rest: string): { readonly number: number; readonly text: string } | null {
  const { number, command } = request(rest)
  return command === null ? null : { number, text: command }
}

function request(rest: string): { readonly number: number; readonly command: string | null } {
  const [, number, command] = /^(\d{1,4})(?:s|\s*(\D.*))?$/.exec(rest) ?? []
  if (rest !== '' && (number === undefined || command?.startsWith('~'))) {
    throw new DebuggerError('ARGUMENT', `'~${rest}' is no processor: ~N, ~Ns or ~N COMMAND`)
  }
  return { number: Number(number ?? 0), command: command ?? null }
}
