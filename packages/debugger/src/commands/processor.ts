import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'

export const processorCommand: Command = {
  names: ['~'],
  isPrefix: true,
  help: {
    summary: 'list the processors, or make one current',
    usage: ['~', '~N', '~Ns'],
    text: 'Without a number, lists the processors that the dump holds. With one, makes it current: r and k then show its registers and stack.',
    examples: ['~1s'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debugger/multiprocessor-syntax',
  },
  async run({ session, print }, rest) {
    if (rest !== '') {
      const match = /^(\d{1,4})s?$/.exec(rest)
      if (match === null) throw new DebuggerError('ARGUMENT', `'~${rest}' is no processor: ~N or ~Ns`)
      session.selectProcessor(Number(match[1]))
      return
    }
    for (const { number, prcb } of session.processors) {
      const mark = number === session.processorNumber ? '.' : ' '
      print(`${mark} ${String(number).padStart(2)}  PRCB ${prcb.toString(16)}`)
    }
  },
}
