// docs/commands: a page for each command of kd, from its own help.
import { COMMANDS, commandIndex, commandPage, pageName } from '@dumpstack/debugger'

export const commandPages = () => [
  ['docs/commands/README.md', commandIndex(COMMANDS)],
  ...COMMANDS.map((command) => [`docs/commands/${pageName(command)}`, commandPage(command)]),
]
