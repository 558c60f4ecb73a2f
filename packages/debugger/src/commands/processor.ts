import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'

export const processorCommand: Command = {
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
  async run(context, rest) {
    const { session, print } = context
    if (rest !== '') {
      const [, number, command] = /^(\d{1,4})(?:s|\s*(\D.*))?$/.exec(rest) ?? []
      if (number === undefined || command?.startsWith('~')) {
        throw new DebuggerError('ARGUMENT', `'~${rest}' is no processor: ~N, ~Ns or ~N COMMAND`)
      }
      if (command === undefined) session.selectProcessor(Number(number))
      else await session.onProcessor(Number(number), () => context.debugger.run(context, command))
      return
    }
    for (const { number, prcb } of session.processors) {
      const mark = number === session.processorNumber ? '.' : ' '
      const place = prcb === null ? 'at an address that the dump does not tell' : prcb.toString(16)
      print(`${mark} ${String(number).padStart(2)}  PRCB ${place}`)
    }
  },
}
