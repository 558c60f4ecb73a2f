import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { shellWord } from './shell-word.ts'

const NAMES = [
  'my disk.sys',
  '/a/$HOME/x.sys',
  '`id`.sys',
  "it's $5.sys",
  '"q".sys',
  'back\\slash.sys',
  "it's.sys",
]

it('is one word for a shell, and the same text', () => {
  if (!existsSync('/bin/sh')) return // of Windows no shell is asked
  for (const name of NAMES)
    expect(
      execFileSync('/bin/sh', ['-c', `printf %s ${shellWord(name, 'linux')}`], { encoding: 'utf8' }),
    ).toBe(name)
})

it('is in double quotes where they do, as all shells know them', () => {
  expect(shellWord('my disk.sys', 'linux')).toBe('"my disk.sys"')
  expect(shellWord('C:\\my drivers\\disk.sys', 'win32')).toBe('"C:\\my drivers\\disk.sys"')
})
