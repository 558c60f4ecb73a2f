// The reference page of a command, from its own help: `npm run docs` writes docs/commands.
import type { Command } from './command.ts'

/** `.ecxr` -> `ecxr.md`, `!analyze` -> `analyze.md`, `?` -> `evaluate.md`. */
export function pageName(command: Command): string {
  const name = command.names[0]!
  const spelled: Readonly<Record<string, string>> = { '?': 'evaluate', '~': 'processor' }
  return `${spelled[name] ?? name.replace(/^[.!]/, '')}.md`
}

export function commandPage(command: Command): string {
  const { names, help } = command
  const lines = [
    `# ${names.map((name) => `\`${name}\``).join(' ')}: ${help.summary}`,
    '',
    '```',
    ...help.usage,
    '```',
    '',
    help.text,
    '',
  ]
  if (help.examples !== undefined && help.examples.length > 0) {
    lines.push('Examples:', '', '```', ...help.examples, '```', '')
  }
  lines.push(help.follows === null ? 'Layout: ours.' : `Layout follows: ${help.follows}.`, '')
  return lines.join('\n')
}

export function commandIndex(commands: readonly Command[]): string {
  const rows = commands.map(
    (command) =>
      `| [\`${command.names.join('` `').replaceAll('|', '\\|')}\`](${pageName(command)}) | ${command.help.summary} |`,
  )
  return [
    '# Commands of kd',
    '',
    'Written by `npm run docs` from the help of the commands themselves.',
    '',
    '| command | |',
    '|---|---|',
    ...rows,
    '',
  ].join('\n')
}
