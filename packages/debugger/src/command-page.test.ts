import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { commandIndex, commandPage, pageName } from './command-page.ts'
import { COMMANDS } from './commands/index.ts'

const folder = new URL('../../../docs/commands/', import.meta.url)
const page = (name: string): string => readFileSync(new URL(name, folder), 'utf8')

it('has a page for each command that says what its help says (node tools/command-docs.mjs writes them)', () => {
  expect(readdirSync(folder).sort()).toEqual([...COMMANDS.map(pageName), 'README.md'].sort())
  expect(page('README.md')).toBe(commandIndex(COMMANDS))
  for (const command of COMMANDS) expect(page(pageName(command))).toBe(commandPage(command))
})

it('gives no name to two commands', () => {
  const names = COMMANDS.flatMap((command) => command.names)
  expect(new Set(names).size).toBe(names.length)
})
