// That nothing but terminal.ts reaches a screen: what is written elsewhere is not made printable.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ScreenColors } from '@dumpstack/crashtest'
import { expect, it } from 'vitest'
import { bold, lineText, painted, red } from './painted.ts'

const packages = fileURLToPath(new URL('../../..', import.meta.url))
const WRITES_TO_SCREEN = /\b(stdout|stderr)\.write\(|\bconsole\.|emitWarning|\bwriteSync\([12]\b/

it('alone writes to stdout and stderr', () => {
  const sources = readdirSync(packages, { withFileTypes: true })
    .filter((room) => room.isDirectory() && room.name !== 'testkit')
    .flatMap(({ name }) =>
      readdirSync(path.join(packages, name, 'src'), { recursive: true, encoding: 'utf8' }).map((file) =>
        path.join(name, 'src', file),
      ),
    )
    .filter((file) => file.endsWith('.ts') && !/\.test(-support)?\.ts$/.test(file))
  expect(sources.length).toBeGreaterThan(300)
  const writers = sources.filter((file) =>
    WRITES_TO_SCREEN.test(readFileSync(path.join(packages, file), 'utf8')),
  )
  expect(writers).toEqual([path.join('cli', 'src', 'terminal', 'terminal.ts')])
})

const COLORS: ScreenColors = {
  green: (text) => `<green>${text}</green>`,
  red: (text) => `<red>${text}</red>`,
  yellow: (text) => `<yellow>${text}</yellow>`,
  dim: (text) => `<dim>${text}</dim>`,
  bold: (text) => `<bold>${text}</bold>`,
}

it('paints our words, and makes all text printable, painted or not', () => {
  const name = 'a\x1b[31m\n.sys'
  const line = painted`  ${red('FAIL')}  ${bold(name)} ${name} ${2}`
  expect(lineText(line, COLORS)).toBe(
    String.raw`  <red>FAIL</red>  <bold>a\u001b[31m\u000a.sys</bold> a\u001b[31m\u000a.sys 2`,
  )
  expect(lineText(name, COLORS)).toBe(String.raw`a\u001b[31m\u000a.sys`)
  expect(lineText(painted`${line}`, COLORS)).toBe(lineText(line, COLORS))
})
