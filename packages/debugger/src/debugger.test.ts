import { DumpstackError, MemorySource } from '@dumpstack/bytes'
import { buildDump, buildTriageDump } from '@dumpstack/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from './commands/index.ts'
import { Debugger, findCommand, splitCommands } from './debugger.ts'
import { EVERYTHING, NO_SYMBOLS, say, sessionOn } from './session.test-support.ts'

it.each([
  ['r; k', ['r', 'k']],
  [' ;; lm ;', ['lm']],
  ['.logopen "a;b"; q', ['.logopen "a;b"', 'q']],
  ['r; * the rest is a comment; k', ['r']],
  ['', []],
])('splits %j at semicolons', (line, commands) => {
  expect(splitCommands(line)).toEqual(commands)
})

it.each([
  ['?1+1', '?', '1+1'],
  ['~12s', '~', '12s'],
  ['~1 k 5', '~', '1 k 5'],
  ['1kn', '~', '1kn'],
  ['lmvm nt', 'lmvm', 'nt'],
  ['kv 5', 'kv', '5'],
])('finds the command of %j', (text, name, rest) => {
  expect(findCommand(COMMANDS, text)).toMatchObject({ name, rest })
})

it('says by name what is not there', () => {
  expect(() => findCommand(COMMANDS, '!vm 1')).toThrow("no command '!vm'")
  expect(() => findCommand(COMMANDS, 'lmfoo')).toThrow("no command 'lmfoo'")
  expect(() => findCommand(COMMANDS, '12')).toThrow("no command '12'")
})

it('shows the processor in the prompt where there are several', () => {
  const prompt = (processors: number): string => {
    const session = sessionOn(new MemorySource(buildDump({ type: 5, processors }).bytes))
    return new Debugger({ session, write() {}, openLog: () => ({ write() {}, close() {} }) }).prompt
  }
  expect(prompt(1)).toBe('kd> ')
  expect(prompt(4)).toBe('0: kd> ')
})

it('writes to the log from .logopen to .logclose', async () => {
  const session = sessionOn(new MemorySource(buildDump({ type: 5 }).bytes))
  let log = ''
  let isOpen = false
  const target = new Debugger({
    session,
    write() {},
    openLog: (file) => {
      expect(file).toBe('a b.log')
      isOpen = true
      return {
        write: (text) => {
          log += text
        },
        close: () => {
          isOpen = false
        },
      }
    },
  })
  await target.execute('? 1; .logopen "a b.log"; ? 2; .logclose; ? 3', new AbortController().signal)
  expect(isOpen).toBe(false)
  expect(log).toBe("Opened log file 'a b.log'\nEvaluate expression: 2 = 00000000`00000002\n")
})

it("keeps a dump's names from commanding the terminal", async () => {
  const modules = [{ name: 'evil\x1b[2J\x9b31m\n\u202e.sys', base: 0xfffff80312400000n, size: 0x8000 }]
  const session = sessionOn(new MemorySource(buildDump({ type: 5, modules }).bytes))
  const text = await say(session, 'lmv')
  expect(text).toContain(String.raw`evil\u001b[2J\u009b31m\u000a\u202e.sys`)
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
})

it('stops at the command that quits', async () => {
  const session = sessionOn(new MemorySource(buildDump({ type: 5 }).bytes))
  expect(await say(session, '? 1; q; ? 2')).toBe('Evaluate expression: 1 = 00000000`00000001\n')
})

it('shows memory that the dump does not hold as ??, and never as zeros', async () => {
  const built = buildDump({ type: 5 })
  const session = sessionOn(new MemorySource(built.bytes))
  const absent = built.absent.toString(16)
  expect(await say(session, `db ${absent} L2`)).toContain('?? ??')
  expect(await say(session, `dq ${absent} L1`)).toContain('????????`????????')
  expect(await say(session, `da ${absent}`)).toContain('"????"')
  expect(await say(session, `dps ${absent} L1`)).toContain('????????`????????')
})

describe('whatever the dump holds', () => {
  const wholes = [
    ['full', buildDump({ type: 5, processors: 2 }).bytes],
    ['mini', buildTriageDump()],
  ] as const
  it.each(wholes)('every command ends, with text or our error: %s', async (_, whole) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 40 }),
        fc.array(fc.tuple(fc.nat(0x3000), fc.nat(255)), { maxLength: 10 }),
        fc.integer({ min: 0, max: whole.length }),
        fc.boolean(),
        async (anywhere, inHeaders, cut, isCut) => {
          const bytes = whole.slice(0, isCut ? cut : whole.length)
          for (const [at, value] of [...anywhere, ...inHeaders]) if (at < bytes.length) bytes[at] = value
          try {
            await say(sessionOn(new MemorySource(bytes)), EVERYTHING)
          } catch (error) {
            if (!(error instanceof DumpstackError)) throw error
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('any line of text is answered', async () => {
    const session = sessionOn(new MemorySource(buildDump({ type: 5 }).bytes), NO_SYMBOLS)
    const words = COMMANDS.flatMap(({ names }) => names)
    const line = fc.tuple(
      fc.constantFrom(...words),
      fc.stringMatching(/^[0-9a-f@$!*.~;+()rispnkLl -]{0,16}$/),
    )
    await fc.assert(
      fc.asyncProperty(line, async ([word, rest]) => {
        await say(session, `${word} ${rest}`)
        await say(session, `${word}${rest}`)
      }),
      { numRuns: 400 },
    )
  })
})

describe('!pte', () => {
  const dump = buildDump({ type: 5 })
  const lastLines = async (address: bigint): Promise<string[]> => {
    const shown = await say(sessionOn(new MemorySource(dump.bytes)), `!pte ${address.toString(16)}`)
    return shown.trimEnd().split('\n')
  }
  it.each([
    ['a page', dump.kernelBase, /^(?:pfn .*){3}pfn 10003f +---DA--KW-V$/],
    ['a page of 2 MiB', dump.large.va, /^(?:pfn .*){2}pfn 200 +--LDA--KWEV$/],
    [
      'a page in transition',
      dump.transition.va,
      new RegExp(`^Transition: ${dump.transition.pfn.toString(16)}$`),
    ],
    ['a page in a page file', dump.pagedOut, /^PageFile: [0-9a-f], offset [0-9a-f]+$/],
    ['no page', 0x1000n, /^not mapped: the entry is zero$/],
  ])('ends with the entry of %s', async (_, address, last) => {
    expect((await lastLines(address)).at(-1)).toMatch(last)
  })
})
