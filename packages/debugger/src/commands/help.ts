import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'

export const help: Command = {
  names: ['.help', '.hh'],
  help: {
    summary: 'list the commands, or explain one',
    usage: ['.help', '.help COMMAND'],
    text: 'Lists the commands that are there; with the name of one, says how to use it.',
    examples: ['.help k'],
    follows: null,
  },
  run({ debugger: { commands }, print }, rest) {
    if (rest === '') {
      const width = Math.max(...commands.map(({ names }) => names[0]!.length))
      for (const { names, help } of commands) print(`${names[0]!.padEnd(width)}  ${help.summary}`)
      return
    }
    const command = commands.find(({ names }) => names.includes(rest))
    if (command === undefined) throw new DebuggerError('COMMAND_UNKNOWN', `no command '${rest}'`)
    for (const usage of command.help.usage) print(usage)
    print()
    print(command.help.text)
    for (const example of command.help.examples ?? []) print(`    ${example}`)
  },
}
