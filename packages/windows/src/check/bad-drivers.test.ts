// Driver files that cannot be trusted: each gets a named verdict in bounded time, and the host stays whole. Code is written as bytes.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DumpstackError } from '@dumpstack/bytes'
import { openSysFile } from '@dumpstack/drivers'
import { ahci } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { buildPe } from '@dumpstack/testkit'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { drawKernelPlaces } from '../boot/virtual-region.ts'
import { checkDriverFile } from '../node/check-driver-file.ts'
import type { DriverCheckReport } from './driver-finding.ts'

const MINIPORTS = new URL('../../../../guest/miniports/bin/', import.meta.url)
const SEED = 1

function check(bytes: Uint8Array, isWhole = true): DriverCheckReport {
  const driver = {
    file: openSysFile('bad.sys', bytes),
    names: { nameAt: () => null },
  }
  return checkDriverFile(driver, {
    profile: win10_19041,
    controller: ahci,
    seed: SEED,
    settings: {},
    isWhole,
  })
}

const PORT = { 'storport.sys': ['StorPortInitialize'] }

/** A driver whose DriverEntry is `code`; its section may be written and executed. */
const driverOf = (
  code: readonly number[],
  imports: Record<string, string[]> = {},
  port: Record<string, string[]> = PORT,
): Uint8Array =>
  native(
    buildPe({
      sections: [{ name: '.text', bytes: Uint8Array.from(code) }],
      entryPoint: 0x1000,
      relocations: [],
      imports: { ...imports, ...port },
    }),
  )

/** IMAGE_SUBSYSTEM_NATIVE */
function native(pe: Uint8Array): Uint8Array {
  pe[0x80 + 24 + 68] = 1
  return pe
}

const quad = (value: bigint): number[] => [...new Uint8Array(new BigUint64Array([value]).buffer)]
/** mov of 64 bits to rax, rdi, ... by its opcode. */
const quadTo = (opcode: number, value: bigint): number[] => [0x48, opcode, ...quad(value)]
/** Where the self-map shows the PML4. */
function rootTable(): bigint {
  const slot = BigInt(drawKernelPlaces(SEED).selfMapSlot)
  return 0xffff_0000_0000_0000n | (slot << 39n) | (slot << 30n) | (slot << 21n) | (slot << 12n)
}

/** rep stosq of -1 over the PML4, then cr3 is loaded again. */
const ONES_OVER_PAGE_TABLES = [...quadTo(0xbf, rootTable()), ...quadTo(0xb8, 2n ** 64n - 1n)].concat([
  0xb9, 0, 2, 0, 0, 0xf3, 0x48, 0xab, 0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8, 0xc3,
])

// covers: KIT-75
it.each<[string, number[], string, RegExp]>([
  ['never returns', [0xeb, 0xfe], 'DRIVER_HANG', /DriverEntry did not return: .*budget is used up/],
  [
    'loads cr3 for ever',
    [0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8, 0xeb, 0xf8],
    'DRIVER_HANG',
    /budget is used up/,
  ],
  ['halts the processor', [0xf4], 'DRIVER_HANG', /stopped the processor/],
  [
    'jumps to address 0',
    [0x31, 0xc0, 0xff, 0xe0],
    'GUEST_FAULT',
    /touched 0x0, which is not mapped \(execute\)/,
  ],
  [
    'jumps to a non-canonical address',
    [0x48, 0xb8, ...quad(0x1234_0000_0000_0000n), 0xff, 0xe0],
    'GUEST_FAULT',
    /fault/,
  ],
  ['runs over its stack', [0x50, 0xeb, 0xfd], 'GUEST_FAULT', /ran over the end of its stack/],
  [
    'calls itself without end',
    [0xe8, 0xfb, 0xff, 0xff, 0xff],
    'GUEST_FAULT',
    /ran over the end of its stack/,
  ],
  ['divides by zero', [0x31, 0xc9, 0xf7, 0xf1], 'GUEST_FAULT', /divide error/],
  ['has an invalid opcode', [0x0f, 0x0b], 'GUEST_FAULT', /invalid opcode/],
  ['has a breakpoint', [0xcc], 'GUEST_FAULT', /breakpoint/],
  ['fails fast', [0xb9, 0x02, 0, 0, 0, 0xcd, 0x29], 'GUEST_FAULT', /fast fail/],
  [
    'returns a failure',
    [0xb8, 0x01, 0, 0, 0xc0, 0xc3],
    'CONTROLLER_FAILED',
    /DriverEntry returned STATUS_UNSUCCESSFUL \(0xc0000001\)/,
  ],
  [
    'writes over the page tables', // rep stosq over the PML4, then cr3 is loaded again
    [
      0x48,
      0xbf,
      ...quad(rootTable()),
      0xb9,
      0,
      2,
      0,
      0,
      0x31,
      0xc0,
      0xf3,
      0x48,
      0xab,
      0x0f,
      0x20,
      0xd8,
      0x0f,
      0x22,
      0xd8,
      0xc3,
    ],
    'GUEST_FAULT',
    /fault|not mapped/,
  ],
  [
    'fills the page tables with ones, which name pages that are no RAM',
    ONES_OVER_PAGE_TABLES,
    'GUEST_FAULT',
    /touched 0x[0-9a-f]+, which/,
  ],
])('names a driver that %s', (_what, code, rule, message) => {
  const report = check(driverOf(code))
  expect(report.verdict).toBe('fail')
  expect(report.findings).toMatchObject([{ rule, phase: 'start', message: expect.stringMatching(message) }])
})

