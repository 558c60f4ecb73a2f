// The thread and process of the crash in minidumps, the registers that were not set, and parts of a dump that lie.
import { MemorySource } from '@dumpstack/bytes'
import { buildCrashMinidump, type CrashMinidump } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { say, sayOpening, sessionOn } from './session.test-support.ts'
import type { Session } from './session.ts'

const THREAD = 0xffffe0013d4da880n
const PROCESS = 0xffffe001381a08c0n
const CRASHED = { thread: THREAD, process: PROCESS, cid: [0xd90, 0xd94], imageName: 'dw20.exe' } as const

const session = (recipe: Partial<CrashMinidump>): Session =>
  sessionOn(new MemorySource(buildCrashMinidump({ bugcheck: 0x1e, ...recipe })))

describe('a minidump of Windows 8.1 without symbols', () => {
  it('has the thread and process of its crash, by the places that the dump itself tells', async () => {
    const target = session({ crashed: CRASHED })
    expect(target.currentThread).toBe(THREAD)
    expect(target.crashProcessor).toBe(1)
    const text = await say(target, '!process; !thread -1 2; ~')
    expect(text).toContain('No types for build 9600: ')
    expect(text).toContain('PROCESS ffffe001381a08c0\n    Cid: 0d90    Peb: 0  ParentCid: ????\n')
    expect(text).toContain('    DirBase: 1ab000  ObjectTable: ?\n    Image: dw20.exe\n')
    expect(text).toContain('THREAD ffffe0013d4da880  Cid 0d90.0d94  Teb: 0000000000000000 ')
    expect(text).toContain(' RUNNING on processor 1\n')
    expect(text).toContain('Owning Process            ffffe001381a08c0       Image:         dw20.exe\n')
    expect(text).toContain('.  1  PRCB at an address that the dump does not tell\n')
  })

  it.each([
    ['Windows 7', 7601, [0x180, 0x2e0], 'dw20.exe'],
    ['Windows 10 1809', 17763, [0x2e0, 0x450], 'dw20.exe'],
    ['Windows 10 2004', 19041, [0x440, 0x5a8], 'dw20.exe'],
    ['a build between those that are known', 18000, [0x2e0, 0x450], 'unknown: no types for build 18000'],
    ['a field that holds no name', 9600, [0x2e0, 0x500], 'unknown: the field holds no name'],
  ] as const)('names the process of %s', async (_, build, places, name) => {
    const text = await say(session({ build, crashed: { ...CRASHED, places } }), '!analyze -v')
    expect(text).toContain(`PROCESS_NAME:  ${name}\n`)
  })

  it('says so where the dump keeps no thread', async () => {
    const text = await say(session({}), '!process; !thread; !analyze -v')
    expect(text).toContain('the current thread is not in the dump\n')
    expect(text).toContain('PROCESS_NAME:  unknown: the current thread is not in the dump\n')
  })
})

it.each([
  ['r', 'neither a PRCB nor the header of the dump holds registers\n'],
  ['.ecxr', 'the header of the dump holds no registers: '],
  ['k', 'neither a PRCB nor the header of the dump holds registers\n'],
  ['!thread', 'The stack is not shown: neither a PRCB nor the header'],
  ['!analyze -v', 'CONTEXT:  none (neither a PRCB nor the header'],
  ['? @rip', 'neither a PRCB nor the header of the dump holds registers\n'],
  ['.dumpdebug', 'ExceptionCode          not set\nExceptionAddress       not set\n'],
])('the fill of the header is no value in %s', async (command, text) => {
  const said = await say(session({ context: 'fill', crashed: CRASHED }), command)
  expect(said).toContain(text)
  expect(said).not.toMatch(/4547415/)
})

it('goes on with the rest of a dump where one count lies, and says what is left out', async () => {
  const bytes = buildCrashMinidump({ bugcheck: 0x1e, crashed: CRASHED })
  new DataView(bytes.buffer).setUint32(0x207c, 0xffffffff, true)
  const target = sessionOn(new MemorySource(bytes))
  expect(await sayOpening(target)).toMatch(/^Part of the dump is left out: table of 4294967295 data/m)
  expect(await say(target, '.bugcheck; lm; !process')).toMatch(/0000001E.*storahci.*dw20\.exe/s)
})
