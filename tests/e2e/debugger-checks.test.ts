// The checks through the debugger on dumps of a real crash, sound and with one value changed: what is wrong is named, what
// lacks symbols is left open, and no damage breaks the judge.
import { type Gva, gva, MemorySource } from '@dumpstack/bytes'
import {
  debugDump,
  debuggerChecks,
  examineDump,
  messageLine,
  messagesOf,
  type Verdict,
  withCauses,
} from '@dumpstack/crashtest'
import { DumpTarget, Session, type SymbolSource } from '@dumpstack/debugger'
import { openDump } from '@dumpstack/dumpfile'
import type { Evidence } from '@dumpstack/target'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { guestSymbols } from './guest-symbols.ts'
import { removeFolders, walkThroughCrash } from './walk.ts'

const NOT_HERE: SymbolSource = {
  ...guestSymbols,
  symbols: async () => ({ file: null, why: ['not here'] }),
  image: async () => null,
}
const MIB = 1024 * 1024

interface Crashed {
  readonly bytes: Uint8Array
  readonly evidence: Evidence
}
let kernel: Crashed
let mini: Crashed

async function crashed(dump: 'kernel' | 'mini'): Promise<Crashed> {
  const ram = { ramBytes: 64 * MIB, pageFileBytes: 321 * MIB }
  const { target } = await walkThroughCrash({}, dump, ram)
  const { source } = await target.openDump()
  const bytes = new Uint8Array(source.byteLength)
  source.read(0, bytes)
  source.close?.()
  const evidence = await target.evidence()
  target.close()
  return { bytes, evidence }
}
beforeAll(async () => {
  kernel = await crashed('kernel')
  mini = await crashed('mini')
})
afterAll(removeFolders)

interface Outcome {
  readonly verdicts: Readonly<Record<string, Verdict>>
  readonly said: readonly string[]
}

async function judge(
  bytes: Uint8Array,
  evidence: Evidence | null,
  symbols: SymbolSource = guestSymbols,
): Promise<Outcome> {
  const said: string[] = []
  const judged = await debugDump(
    { source: new MemorySource(bytes), path: 'MEMORY.DMP', evidence, checks: debuggerChecks, symbols },
    (message) => said.push(messageLine(message)),
    new AbortController().signal,
  )
  const causes = withCauses(judged, { crash: null, byteLength: bytes.byteLength, isStale: false })
  said.push(...messagesOf(causes, new Set()).map(messageLine))
  return { verdicts: Object.fromEntries(judged.map(([id, { verdict }]) => [id, verdict])), said }
}

/** The checks that do not pass. */
const notPassed = ({ verdicts }: Outcome): Record<string, Verdict> =>
  Object.fromEntries(Object.entries(verdicts).filter(([, verdict]) => verdict !== 'pass'))

const sessionOn = (bytes: Uint8Array): Session =>
  new Session({
    target: new DumpTarget(new MemorySource(bytes), 'MEMORY.DMP'),
    symbols: guestSymbols,
    disassembler: null,
    nextTurn: () => Promise.resolve(),
  })

/** Another value at an address of the kernel dump. */
function poke(bytes: Uint8Array, address: Gva, value: bigint): void {
  const dump = openDump(new MemorySource(bytes))
  const place = dump.virtual().translate(address)!
  const offset = dump.pageOffset(Math.floor(place / 4096) as never) + (place % 4096) // a page number
  new DataView(bytes.buffer).setBigUint64(offset, value, true)
}

async function withDamage(damage: (bytes: Uint8Array, session: Session) => void): Promise<Outcome> {
  const bytes = kernel.bytes.slice()
  const session = sessionOn(bytes)
  await session.loadSymbols(session.kernel)
  damage(bytes, session)
  return await judge(bytes, kernel.evidence)
}

it.each([
  ['kernel', () => kernel],
  ['mini', () => mini],
] as const)('passes a sound %s dump, with its truth and as one from elsewhere', async (_, of) => {
  for (const evidence of [of().evidence, null]) {
    const outcome = await judge(of().bytes, evidence)
    expect(outcome.verdicts).toEqual({
      debugger: 'pass',
      symbols: 'pass',
      addresses: 'pass',
      modules: 'pass',
      objects: 'pass',
      stack: 'pass',
    })
    expect(outcome.said).toEqual([])
  }
})

// covers: KIT-33, KIT-34
it.each([
  ['kernel', () => kernel, ['symbols', 'addresses', 'modules', 'objects', 'stack']],
  ['mini', () => mini, ['symbols', 'addresses', 'objects', 'stack']],
] as const)('leaves a %s dump open without symbols, in the words of the kit', async (_, of, open) => {
  const outcome = await judge(of().bytes, of().evidence, NOT_HERE)
  expect(notPassed(outcome)).toEqual(Object.fromEntries(open.map((id) => [id, 'inconclusive'])))
  expect(outcome.said.slice(0, 3)).toEqual([
    '(x) Failed to load the correct symbols.',
    '(i) Please refer to WDK documentation on how to install operating system symbols.',
    '(i) Your symbols might also be out of date, please update symbols by using the Microsoft Symbol Server.',
  ])
  const all = outcome.said.join('\n')
  expect(all).toContain('(x) Error retrieving addresses of nt!KdDebuggerDataBlock, nt!PsLoadedModuleList')
  expect(all).toContain('the current thread (_KTHREAD)')
})

