// Facts: JSON for scripts, as they are found, up to where Ctrl-C ends a command.
import { readFileSync } from 'node:fs'
import { MemorySource } from '@dumpstack/bytes'
import { buildDump, buildTriageDump } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { opening } from './banner.ts'
import { type Fact, factJson } from './command.ts'
import { lm } from './commands/lm.ts'
import { x } from './commands/x.ts'
import { Debugger } from './debugger.ts'
import { DebuggerError } from './errors.ts'
import { EVERYTHING, fewSymbols, NO_SYMBOLS, sessionOn } from './session.test-support.ts'
import type { Session } from './session.ts'
import { stoppedMachine } from './stopped-machine.test-support.ts'

const page = readFileSync(new URL('../../../docs/kd-json.md', import.meta.url), 'utf8')
const control = { quit() {}, openLog() {}, closeLog: () => null }

async function factsOf(session: Session, line: string): Promise<[command: string, fact: Fact][]> {
  const facts: [string, Fact][] = []
  const target = new Debugger({
    session,
    write: () => expect.unreachable('facts take the place of text'),
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

  it.each([
    ['full dump', buildDump({ type: 5, processors: 2 }).bytes],
    ['minidump', buildTriageDump()],
  ])('every fact of a %s is of a kind that docs/kd-json.md names', async (_, bytes) => {
    const facts = await factsOf(sessionOn(new MemorySource(bytes)), `${EVERYTHING}; .sympath; nope; q`)
    const kinds = new Set(facts.map(([, { kind }]) => kind))
    expect(kinds.size).toBeGreaterThan(30)
    for (const kind of kinds) expect(page).toContain(`\`${kind}\``)
    for (const [command, fact] of facts) {
      expect(Object.keys(JSON.parse(factJson(command, fact)))).toEqual(['command', ...Object.keys(fact)])
    }
  })
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
  const write = (text: string): void => {
    throw new Error(`'${text}' stands among lines of JSON`)
  }
  const full = (): never => {
    throw new DebuggerError('LOG_IO', 'cannot write the log kd.log: no space left on device')
  }
  const target = new Debugger({
    session: stoppedMachine(),
    write,
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
