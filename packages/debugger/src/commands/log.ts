import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'

export const logopen: Command<{ readonly kind: 'logOpened'; readonly file: string }> = {
  names: ['.logopen', '.logappend'],
  help: {
    summary: 'write all that follows to a file as well',
    usage: ['.logopen FILE', '.logappend FILE'],
    text: 'Opens a log file, or with .logappend appends to one; a log that is open is closed. What is typed is in it too.',
    examples: ['.logopen crash.log'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-logopen--open-log-file-',
  },
  async *facts(_, { debugger: control, name, rest }) {
    const file = rest.replace(/^"(.*)"$/, '$1')
    if (file === '') throw new DebuggerError('ARGUMENT', `${name} needs a file`)
    control.openLog(file, name === '.logappend')
    yield { kind: 'logOpened', file }
  },
  print({ file }, write) {
    write(`Opened log file '${file}'`)
  },
}

export const logclose: Command<{ readonly kind: 'logClosed'; readonly file: string | null }> = {
  names: ['.logclose'],
  help: {
    summary: 'close the log file',
    usage: ['.logclose'],
    text: 'Closes the log file that .logopen or -logo opened.',
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-logclose--close-log-file-',
  },
  async *facts(_, { debugger: control }) {
    yield { kind: 'logClosed', file: control.closeLog() }
  },
  print({ file }, write) {
    write(file === null ? 'No log file open' : `Closing open log file ${file}`)
  },
}
