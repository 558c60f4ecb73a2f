// User modules from memory laid out by winternl.h and the public types of build 19041: PEB.Ldr at 0x18, the load order list
// at 0x10 of the loader data, and of an entry DllBase 0x30, SizeOfImage 0x40, names 0x48 and 0x58, TimeDateStamp 0x80.
import { gpa, gva } from '@dumpstack/bytes'
import type { VirtualSpace } from '@dumpstack/dumpfile'
import { KddebuggerData64 } from '@dumpstack/nt'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { DebugTarget } from './debug-target.ts'
import { DebuggerError } from './errors.ts'
import { TargetMemory } from './memory.ts'
import { readUserModules } from './user-modules.ts'

const THREAD = 0xffff800000001000n
const PROCESS = 0xffff800000002000n
const PEB = 0x7ff500000000n
const LOADER = PEB + 0x1000n
const FIRST = LOADER + 0x100n
const SECOND = LOADER + 0x300n
const TABLE = 0x1ad000
const [APC_PROCESS, DIRECTORY_TABLE, PROCESS_PEB] = [0xb8, 0x28, 0x550]

const kdbg = KddebuggerData64.of(new Uint8Array(KddebuggerData64.size))
kdbg.offsetKThreadApcProcess = APC_PROCESS
kdbg.offsetEprocessDirectoryTableBase = DIRECTORY_TABLE
kdbg.offsetEprocessPeb = PROCESS_PEB

function laidOut(): Map<bigint, DataView> {
  const pages = new Map(
    [THREAD, PROCESS, PEB, LOADER].map((page) => [page, new DataView(new ArrayBuffer(0x1000))]),
  )
  const put = (at: bigint, value: bigint) =>
    pages.get(at & ~0xfffn)!.setBigUint64(Number(at & 0xfffn), value, true)
  const name = (at: bigint, text: string, buffer: bigint) => {
    put(at, BigInt(text.length * 2) | (BigInt(text.length * 2) << 16n))
    put(at + 8n, buffer)
    for (const [index, letter] of [...text].entries())
      pages.get(LOADER)!.setUint16(Number(buffer - LOADER) + index * 2, letter.charCodeAt(0), true)
  }
  put(THREAD + BigInt(APC_PROCESS), PROCESS)
  put(PROCESS + BigInt(DIRECTORY_TABLE), BigInt(TABLE))
  put(PROCESS + BigInt(PROCESS_PEB), PEB)
  put(PEB + 0x18n, LOADER)
  const ring = [LOADER + 0x10n, FIRST, SECOND]
  for (const [index, at] of ring.entries()) {
    put(at, ring[(index + 1) % 3]!)
    put(at + 8n, ring[(index + 2) % 3]!)
  }
  for (const [at, base, text] of [
    [FIRST, 0x7ff600000000n, 'app.exe'],
    [SECOND, 0x7ff800000000n, 'ntdll.dll'],
  ] as const) {
    put(at + 0x30n, base)
    put(at + 0x40n, 0x5000n)
    name(at + 0x48n, `C:\\${text}`, at + 0x140n)
    name(at + 0x58n, text, at + 0x180n)
    put(at + 0x80n, 0x1234n)
  }
  return pages
}

function read(pages: ReadonlyMap<bigint, DataView>, change: { table?: number; physical?: boolean } = {}) {
  const space: VirtualSpace = {
    read(address, into) {
      for (let done = 0; done < into.byteLength; done++) {
        const at = address + BigInt(done)
        const page = pages.get(at & ~0xfffn)
        if (page === undefined) return done
        into[done] = page.getUint8(Number(at & 0xfffn))
      }
      return into.byteLength
    },
    translate: () => null,
    absence: (address) => (pages.has(address & ~0xfffn) ? null : 'notInDump'),
  }
  const physical = change.physical === false ? null : { runs: [], read: () => 0 }
  return readUserModules({
    memory: new TargetMemory(space),
    // only these are asked for
    target: {
      kdbg,
      processors: [{ number: 3, prcb: gva(0n), contextAddress: null, currentThread: gva(THREAD) }],
      currentProcessor: 3,
      system: { directoryTableBase: gpa(change.table ?? TABLE) },
      physical,
    } as unknown as DebugTarget,
  })
}

it('reads the modules of the process in the order in which they were loaded', () => {
  expect(read(laidOut())).toEqual([
    {
      baseName: 'app.exe',
      fullName: 'C:\\app.exe',
      base: 0x7ff600000000n,
      size: 0x5000,
      entryPoint: 0n,
      checkSum: 0,
      timeDateStamp: 0x1234,
    },
    expect.objectContaining({ baseName: 'ntdll.dll', base: 0x7ff800000000n }),
  ])
})

it.each([
  [THREAD, 'user-mode modules: thread at ffff8000`00001000: '],
  [PROCESS, 'user-mode modules: process at ffff8000`00002000: '],
  [PEB, 'user-mode modules: PEB at 00007ff5`00000000: '],
  [LOADER, 'user-mode modules: the list of user modules at 00007ff5`00001010: '],
])('names what the dump does not hold: %x', (page, message) => {
  const pages = laidOut()
  pages.delete(page)
  expect(() => read(pages)).toThrow(message)
})

it('refuses a process whose page tables are not those of the dump, and a list that is broken', () => {
  expect(() => read(laidOut(), { table: 0x2000 })).toThrow(
    /are not those of the process at ffff8000`00002000/,
  )
  expect(read(laidOut(), { table: 0x2000, physical: false })).toHaveLength(2) // a minidump has no tables
  const pages = laidOut()
  pages.get(LOADER)!.setBigUint64(0x108, 0n, true)
  expect(() => read(pages)).toThrow(/is broken at 00007ff5`00001100/)
})

it('reads or refuses whatever the process left there, and ends', () => {
  const damage = fc.array(fc.tuple(fc.nat(0xfff), fc.nat(0xff)), { maxLength: 12 })
  fc.assert(
    fc.property(fc.constantFrom(PROCESS, PEB, LOADER), damage, (page, bytes) => {
      const pages = laidOut()
      for (const [at, value] of bytes) pages.get(page)!.setUint8(at % 0x500, value)
      try {
        for (const { size } of read(pages)) expect(size).toBeGreaterThanOrEqual(0)
      } catch (error) {
        if (!(error instanceof DebuggerError)) throw error
      }
    }),
  )
})