/** DriverEntry: sub rsp, 28h; `code`; add rsp, 28h; ret, all of `code` in a __try with an __except at `target`; its handler searches on. */
function guardedDriver(code: readonly number[], target: number): Uint8Array {
  const entry = [0x48, 0x83, 0xec, 0x28, ...code, 0x48, 0x83, 0xc4, 0x28, 0xc3]
  const [handler, filter] = [0x1000 + entry.length, 1] // EXCEPTION_EXECUTE_HANDLER
  const searchOn = [0xb8, 1, 0, 0, 0, 0xc3] // ExceptionContinueSearch
  const scopes = [1, 0x1004, 0x1004 + code.length, filter, target]
  const handlerData = new Uint8Array(Uint32Array.of(handler, ...scopes).buffer)
  // version 1, UNW_FLAG_EHANDLER; prolog of 4 bytes; one code: ALLOC_SMALL of 28h
  const unwind = Uint8Array.of(0x09, 4, 1, 0, 4, 0x42, 0, 0, ...handlerData)
  return native(
    buildPe({
      sections: [{ name: '.text', bytes: Uint8Array.from([...entry, ...searchOn]) }],
      entryPoint: 0x1000,
      relocations: [],
      imports: PORT,
      functions: [{ begin: 0x1000, end: 0x1000 + entry.length, unwind }],
    }),
  )
}
const TARGET = 0x1004
const DIVIDE_BY_ZERO = [0x31, 0xc9, 0xf7, 0xf1]
const READ_4096 = [0xb8, 0, 0x10, 0, 0, 0x8b, 0x00]

it('does not judge a driver that succeeds without calling StorPortInitialize', () => {
  expect(check(driverOf([0x31, 0xc0, 0xc3])).findings).toMatchObject([
    {
      rule: 'OTHER_PORT',
      verdict: 'inconclusive',
      message: expect.stringContaining('did not call StorPortInitialize'),
    },
  ])
})

it.each<[string, Uint8Array]>([
  ['the handler lets a divide error pass', guardedDriver(DIVIDE_BY_ZERO, TARGET)],
  ['the handler lets a bad address of ring 3 pass', guardedDriver(READ_4096, TARGET)],
  ['the handler lets a breakpoint pass', guardedDriver([0xcc], TARGET)],
  [
    'a bad address of the kernel ends the system',
    guardedDriver([0x31, 0xc0, 0x48, 0xff, 0xc8, 0x8a, 0x00], TARGET),
  ],
  ['a fast fail asks no handler', guardedDriver([0xb9, 2, 0, 0, 0, 0xcd, 0x29], TARGET)],
])('judges an exception in a __try where %s', (_why, bytes) => {
  expect(check(bytes).findings).toMatchObject([{ rule: 'GUEST_FAULT', verdict: 'fail' }])
})

it("gives no offset in the driver for code that is not the driver's", () => {
  const [finding] = check(driverOf([0x31, 0xc0, 0xff, 0xe0])).findings
  expect(finding).toMatchObject({ rule: 'GUEST_FAULT', driver: 'bad.sys' })
  expect(finding).not.toHaveProperty('offset')
  expect(check(driverOf([0x0f, 0x0b])).findings[0]!.offset).toBe('0x1000')
})

