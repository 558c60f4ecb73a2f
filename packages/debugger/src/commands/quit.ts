import type { Command } from '../command.ts'

export const quit: Command<{ readonly kind: 'quit' }> = {
  names: ['q', 'qq', 'qd'],
  help: {
    summary: 'end the session',
    usage: ['q'],
    text: 'Ends the debugger. So do Ctrl-B and Enter, and the end of the input.',
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/q--qq--quit-',
  },
  async *facts(_, { debugger: control }) {
    control.quit()
    yield { kind: 'quit' }
  },
  print() {},
}
