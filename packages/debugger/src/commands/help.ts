import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'

export type HelpFact =
  /** `width` is that of the longest name. */
  | { readonly kind: 'command'; readonly name: string; readonly width: number; readonly summary: string }
  | {
      readonly kind: 'help'
      readonly usage: readonly string[]
      readonly text: string
      readonly examples: readonly string[]
    }

/** `all` gives the commands that there are, this one included. */
export const helpOn = (all: () => readonly Command[]): Command<HelpFact> => ({
  names: ['.help', '.hh'],
  help: {
    summary: 'list the commands, or explain one',
    usage: ['.help', '.help COMMAND'],
    text: 'Lists all commands; with the name of one, says how to use it.',
    examples: ['.help k'],
    follows: null,
  },
  async *facts(_, { rest }) {
    const commands = all()
    if (rest === '') {
      const width = Math.max(...commands.map(({ names }) => names[0]!.length))
      for (const { names, help } of commands) {
        yield { kind: 'command', name: names[0]!, width, summary: help.summary }
      }
      return
    }
    const command = commands.find(({ names }) => names.includes(rest))
    if (command === undefined) throw new DebuggerError('COMMAND_UNKNOWN', `no command '${rest}'`)
    const { usage, text, examples = [] } = command.help
    yield { kind: 'help', usage, text, examples }
  },
  print(fact, write) {
    if (fact.kind === 'command') {
      write(`${fact.name.padEnd(fact.width)}  ${fact.summary}`)
      return
    }
    for (const usage of fact.usage) write(usage)
    write()
    write(fact.text)
    for (const example of fact.examples) write(`    ${example}`)
  },
})