it('executes code that a driver has written', () => {
  // mov word [rip+4], 0xc031; jmp to it; there: ud2 before, xor eax, eax after; then ret
  const code = [0x66, 0xc7, 0x05, 0x02, 0, 0, 0, 0x31, 0xc0, 0xeb, 0x00, 0x0f, 0x0b, 0xc3]
  expect(check(driverOf(code)).findings[0]!.rule).toBe('OTHER_PORT')
})

it('lets the times of the shared page pass, which kernel code reads without a call', () => {
  // r = InterruptTime; stall 31250 us; DriverEntry returns 0xe0000000 + ticks of 15.625 ms between
  const imports = { 'ntoskrnl.exe': ['KeStallExecutionProcessor'] }
  const read = [0x48, 0xb9, ...quad(0xffff_f780_0000_0008n), 0x48, 0x8b]
  const before = [...read, 0x19, 0xb9, 0x12, 0x7a, 0, 0]
  const { iatRva } = openSysFile('bad.sys', driverOf([0], imports)).image.imports[0]!.names[0]!
  const displacement = iatRva - (0x1000 + before.length + 6)
  const ticks = [
    0x48, 0x29, 0xd8, 0x31, 0xd2, 0xb9, 0x5a, 0x62, 2, 0, 0x48, 0xf7, 0xf1, 0x0d, 0, 0, 0, 0xe0, 0xc3,
  ]
  const call = [0xff, 0x15, ...new Uint8Array(new Int32Array([displacement]).buffer)]
  const report = check(driverOf([...before, ...call, ...read, 0x01, ...ticks], imports))
  expect(report.findings[0]!.message).toContain('DriverEntry returned 0xe0000002')
})

it('lets a driver wait by the ticks of the shared page that does nothing else', () => {
  // rcx = &TickCount; rdx = *rcx + 64; 1: rax = *rcx; cmp rax, rdx; jb 1b; DriverEntry returns 0xe0000040
  const wait = [0x48, 0x8b, 0x11, 0x48, 0x83, 0xc2, 0x40, 0x48, 0x8b, 0x01, 0x48, 0x39, 0xd0, 0x72, 0xf8]
  const code = [0x48, 0xb9, ...quad(0xffff_f780_0000_0320n), ...wait, 0xb8, 0x40, 0, 0, 0xe0, 0xc3]
  const [finding] = check(driverOf(code)).findings
  expect(finding!.message).toContain('DriverEntry returned 0xe0000040')
  expect(finding!.atNs).toBeGreaterThan(63 * 15_625_000)
  expect(finding!.atNs).toBeLessThan(66 * 15_625_000)
})

