// Drivers that keep the host busy, each whole and good until it attacks (guest/hostile): every one ends by name, with bounded work of the
// host and bounded memory. Work is counted, not timed: the same on every machine.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { openSysFile } from '@dumpstack/drivers'
import { ahci } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import type { DriverCheckReport } from '@dumpstack/windows'
import { checkDriverFile } from '@dumpstack/windows/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasTool, ROOT, toolOutput } from './tools.ts'

const GUEST = path.join(ROOT, 'guest')
const HOSTILE = path.join(GUEST, 'hostile')
/** llvm-dlltool-16, which has no --version, comes with llvm-pdbutil-16. */
const TOOLS = ['clang-16', 'lld-link-16', 'llvm-pdbutil-16']
const INCLUDES = ['include', 'miniports/include', 'miniports/common', 'miniports/dsahci', 'hostile']
const COMPILE = [
  '--target=x86_64-pc-windows-msvc',
  '-ffreestanding',
  '-fno-stack-protector',
  '-O1',
  '-w',
  '-DBUG=0',
  ...INCLUDES.map((folder) => `-I${path.join(GUEST, folder)}`),
]
const LINK = [
  '/nologo',
  '/driver',
  '/subsystem:native',
  '/nodefaultlib',
  '/entry:DriverEntry',
  '/release',
  '/dynamicbase',
  '/ignore:4217', // dsahci.sys imports InitializeWatched, which is in host.c
  '/section:.rwx,erw', // where attacks write code
]
const work = mkdtempSync(path.join(os.tmpdir(), 'dumpstack-hostile-'))
afterAll(() => rmSync(work, { recursive: true }))

type Moment = 'ENTRY' | 'FIND_ADAPTER' | 'INITIALIZE' | 'START_IO' | 'INTERRUPT' | 'CONFIGURATION'
type Life = 'running' | 'dump'
type Verdict = DriverCheckReport['verdict']
type Case = readonly [
  name: string,
  moment: Moment,
  life: Life,
  verdict: Verdict,
  rule: string,
  message: RegExp,
]

