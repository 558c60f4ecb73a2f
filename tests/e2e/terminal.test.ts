// What a person at a terminal sees: a pseudo-terminal of Python's pty, with stdout and stderr on it. Escapes go to one that obeys them.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { repository, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const driver = path.join(repository, 'guest/miniports/bin/dsahci-b23.sys')
const PTY = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'
const hasPty = spawnSync('python3', ['-c', 'import os, pty; os.waitstatus_to_exitcode']).status === 0

/** What takes back the last line. */
const CLEAR = '\r\x1b[K'

function onTerminal(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): { code: number | null; text: string } {
  const bin = path.join(repository, 'packages/cli/bin/dumpstack.js')
  const { status, stdout } = spawnSync('python3', ['-c', PTY, process.execPath, bin, ...args], {
    cwd: folder.path,
    encoding: 'utf8',
    input: '',
    env: { ...process.env, NO_COLOR: '', TERM: 'xterm', ...environment },
  })
  return { code: status, text: stdout }
}

describe.skipIf(!hasPty)('on a terminal (needs python3 with pty)', () => {
  const check = ['check', driver, '--controller', 'ahci', '--plan', 'one']

  it('check says where it is, in a line that is gone in the end, and paints its verdict', () => {
    const { code, text } = onTerminal(check, {})
    expect(code).toBe(1)
    const shown = text
      .split(CLEAR)
      .map((line) => line.split('\r', 1)[0]!)
      .filter((line) => line.startsWith('checking '))
    expect(shown).toEqual([
      ...['start', 'running', 'dump'].map(
        (phase) => `checking dsahci-b23.sys on ahci, life 1 of 1: plain, ${phase}`,
      ),
      'checking dsahci-b23.sys on ahci: what it leaves for the debugger',
    ])
    const report = text.slice(text.lastIndexOf(CLEAR) + CLEAR.length)
    expect(report).toMatch(/^dsahci-b23\.sys, /)
    expect(report).not.toContain('checking ')
    expect(text).toContain('\x1b[31mfail\x1b[39m')
  }, 60_000)

  it.each([
    ['check', check],
    ['verify', ['verify', driver]],
    ['test', ['test', '--ram', '64M', '--cpus', '1', '--dumps', 'mini', '--out', 'dumb']],
  ])(
    '%s sends no escapes to one that is dumb',
    (_, args) => {
      const { text } = onTerminal(args, { TERM: 'dumb' })
      expect(text).not.toContain('\x1b')
      expect(text.replaceAll('\r\n', '\n')).not.toContain('\r')
    },
    60_000,
  )

  it('NO_COLOR takes the colours, and leaves the line in place', () => {
    const { text } = onTerminal(check, { NO_COLOR: '1' })
    expect(text.replaceAll(CLEAR, '')).not.toContain('\x1b')
    expect(text).toContain(`${CLEAR}checking `)
  }, 60_000)
})