it('stops at an import that is not modelled, with name, caller and arguments', () => {
  const at = driverOf([0], { 'ntoskrnl.exe': ['PsCreateSystemThread'] })
  const iat = openSysFile('bad.sys', at).image.imports[0]!.names[0]!.iatRva
  const displacement = iat - (0x1000 + 11)
  const code = [
    0xb9,
    0x2a,
    0,
    0,
    0,
    0xff,
    0x15,
    ...new Uint8Array(new Int32Array([displacement]).buffer),
    0xc3,
  ]
  const report = check(driverOf(code, { 'ntoskrnl.exe': ['PsCreateSystemThread'] }))
  expect(report.verdict).toBe('inconclusive')
  expect(report.findings).toMatchObject([
    {
      rule: 'UNKNOWN_IMPORT',
      verdict: 'inconclusive',
      message: expect.stringMatching(/^bad\+0x100b called ntoskrnl.exe!PsCreateSystemThread\(0x2a, /),
      stack: ['bad+0x100b'],
    },
  ])
  expect(report.findings[0]!.arguments[0]).toBe('0x2a')
})

it('names the driver where its routine ends in a jump to an import', () => {
  const imports = { 'cng.sys': ['BCryptGenRandom'] }
  const { iatRva } = openSysFile('bad.sys', driverOf([0], imports)).image.imports[0]!.names[0]!
  const jump = [0xff, 0x25, ...new Uint8Array(new Int32Array([iatRva - 0x1006]).buffer)]
  expect(check(driverOf(jump, imports)).findings).toMatchObject([
    {
      rule: 'UNKNOWN_IMPORT',
      message: expect.stringMatching(
        /^bad\.sys \(a tail call of the routine\) called cng\.sys!BCryptGenRandom\(/,
      ),
    },
  ])
})

const good = new Uint8Array(readFileSync(fileURLToPath(new URL('dsahci.sys', MINIPORTS))))

it.each<[string, Uint8Array, string]>([
  ['text', new TextEncoder().encode('MZ, but no more'), 'IMAGE_TRUNCATED'],
  ['nothing', new Uint8Array(0), 'IMAGE_TRUNCATED'],
  ['half of a driver', good.slice(0, good.length / 2), 'IMAGE_TRUNCATED'],
  ['one for x86', changed(good, 4, 0x14c), 'OTHER_MACHINE'],
  ['one for ARM64', changed(good, 4, 0xaa64), 'OTHER_MACHINE'],
  ['one without relocations', changed(good, 22, 0x23), 'SYS_FILE'],
  ['a program', changed(good, 24 + 68, 3), 'SYS_FILE'],
  ['100 MB of zeros after MZ', new Uint8Array(100 * 2 ** 20).fill(0x4d, 0, 1).fill(0x5a, 1, 2), 'SYS_FILE'],
])('refuses %s before anything is mapped', (_what, bytes, code) => {
  expect(() => openSysFile('bad.sys', bytes)).toThrow(expect.objectContaining({ code }))
})

it.each([
  ['scsiport.sys', 'a SCSI miniport'],
  ['ATAPORT.SYS', 'an ATA miniport'],
  ['ndis.sys', 'a network driver'],
  ['fltmgr.sys', 'a file system minifilter'],
  ['ntoskrnl.exe', 'a driver without a port'],
])('says of a driver that imports %s what it is', (port, what) => {
  expect(() => openSysFile('old.sys', driverOf([0xc3], { [port]: ['ScsiPortInitialize'] }, {}))).toThrow(
    expect.objectContaining({
      code: 'OTHER_PORT',
      message: expect.stringContaining(`it is ${what}, expected`),
    }),
  )
  // one of Storport that borrows from it is none
  const both = { 'storport.sys': ['StorPortInitialize'], [port]: ['ScsiPortInitialize'] }
  expect(openSysFile('new.sys', driverOf([0xc3], both)).fileName).toBe('new.sys')
})

it('refuses a driver that imports a module that Windows does not have, by its name', () => {
  expect(() => openSysFile('own.sys', driverOf([0xc3], { 'Vendor.sys': ['VendorRoutine'] }))).toThrow(
    expect.objectContaining({ code: 'SYS_FILE', message: expect.stringContaining('it imports Vendor.sys,') }),
  )
  // not served, but there: what is called decides
  expect(
    openSysFile('own.sys', driverOf([0xc3], { 'WppRecorder.sys': ['imp_WppRecorderLogGetDefault'] }))
      .fileName,
  ).toBe('own.sys')
})

/** A 16-bit field, `offset` from the PE signature. */
function changed(pe: Uint8Array, offset: number, value: number): Uint8Array {
  const copy = pe.slice()
  const view = new DataView(copy.buffer)
  view.setUint16(view.getUint32(0x3c, true) + offset, value, true)
  return copy
}

it('opens a damaged driver, or refuses it by a name of ours', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      fc.nat(good.length),
      (damage, length) => {
        const bytes = good.slice(0, Math.max(length, good.length - 0x400))
        for (const [at, value] of damage) bytes[at % bytes.length] = value
        try {
          openSysFile('bad.sys', bytes)
        } catch (error) {
          if (!(error instanceof DumpstackError)) throw error
        }
      },
    ),
    { numRuns: 300 },
  )
})

it('runs drivers with damaged code to a verdict, whatever they do', () => {
  const { image } = openSysFile('good.sys', good)
  const text = image.sections.find(({ name }) => name === '.text')!
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(text.fileSize - 1), fc.nat(255)), { minLength: 1, maxLength: 12 }),
      (damage) => {
        const bytes = good.slice()
        for (const [at, value] of damage) bytes[text.fileOffset + at] = value
        const { verdict, findings } = check(bytes, false)
        expect(['pass', 'fail', 'inconclusive']).toContain(verdict)
        // warnings and notes change no verdict
        const found = findings.map((finding) => finding.verdict)
        expect(found.includes('fail') || found.includes('inconclusive')).toBe(verdict !== 'pass')
      },
    ),
    { numRuns: 8 },
  )
}, 180_000)