const USED_UP = /budget is used up/
const CASES: readonly Case[] = [
  // text that an import makes or reads
  ['format-width', 'START_IO', 'running', 'fail', 'DRIVER_HANG', /used up, at a call of sprintf from/],
  ['format-width', 'START_IO', 'dump', 'fail', 'DM-26', USED_UP],
  ['format-strings', 'FIND_ADAPTER', 'running', 'fail', 'DRIVER_HANG', /a call of _vsnprintf from/],
  ['format-cut', 'INITIALIZE', 'running', 'fail', 'DRIVER_HANG', /a call of _snprintf from/],
  [
    'numbers',
    'ENTRY',
    'running',
    'fail',
    'DRIVER_HANG',
    /DriverEntry did not return: .* a call of (strtol|atoi) from/,
  ],
  ['search', 'START_IO', 'running', 'fail', 'DRIVER_HANG', /a call of strstr from/],
  // memory that never ends
  ['fill-alias', 'START_IO', 'running', 'fail', 'DRIVER_HANG', /a call of RtlFillMemory from/],
  ['fill-alias', 'START_IO', 'dump', 'fail', 'DM-26', /a call of RtlFillMemory from/],
  ['compare-alias', 'START_IO', 'running', 'fail', 'DRIVER_HANG', /a call of RtlCompareMemory from/],
  ['copy-alias', 'START_IO', 'running', 'fail', 'DRIVER_HANG', /a call of strncpy from/],
  ['move-alias', 'START_IO', 'running', 'fail', 'DRIVER_HANG', USED_UP],
  ['store-alias', 'START_IO', 'running', 'fail', 'DRIVER_HANG', USED_UP],
  ['all-of-memory', 'START_IO', 'dump', 'fail', 'stray-memory', /a page outside the dump path changed/],
  // page tables
  ['alias-tables', 'START_IO', 'running', 'pass', '', /^$/],
  [
    'tables-outside',
    'START_IO',
    'running',
    'fail',
    'PAGE_TABLES_DAMAGED',
    /the entry at 0x1ad[0-9a-f]+ names pfn 0xfffffff as a table/,
  ],
  [
    'shared-page-away',
    'START_IO',
    'running',
    'fail',
    'PAGE_TABLES_DAMAGED',
    /fffff780`00000008, which is the kernel's own/,
  ],
  // pool, requests, objects
  ['pool', 'START_IO', 'running', 'fail', 'DRIVER_HANG', /a call of ExAllocatePoolWithTag from/],
  ['pool', 'START_IO', 'dump', 'fail', 'DM-14', /dump mode has no pool/],
  ['pool-turns', 'START_IO', 'running', 'fail', 'DRIVER_HANG', USED_UP],
  ['complete-nothing', 'START_IO', 'running', 'fail', 'GUEST_FAULT', /named an SRB at 0x0/],
  ['complete-nothing', 'START_IO', 'dump', 'fail', 'DM-30', /an SRB at 0x0 was completed/],
  ['complete-others', 'START_IO', 'dump', 'fail', 'DM-30', /an SRB at 0x1000 was completed/],
  ['complete-again', 'START_IO', 'dump', 'fail', 'DM-38', /was completed/],
  ['dpcs', 'START_IO', 'running', 'inconclusive', 'TOO_MANY_OBJECTS', /has 4096 DPCs at once/],
  ['locks', 'START_IO', 'running', 'fail', 'lock-state', /the interrupt lock was taken while it was held/],
  ['locks', 'START_IO', 'running', 'fail', 'TOO_MANY_OBJECTS', /has 4096 locks at once/],
  ['timers', 'START_IO', 'running', 'inconclusive', 'TOO_MANY_OBJECTS', /timers or workers at once/],
  ['timers', 'START_IO', 'dump', 'fail', 'DM-22', /a timer was asked for/],
  ['registry', 'START_IO', 'running', 'fail', 'DRIVER_HANG', /a call of StorPortRegistryWrite from/],
  ['wmi', 'START_IO', 'running', 'fail', 'DRIVER_HANG', /a call of ScsiPortWmiDispatchFunction from/],
  // code
  ['rewrites-itself', 'START_IO', 'running', 'fail', 'DRIVER_HANG', USED_UP],
  ['fresh-code', 'START_IO', 'running', 'fail', 'DRIVER_HANG', USED_UP],
  ['hot-code', 'START_IO', 'running', 'fail', 'DRIVER_HANG', USED_UP],
  ['recursion', 'START_IO', 'running', 'fail', 'GUEST_FAULT', /calls are nested too deeply/],
  // the controller, time and messages
  ['polls-register', 'START_IO', 'running', 'fail', 'DRIVER_HANG', USED_UP],
  ['polls-nothing', 'START_IO', 'running', 'fail', 'DRIVER_HANG', USED_UP],
  ['register-buffers', 'START_IO', 'running', 'fail', 'DRIVER_HANG', USED_UP],
  ['absurd-transfers', 'START_IO', 'running', 'fail', 'DRIVER_HANG', USED_UP],
  [
    'absurd-configuration',
    'CONFIGURATION',
    'running',
    'fail',
    'CONTROLLER_FAILED',
    /it wants SRB extensions of/,
  ],
  ['storm', 'START_IO', 'running', 'fail', 'DRIVER_HANG', /used up/],
  ['stalls', 'START_IO', 'running', 'fail', 'DRIVER_HANG', /stall budget is used up/],
  [
    'timer-again',
    'START_IO',
    'running',
    'fail',
    'DRIVER_HANG',
    /HwTimer would be instruction [0-9]+ of the driver/,
  ],
  ['dpc-again', 'START_IO', 'running', 'fail', 'DRIVER_HANG', /used up/],
  ['asks-the-time', 'START_IO', 'running', 'fail', 'DRIVER_HANG', USED_UP],
  ['asks-the-time', 'START_IO', 'dump', 'fail', 'DM-23', /within 100000 queries of the time/],
  ['physical-addresses', 'START_IO', 'running', 'fail', 'DRIVER_HANG', USED_UP],
  ['prints', 'START_IO', 'running', 'fail', 'DRIVER_HANG', USED_UP],
]
/** A call's 50,000,000, 400 for each byte of a request of 64 KiB, what its start and its last block add, and what the life did before. */
const MAX_WORK_OF_ONE_CALL = 90_000_000
const MAX_WORK_OF_A_LIFE = 1_500_000_000
/** Findings of one run: 256 violations, and what ended it. */
const MAX_FINDINGS = 260
const LASTS_A_LIFE = new Set(['timer-again'])
/** What asks for memory of the host most; 1 GiB is what any driver may take. */
const MEMORY_CASES = new Set('format-strings fresh-code registry pool all-of-memory'.split(' '))
const MAX_KILOBYTES = 1024 * 1024
const SHOW_MEMORY =
  'data:text/javascript,process.on("exit",()=>process.stderr.write("most "+process.resourceUsage().maxRSS))'

const objectOf = (name: string): string => path.join(work, `${name}.obj`)
const library = (name: string): string => path.join(work, `${name}.lib`)
const LIBRARIES = ['ntoskrnl', 'storport']

const sources = (folder: string): string[] =>
  readdirSync(path.join(GUEST, folder))
    .filter((name) => name.endsWith('.c'))
    .map((name) => path.join(GUEST, folder, name))

const GOOD = [...sources('miniports/dsahci'), ...sources('miniports/common')]
const goodObject = (source: string): string => objectOf(`good-${path.basename(source, '.c')}`)

function build(name: string, moment: Moment, life: Life): string {
  const [own, host] = [objectOf(name), objectOf('host')]
  const moments = [`-DMOMENT=AT_${moment}`, `-DLIFE=${life === 'running' ? 1 : 2}`]
  toolOutput('clang-16', [...COMPILE, '-c', path.join(HOSTILE, `${name}.c`), '-o', own])
  toolOutput('clang-16', [...COMPILE, ...moments, '-c', path.join(HOSTILE, 'host.c'), '-o', host])
  const file = path.join(work, 'hostile.sys')
  const objects = [...GOOD.map(goodObject), own, host]
  toolOutput('lld-link-16', [...LINK, `/out:${file}`, ...objects, ...LIBRARIES.map(library)])
  return file
}

it('each source is tried', () => {
  const names = readdirSync(HOSTILE).filter((name) => name.endsWith('.c') && name !== 'host.c')
  expect(new Set(CASES.map(([name]) => `${name}.c`))).toEqual(new Set(names))
})

describe.runIf(TOOLS.every(hasTool))(`hostile drivers (need ${TOOLS.join(', ')})`, () => {
  beforeAll(() => {
    for (const name of LIBRARIES) {
      const exports = path.join(HOSTILE, 'exports', `${name}.def`)
      toolOutput('llvm-dlltool-16', ['-m', 'i386:x86-64', '-d', exports, '-l', library(name)])
    }
    for (const source of GOOD) {
      toolOutput('clang-16', [
        ...COMPILE,
        '-DStorPortInitialize=InitializeWatched',
        '-c',
        source,
        '-o',
        goodObject(source),
      ])
    }
  }, 60_000)

  it.each(CASES)(
    '%s at %s of the %s life ends as %s',
    (name, moment, life, verdict, rule, message) => {
      const bytes = readFileSync(build(name, moment, life))
      const driver = { file: openSysFile('hostile.sys', bytes), names: { nameAt: () => null } }
      const report = checkDriverFile(driver, {
        profile: win10_19041,
        controller: ahci,
        seed: 1,
        settings: {},
        isWhole: false,
      })
      expect(report.verdict).toBe(verdict)
      if (verdict === 'pass') expect(report.findings).toEqual([])
      else
        expect(report.findings).toContainEqual(
          expect.objectContaining({ rule, message: expect.stringMatching(message) }),
        )
      expect(report.findings.length).toBeLessThan(MAX_FINDINGS)
      const most = LASTS_A_LIFE.has(name) ? MAX_WORK_OF_A_LIFE : MAX_WORK_OF_ONE_CALL
      for (const run of report.runs) expect(run.work).toBeLessThan(most)
    },
    120_000,
  )

  it.each(CASES.filter(([name]) => MEMORY_CASES.has(name)))(
    '%s at %s of the %s life takes less than 1 GiB',
    (name, moment, life) => {
      const cli = path.join(ROOT, 'packages/cli/bin/dumpstack.js')
      const args = ['--import', SHOW_MEMORY, cli, 'check', build(name, moment, life)]
      const options = ['--controller', 'ahci', '--plan', 'one']
      const { status, stderr } = spawnSync(process.execPath, [...args, ...options], { encoding: 'utf8' })
      expect([1, 3]).toContain(status)
      expect(Number(/most (\d+)$/.exec(stderr)?.[1])).toBeLessThan(MAX_KILOBYTES)
    },
    120_000,
  )

  it.each<readonly [string, Life, RegExp]>([
    ['tables-outside', 'running', /page tables are damaged: .* \[PAGE_TABLES_DAMAGED\]/],
    ['fill-alias', 'running', /a call of RtlFillMemory from .* \[DRIVER_HANG\]/],
    [
      'all-of-memory',
      'dump',
      /pages outside the dump path were written, more than 16384 .* \[STRAY_WRITES\]/,
    ],
  ])(
    'a whole test of %s in the %s life ends as the fault of the driver, in less than 1 GiB',
    (name, life, message) => {
      const cli = path.join(ROOT, 'packages/cli/bin/dumpstack.js')
      const out = path.join(work, `run-${name}`)
      const args = ['--import', SHOW_MEMORY, cli, 'test', '--driver', build(name, 'START_IO', life)]
      const options = ['--controller', 'ahci', '--dumps', 'kernel', '--out', out]
      const { status, stderr } = spawnSync(process.execPath, [...args, ...options], { encoding: 'utf8' })
      expect(stderr).toMatch(message)
      expect(status).toBe(1)
      expect(Number(/most (\d+)/.exec(stderr)?.[1])).toBeLessThan(MAX_KILOBYTES)
    },
    240_000,
  )
})
