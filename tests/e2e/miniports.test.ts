// Our compiled miniports, good and bad, each in both of its lives: the good ones pass every dump, each bad one is caught by a finding
// that names its defect. The same runs say which of them a check of the dump in a debugger alone would have passed.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { FileSource } from '@dumpstack/bytes/node'
import type { CheckOutcome, RunEnd } from '@dumpstack/crashtest'
import { openSysFile } from '@dumpstack/drivers'
import { controllerNamed } from '@dumpstack/machine'
import { PdbFile } from '@dumpstack/symbols'
import type { CrashReport, DumpType } from '@dumpstack/target'
import type { WindowsTargetOptions } from '@dumpstack/windows/node'
import { afterAll, expect, it } from 'vitest'
import { repository } from './cli.ts'
import { crash, MIB, newWalk, prepare, removeFolders } from './walk.ts'
import { testSystem } from './whole-test.ts'

const MINIPORTS = path.join(repository, 'guest/miniports')
const README = readFileSync(path.join(MINIPORTS, 'README.md'), 'utf8')
const RAM_BYTES = 64 * MIB
/** What a person sees who opens the dump in a debugger. */
const DEBUGGER_CHECKS = 'file dumpType bugcheck symbols addresses modules objects stack'.split(' ')
afterAll(removeFolders)

const CONTROLLER: Readonly<Record<string, string>> = {
  dsahci: 'ahci',
  dsnvme: 'nvme',
  dsvioblk: 'virtio-blk',
}

type Conditions = Partial<WindowsTargetOptions>

/** Options of a system on the controller of `name`, which runs it. */
function optionsOf(name: string, conditions: Conditions): Conditions {
  const file = path.join(MINIPORTS, 'bin', `${name}.sys`)
  const bytes = readFileSync(file)
  const pdb = new PdbFile(new FileSource(file.replace(/sys$/, 'pdb')), `${name}.pdb`)
  return {
    ramBytes: RAM_BYTES,
    pageFileBytes: RAM_BYTES + 64 * MIB,
    cpuCount: 2,
    controller: controllerNamed(CONTROLLER[name.split('-')[0]!]!),
    driver: {
      file: openSysFile(`${name}.sys`, bytes),
      names: { nameAt: (rva) => pdb.near(rva)?.name ?? null },
      description: {
        fileName: `${name}.sys`,
        sha256: '',
        byteLength: bytes.byteLength,
        executed: true,
        pdb: null,
      },
    },
    ...conditions,
  }
}

interface Outcome {
  readonly verdict: RunEnd
  readonly reports: readonly CrashReport[]
  /** Of the first dump. */
  readonly checks: readonly CheckOutcome[]
  readonly passesDebugger: boolean
}

async function test(name: string, dumps: readonly DumpType[], conditions: Conditions = {}): Promise<Outcome> {
  const { verdict, events } = await testSystem(newWalk({}, optionsOf(name, conditions)), dumps)
  const checks = events.find((event) => event.kind === 'examined')?.examination.checks ?? []
  return {
    verdict,
    reports: events.flatMap((event) => (event.kind === 'crashed' ? [event.report] : [])),
    checks,
    passesDebugger: DEBUGGER_CHECKS.every(
      (id) => checks.find((check) => check.id === id)?.verdict === 'pass',
    ),
  }
}

it.each(['dsahci', 'dsnvme', 'dsvioblk', 'dsvioblk-legacy'])(
  '%s passes full, kernel and mini',
  async (name) => {
    const { verdict, reports } = await test(name, ['full', 'kernel', 'mini'])
    expect(reports.flatMap(({ violations }) => violations)).toEqual([])
    expect(reports.map(({ inFlight }) => inFlight.commands > 0)).toEqual([true, true, true])
    expect(verdict).toBe('pass')
  },
  120_000,
)