it('leaves the stack of a mini dump open where images to unwind by are missing, and names them', async () => {
  const outcome = await judge(mini.bytes, mini.evidence, { ...guestSymbols, image: async () => null })
  expect(notPassed(outcome)).toEqual({ stack: 'inconclusive' })
  expect(outcome.said.join()).toContain(
    'the dump does not hold the unwind information of ntoskrnl.exe, crashtst.sys, and the symbol path has no such image',
  )
})

// covers: KIT-25, KIT-32, KIT-40
it("says that ntdll's symbols are missing, and passes", async () => {
  const symbols: SymbolSource = {
    ...guestSymbols,
    symbols: async (request, signal) =>
      request.pdb?.path === 'ntdll.pdb'
        ? { file: null, why: ['not here'] }
        : await guestSymbols.symbols(request, signal),
  }
  const outcome = await judge(kernel.bytes, kernel.evidence, symbols)
  expect(notPassed(outcome)).toEqual({})
  expect(outcome.said[0]).toBe('(x) Failed to load the correct symbols.')
  expect(outcome.said.at(-1)).toBe('(i) ntdll.dll: not here')
})

const kernelAddress = (session: Session, name: string): Gva => session.kernel.byName(name)!

// covers: KIT-28
it.each<[string, (bytes: Uint8Array, session: Session) => void, string, RegExp]>([
  [
    'a processor block without processor 1',
    (bytes, session) => poke(bytes, gva(kernelAddress(session, 'KiProcessorBlock') + 8n), 0n),
    'objects',
    /Unable to get the processors .*: processor 1 at .* is 00000000`00000000, at the crash it was ffff/,
  ],
  [
    'a current thread that is none',
    (bytes, session) => poke(bytes, session.currentThread!, 0n),
    'objects',
    /Unable to get the current thread .*: at .* lies no thread: object type 0, expected 6/,
  ],
  [
    'a list of processes that goes nowhere',
    (bytes, session) => poke(bytes, kernelAddress(session, 'PsActiveProcessHead'), 0xffff8000_12340000n),
    'objects',
    /Unable to get the list of processes .*: memory at ffff8000`12340008 cannot be read: the address is not mapped/,
  ],
  [
    'other bugcheck data',
    (bytes, session) => poke(bytes, kernelAddress(session, 'KiBugCheckData'), 0x7en),
    'objects',
    /Unable to get the data of the bugcheck .*: it is 0x7e, 0x0, .* the header says 0xe2/,
  ],
  [
    'a list of modules that ends early',
    (bytes, session) => {
      const head = kernelAddress(session, 'PsLoadedModuleList')
      const first = session.memory.u64(head)
      poke(bytes, head, session.memory.u64(first))
    },
    'modules',
    /Unable to get the list of modules/,
  ],
  [
    'another caller on the stack',
    (bytes, session) => poke(bytes, gva(session.registers.rsp), session.modules.all[1]!.base + 0x1010n),
    'stack',
    /Unable to get the stack from crashtst\.sys to nt!KeBugCheckEx: another caller of nt!KeBugCheckEx: .*hal/,
  ],
])('fails %s', async (_, damage, check, message) => {
  const outcome = await withDamage(damage)
  expect(outcome.verdicts[check]).toBe('fail')
  expect(outcome.said.join('\n')).toMatch(message)
})

it('fails a header that names another place than the symbols', async () => {
  const bytes = kernel.bytes.slice()
  const view = new DataView(bytes.buffer)
  // DUMP_HEADER64.PsActiveProcessHead
  view.setBigUint64(0x28, view.getBigUint64(0x28, true) + 0x10n, true)
  const outcome = await judge(bytes, kernel.evidence)
  expect(notPassed(outcome)).toEqual({ addresses: 'fail' })
  expect(outcome.said[0]).toMatch(
    /Error retrieving addresses of nt!PsActiveProcessHead: .* by the dump, .* by the symbols/,
  )
})

it('judges any damage without breaking', async () => {
  const at = fc.nat({ max: 0xffff_ffff })
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(fc.tuple(at, fc.nat({ max: 255 })), { maxLength: 200 }),
      at,
      async (isMini, flips, end) => {
        const { bytes, evidence } = isMini ? mini : kernel
        const copy = bytes.slice()
        for (const [place, value] of flips) copy[place % (place % 3 === 0 ? 0x3000 : copy.length)] = value
        const cut = end % 4 === 0 ? copy.subarray(0, end % copy.length) : copy
        const { verdicts } = await judge(cut, evidence)
        expect(Object.keys(verdicts)).toContain('debugger')
        const opened = { source: new MemorySource(cut), modifiedAt: 0 }
        const type = isMini ? 'mini' : 'kernel'
        const examined = examineDump({ type, opened, known: null, debugged: [] }).next()
        if (examined.done !== true) throw new Error('a dump without its truth is examined in steps')
        expect(examined.value.examination.checks.length).toBeGreaterThan(0)
      },
    ),
    { numRuns: 25 },
  )
})
