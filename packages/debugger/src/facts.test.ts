// Facts: JSON for scripts, as they are found, up to where Ctrl-C ends a command.
import { readFileSync } from 'node:fs'
import { MemorySource } from '@dumpstack/bytes'
import { buildDump, buildTriageDump } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { opening } from './banner.ts'
import { type Command, type Fact, factJson } from './command.ts'
import { COMMANDS } from './commands/index.ts'
import { lm } from './commands/lm.ts'
import { x } from './commands/x.ts'
import { Debugger } from './debugger.ts'
import { DebuggerError } from './errors.ts'
import { EVERYTHING, fewSymbols, NO_SYMBOLS, sessionOn } from './session.test-support.ts'
import type { Session } from './session.ts'
import { stoppedMachine } from './stopped-machine.test-support.ts'

const page = readFileSync(new URL('../../../docs/kd-json.md', import.meta.url), 'utf8')
const control = { quit() {}, openLog() {}, closeLog: () => null }

const codesIn = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code!)
/** The table of the page: which command yields which facts; where it is no command, in the words of the page. */
const ROWS = [...page.matchAll(/^\| ([^|]+) \| ([^|]+) \|$/gm)].map(([, who, kinds]) => ({
  names: codesIn(who!),
  who: who!,
  kinds: codesIn(kinds!),
}))
const rowsOf = ({ names }: Command) => ROWS.filter((row) => row.names.some((name) => names.includes(name)))
const commandNamed = (typed: string): Command | undefined =>
  COMMANDS.find(({ names, isPrefix }) =>
    names.some((name) => name === typed || (isPrefix && typed.startsWith(name))),
  )

/** The kinds that the page gives a command; `those of` another are given by its name. */
function kindsOf(line: string): string[] {
  const command = commandNamed(line.split(' ')[0]!)
  const rows = command ? rowsOf(command) : ROWS.filter(({ who }) => who === 'before the first' && line === '')
  const own = rows.flatMap(({ kinds }) => kinds)
  const others = own.filter((kind) => commandNamed(kind) && commandNamed(kind) !== command).flatMap(kindsOf)
  return [...own, ...others, ...ROWS.find(({ who }) => who.startsWith('every command'))!.kinds]
}

async function factsOf(session: Session, line: string): Promise<[command: string, fact: Fact][]> {
  const facts: [string, Fact][] = []
  const target = new Debugger({
    session,
    write: null,
    openLog: () => ({ write() {}, close() {} }),
    onFact: (command, fact) => facts.push([command, fact]),
  })
  const { signal } = new AbortController()
  await target.open(opening('0.0.0'), signal)
  await target.execute(line, signal)
  return facts
}

describe('as JSON', () => {
  it('facts are lines as docs/kd-json.md shows them', async () => {
    const [, line, shown] = /-c "([^"]*)" --json\n(.*?)```/s.exec(page)!
    const facts = (await factsOf(stoppedMachine(), line!)).filter(([command]) => command !== '')
    expect(facts.map(([command, fact]) => `${factJson(command, fact)}\n`).join('')).toBe(shown)
  })

  it('every command has a row in docs/kd-json.md and is in the line that tries them', () => {
    for (const command of COMMANDS) expect(rowsOf(command), command.names[0]).not.toEqual([])
    const tried = `${EVERYTHING}; q`.split('; ').map((line) => commandNamed(line.split(' ')[0]!))
    expect(COMMANDS.filter((command) => !tried.includes(command)).map(({ names }) => names[0])).toEqual([])
    const named = ROWS.flatMap(({ names }) => names)
    expect(named.filter((name) => commandNamed(name) === undefined)).toEqual([])
  })

  it.each([
    ['full dump', buildDump({ type: 5, processors: 2 }).bytes],
    ['minidump', buildTriageDump()],
  ])(
    'every fact of a %s is of a kind that docs/kd-json.md has in the row of its command',
    async (_, bytes) => {
      const facts = await factsOf(sessionOn(new MemorySource(bytes)), `${EVERYTHING}; nope; q`)
      expect(new Set(facts.map(([, { kind }]) => kind)).size).toBeGreaterThan(30)
      for (const [command, fact] of facts) {
        expect(kindsOf(command), `the row of '${command}'`).toContain(fact.kind)
        expect(Object.keys(JSON.parse(factJson(command, fact)))).toEqual(['command', ...Object.keys(fact)])
      }
    },
  )
})

it('comes before the next is looked for', async () => {
  const asked: string[] = []
  const session = stoppedMachine({
    ...NO_SYMBOLS,
    symbols: ({ imageName }) => {
      asked.push(imageName)
      return Promise.resolve({ file: null, why: ['not here'] })
    },
  })
  const { signal } = new AbortController()
  const kinds: string[] = []
  for await (const fact of lm.facts(session, { name: 'lmv', rest: '', debugger: control }, signal)) {
    kinds.push(`${fact.kind} ${asked}`)
  }
  expect(kinds).toEqual(['modules ', 'module ntoskrnl.exe', 'module ntoskrnl.exe,disk.sys'])
})

it('stays when Ctrl-C ends the command, which says how far it came', async () => {
  const run = async (onFact?: (command: string, fact: Fact) => void): Promise<string> => {
    const controller = new AbortController()
    const session = stoppedMachine({
      ...NO_SYMBOLS,
      symbols: ({ imageName }, signal) => {
        if (imageName === 'disk.sys') controller.abort()
        signal.throwIfAborted()
        return Promise.resolve({ file: fewSymbols({ KeBugCheckEx: 0x1230 }) })
      },
    })
    let text = ''
    const write = (part: string): void => {
      text += part
    }
    const openLog = () => ({ write() {}, close() {} })
    const target = new Debugger({ session, write, openLog, ...(onFact && { onFact }) })
    await target.execute('x *!*; ? 1', controller.signal)
    return text
  }
  expect(await run()).toBe('fffff803`00001230 nt!KeBugCheckEx\n^ interrupted after 1 of 2 modules\n')
  const facts: Fact[] = []
  await run((_, fact) => facts.push(fact))
  expect(facts).toEqual([
    { kind: 'symbol', address: 0xfffff80300001230n, module: 'nt', name: 'KeBugCheckEx' },
    { kind: 'interrupted', what: 'modules', done: 1, total: 2 },
  ])
})

it('tells that the log was lost, among the facts and not beside them', async () => {
  const facts: Fact[] = []
  const full = (): never => {
    throw new DebuggerError('LOG_IO', 'cannot write the log kd.log: no space left on device')
  }
  const target = new Debugger({
    session: stoppedMachine(),
    write: null,
    openLog: () => ({ write: full, close() {} }),
    onFact: (_, fact) => facts.push(fact),
  })
  await target.execute('.logopen kd.log; ? 4', new AbortController().signal)
  expect(facts).toContainEqual({
    kind: 'error',
    code: 'LOG_IO',
    message: 'cannot write the log kd.log: no space left on device: the log ends here',
  })
  expect(target.hasLostLog).toBe(true)
})

it('is found by a command alone, without a debugger around it', async () => {
  const found: Fact[] = []
  const { signal } = new AbortController()
  for await (const fact of x.facts(
    stoppedMachine(),
    { name: 'x', rest: 'nt!Ke*', debugger: control },
    signal,
  )) {
    found.push(fact)
  }
  expect(found).toEqual([
    { kind: 'symbol', address: 0xfffff80300001230n, module: 'nt', name: 'KeBugCheckEx' },
  ])
})
