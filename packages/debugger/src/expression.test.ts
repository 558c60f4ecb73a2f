import { MemorySource } from '@dumpstack/bytes'
import { buildDump } from '@dumpstack/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DebuggerError } from './errors.ts'
import { evaluate, parseNumber } from './expression.ts'
import { fewSymbols, sessionOn, symbolsFor } from './session.test-support.ts'

const NT = 0xfffff80312400000n
const built = buildDump({ type: 5 })
const session = sessionOn(
  new MemorySource(built.bytes),
  symbolsFor('ntoskrnl.exe', fewSymbols({ PsLoadedModuleList: 0x2390, KeBugCheckEx: 0x1200 })),
)

// Values as the page "MASM numbers and operators" and the pages on `?` and poi give the rules.
it.each([
  ['10', 0x10n],
  ['0x10+0n10', 0x1an],
  ['0t17', 0o17n],
  ['0y101', 5n],
  ['1fh', 0x1fn],
  ['fffff803`12400000', NT],
  ['1+2*3', 7n],
  ['(1+2)*3', 9n],
  ['10-4-2', 0xan],
  ['7 mod 4', 3n],
  ['f0 | f & 5', 0xf5n],
  ['1<<4', 0x10n],
  ['-1', 0xffffffffffffffffn],
  ['~0', 0xffffffffffffffffn],
  ['ffffffffffffffff+2', 1n],
  ['5 > 4', 1n],
  ['5 == 4', 0n],
  ['nt', NT],
  ['nt!KeBugCheckEx', NT + 0x1200n],
  ['nt!KeBugCheckEx+10', NT + 0x1210n],
  ['NT!KeBugCheckEx', NT + 0x1200n],
  ['PsLoadedModuleList', NT + 0x2390n],
  ['@rip', NT + 0x1234n],
  ['rip', NT + 0x1234n],
  ['@eip', 0x12401234n],
  ['.', NT + 0x1234n],
  ['@$ip-nt', 0x1234n],
  ['@$csp', 0xffffa00012345678n],
  ['storahci', 0xfffff80316e00000n],
])('%s', async (text, value) => {
  expect(await evaluate(session, text)).toBe(value)
})

it('reads memory', async () => {
  const first = await evaluate(session, 'poi(nt!PsLoadedModuleList)')
  expect(await evaluate(session, `poi(${first.toString(16)}+30)`)).toBe(NT)
  expect(await evaluate(session, `dwo(nt+b30)`)).toBe(0x4742444bn)
  expect(await evaluate(session, `by(nt+b30)`)).toBe(0x4bn)
})

it.each([
  ['', /nothing to evaluate/],
  ['1+', /something is missing/],
  ['(1', /'\)' is missing/],
  ['1 2', /'2' is one too many/],
  ['5/0', /division by zero at column 2/],
  ['nt!NoSuch', /no symbol 'nt!NoSuch'/],
  ['nomod!x', /no module 'nomod'/],
  ['NoSuchName', /no symbol or register 'NoSuchName'/],
  ['@nosuch', /register 'nosuch'/],
  ['1 ` 2', /'`' has no meaning here at column/],
  ['('.repeat(200), /too deeply nested/],
])('refuses %s', async (text, message) => {
  await expect(evaluate(session, text)).rejects.toThrow(message)
})

it('names the address that the dump does not hold', async () => {
  await expect(evaluate(session, `poi(${built.absent.toString(16)})`)).rejects.toThrow(
    expect.objectContaining({ code: 'MEMORY_ABSENT', message: expect.stringMatching(/not in the dump/) }),
  )
  await expect(evaluate(session, 'poi(0)')).rejects.toThrow(/00000000`00000000 cannot be read: .*not mapped/)
})

describe('any text', () => {
  it('is a value or our error', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f+*()nt!@`. -]{0,20}$/)),
        async (text) => {
          try {
            const value = await evaluate(session, text)
            expect(value >= 0n && value < 1n << 64n).toBe(true)
          } catch (error) {
            if (!(error instanceof DebuggerError)) throw error
          }
        },
      ),
      { numRuns: 300 },
    )
  })
  it('is a number only when it is one', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 64n) - 1n), (value) => parseNumber(value.toString(16)) === value),
    )
    expect(parseNumber('10000000000000000')).toBeNull()
    expect(parseNumber('rax')).toBeNull()
  })
})
