// Transcripts of kd on a dump that a real Windows wrote, with a published table of its types. Facts in them
// (bugcheck, registers, 151 modules, the driver at fault) are those that rizin prints for the same file; layouts follow
// the pages that each command's help names. VITEST_UPDATE_GOLDEN=1 writes them anew.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { FileSource } from '@dumpstack/bytes/node'
import { type IsfFile, openIsf } from '@dumpstack/symbols'
import { sharedData } from '@dumpstack/testkit/node'
import { describe, expect, it } from 'vitest'
import { NO_SYMBOLS, say, sayOpening, sessionOn } from './session.test-support.ts'
import type { Session } from './session.ts'

const DUMP = 'dumps/triage_x64_19041.dmp'
const ISF = 'isf/5278AFF86C341677D7D7835C85B7B844-1.json.xz'
const dumpFile = sharedData(DUMP)
const isfFile = sharedData(ISF)

function golden(name: string, text: string): void {
  const file = new URL(`./__golden__/${name}.txt`, import.meta.url)
  if (process.env['VITEST_UPDATE_GOLDEN'] === '1' || !existsSync(file)) {
    if (process.env['VITEST_UPDATE_GOLDEN'] !== '1') throw new Error(`${file.pathname} is missing`)
    writeFileSync(file, text)
  }
  expect(text).toBe(readFileSync(file, 'utf8'))
}

/** Opened once: it takes half a second. */
let table: Promise<IsfFile> | null = null
function realTable(): Promise<IsfFile> {
  table ??= openIsf(readFileSync(isfFile!), 'nt.json.xz')
  return table
}

async function realSession(): Promise<Session> {
  const file = await realTable()
  return sessionOn(new FileSource(dumpFile!), {
    ...NO_SYMBOLS,
    symbolPath: 'C:\\Symbols',
    symbols: (request) =>
      Promise.resolve(
        request.matches?.(file) === true ? { file } : { file: null, why: [`no PDB of ${request.imageName}`] },
      ),
  })
}

const missing = [dumpFile === null ? DUMP : '', isfFile === null ? ISF : ''].filter((name) => name !== '')
describe.skipIf(missing.length > 0)(`the real minidump (shared/data/${DUMP})`, () => {
  it('begins with the banner', async () => {
    const session = await realSession()
    golden('banner', (await sayOpening(session)).replace(/\n$/, ''))
  })

  it.each([
    ['bugcheck', '.bugcheck'],
    ['registers', 'r; r rip; r eax,cl'],
    ['exception-context', '.ecxr; .cxr; r rsp; .cxr 0xffff850429891720; k 3'],
    ['modules', 'lm'],
    ['module-details', 'lmvm nt; lmvm amdppm'],
    [
      'memory',
      'db nt L28; dw nt L9; dd @rsp L6; dq @rsp L3; dps @rsp L4; da nt+4d; db fffff8047bdf5ff8 L10; dq 0 L2',
    ],
    ['stack', 'k 8; kn 2; kv 2'],
    [
      'types',
      'dt nt!_LIST_ENTRY; dt nt!_KPROCESS Header DirectoryTableBase Affinity; dt nt!_KTHREAD State WaitReason KernelStack ApcState @$thread; dt -r1 nt!_EPROCESS ActiveProcessLinks ImageFileName ffffc08bdce94180; dt nt!_CLIENT_ID*',
    ],
    [
      'symbols',
      'x nt!KeBugCheck*; ln nt!KeBugCheckEx; ln nt!KeBugCheckEx+4; ln nt+40f4e1; ln nt; ? nt!PsLoadedModuleList; ? poi(@rsp) - nt; ? 0n10 + 0x10',
    ],
    ['analyze', '!analyze -v'],
    [
      'process-and-thread',
      '!process; !process -1 1; !thread; !thread -1 0; !thread ffffc08bde9e1640 2; !thread -1 20',
    ],
    ['target', 'vertarget; .dumpdebug'],
    [
      'processors',
      '~; ~5s; r rip; ~0s; ~99s; ~5 r rip; .ecxr; 5r rip; r rip; ~5 .cxr; r rip; ~99 r; ~1 ~2 r; ~1 nope; ~x',
    ],
    [
      'refusals',
      'lmx; wt; k kk; dt nt!_NO_SUCH_TYPE; u; !pte nt; .childdbg; r rax=5; poi(; ? nomodule!x; .reload /user; !process 0 8; !process 0 7',
    ],
  ])('%s', async (name, line) => {
    golden(name, await say(await realSession(), line))
  })

  it('lists 151 modules, and names amdppm as the one at fault', async () => {
    const session = await realSession()
    expect(session.modules.all).toHaveLength(151)
    expect(session.registers.rip).toBe(0xfffff8047bdf5a80n)
    const text = await say(session, '!analyze')
    expect(text).toContain('MODULE_NAME: amdppm\n')
    expect(text).toContain('IMAGE_NAME:  amdppm.sys\n')
  })

  it('takes no table of another kernel', async () => {
    const file = await realTable()
    const session = sessionOn(new FileSource(dumpFile!), {
      ...NO_SYMBOLS,
      symbols: (request) => {
        const moved = {
          ...file,
          kind: 'isf' as const,
          byName: (name: string) => {
            const found = file.byName(name)
            return found === null ? null : { ...found, rva: found.rva + (name === 'PoolTrackTable' ? 8 : 0) }
          },
        }
        return Promise.resolve(
          request.matches?.(moved as unknown as typeof file) === true // only byName is asked
            ? { file }
            : { file: null, why: ['of another kernel'] },
        )
      },
    })
    expect(await say(session, '? nt!KeBugCheckEx')).toContain('of another kernel')
  })

  it('ends a command when the user interrupts it', async () => {
    const session = await realSession()
    const controller = new AbortController()
    session.begin(controller.signal)
    controller.abort()
    await expect(session.step()).rejects.toThrow()
  })
})
