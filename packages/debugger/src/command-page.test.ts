import { expect, it } from 'vitest'
import { COMMANDS } from './commands/index.ts'

it('gives no name to two commands', () => {
  const names = COMMANDS.flatMap((command) => command.names)
  expect(new Set(names).size).toBe(names.length)
})