// All rely on that and on nothing else that memory holds.
it.each(['dsahci', 'dsnvme', 'dsvioblk'])(
  '%s breaks no rule over 20 seeds with a zeroed device extension',
  async (name) => {
    for (let seed = 2; seed < 22; seed++) {
      const walk = newWalk({}, optionsOf(name, { seed }))
      await prepare(walk)
      const { finalStatus, violations } = await crash(walk, 'mini')
      expect({ seed, finalStatus, violations }).toEqual({ seed, finalStatus: 0, violations: [] })
      walk.target.close()
    }
  },
  240_000,
)

/** Large blocks, and a page file whose first part lies after the first eighth of the disk. */
const FAR_4K: Conditions = {
  logicalSectorBytes: 4096,
  diskBytes: 64 * 1024 * MIB,
  pageFileBytes: 10 * 1024 * MIB,
}

it.each<[file: string, conditions: Conditions]>([
  ['dsahci', { logicalSectorBytes: 4096 }],
  ['dsnvme', FAR_4K],
  ['dsvioblk', FAR_4K],
  ['dsvioblk', { settings: { segMax: 8 } }],
])(
  '%s passes with %o',
  async (name, conditions) => {
    const { verdict, reports } = await test(name, ['kernel'], conditions)
    expect(reports[0]?.violations).toEqual([])
    expect(verdict).toBe('pass')
  },
  60_000,
)

it.each<[name: string, rule: string, message: RegExp, passesDebugger: boolean, conditions?: Conditions]>([
  ['dsvioblk-b01', 'DM-43', /^MaximumTransferLength 0xffffffff and NumberOfPhysicalBreaks 0x11/, true],
  [
    'dsvioblk-b02',
    'DM-43',
    /^MaximumTransferLength 0x9000 and NumberOfPhysicalBreaks 0x9/,
    true,
    { settings: { segMax: 8 } },
  ],
  ['dsvioblk-b04', 'DM-11', /bytes/, true, { cpuCount: 4 }],
  ['dsahci-b06', 'DM-11', /bytes/, true],
  ['dsvioblk-b10', 'DM-19', /has reported the end of WRITE, but HwInterrupt did not complete it/, false],
  ['dsvioblk-b12', 'DM-25', /^StartIoLock was taken in HwInterrupt at HIGH_LEVEL/, true],
  ['dsahci-b14', 'DM-09', /passive initialisation/, false],
  ['dsahci-b15', 'DM-34', /^PxCLB was written with 16 bits/, false],
  ['dsvioblk-b17', 'bugcheck-0x1e', /0xa5a5a5a5a5a5/, false],
  ['dsahci-b20', 'DM-23', /waits for the system time/, false],
  ['dsvioblk-b22', 'DM-21', /DPC/, false],
  ['dsahci-b23', 'DM-08', /^ZwOpenKey was called in HwFindAdapter/, true],
  ['dsvioblk-b26', 'DM-42', /^WRITE of blocks .* was refused/, false, FAR_4K],
])(
  '%s is caught by %s',
  async (name, rule, message, passesDebugger, conditions = {}) => {
    const outcome = await test(name, ['kernel'], conditions)
    expect(outcome.verdict).toBe('fail')
    const [report] = outcome.reports
    expect(report?.violations).toContainEqual(
      expect.objectContaining({ rule, message: expect.stringMatching(message), driver: `dump_${name}.sys` }),
    )
    for (const { stack, offset } of report!.violations) {
      // what the port finds after a routine has returned has that routine's place, and no stack
      if (stack === undefined) expect(offset).toMatch(/^0x/)
      else expect(stack[0]).toMatch(new RegExp(`^dump_${name}!`))
    }
    expect(outcome.checks.find(({ id }) => id === 'dumpMode')?.verdict).toBe('fail')
    expect(outcome.passesDebugger).toBe(passesDebugger)
    expect(README).toMatch(new RegExp(`\\| \`${name}\` .*${rule}.*\\| ${passesDebugger ? 'yes' : 'no'} \\|`))
  },
  60_000,
)
