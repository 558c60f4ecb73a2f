// Patches of others against our miniports, in ../shared/data/mutants: wrong drivers, of which `dumpstack check` names rule and place with its
// default options, and unusual but right ones, of which it says nothing that counts.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KINDS_OF_BUGS, type KindOfBug } from './bug-catalogue.ts'
import { hasTool, MINIPORT_BIN, ROOT, sharedData, toolOutput } from './tools.ts'

/** llvm-dlltool-16, which has no --version, comes with llvm-pdbutil-16. */
const TOOLS = ['clang-16', 'lld-link-16', 'llvm-pdbutil-16', 'patch']
const FOLDERS = { bugs: sharedData('mutants/bugs'), legal: sharedData('mutants/legal') }
const canRun = Object.values(FOLDERS).every((folder) => folder !== null) && TOOLS.every(hasTool)
const NEEDS = `(needs ../shared/data/mutants and ${TOOLS.join(', ')})`
const GUEST = path.join(ROOT, 'guest')
/** As guest/build.sh builds the good ones. */
const BUILDS = {
  dsahci: {
    compile: ['-O2', '-fno-stack-protector', '-Xclang', '-cfguard', '-DGUARD_CF'],
    entry: 'DriverEntry',
  },
  dsvioblk: { compile: ['-O1', '-fstack-protector-strong', '-DSECURITY_COOKIE'], entry: 'GsDriverEntry' },
} as const
type Driver = keyof typeof BUILDS

const work = mkdtempSync(path.join(os.tmpdir(), 'dumpstack-mutants-'))
afterAll(() => rmSync(work, { recursive: true }))

const patches = (kind: keyof typeof FOLDERS): string[] => {
  const folder = FOLDERS[kind]
  return folder === null ? [] : readdirSync(folder).filter((name) => name.endsWith('.patch'))
}

beforeAll(() => {
  if (!canRun) return
  mkdirSync(path.join(work, 'lib'))
  for (const library of ['ntoskrnl', 'storport']) {
    const definition = path.join(GUEST, 'miniports/exports', `${library}.def`)
    const output = path.join(work, 'lib', `${library}.lib`)
    toolOutput('llvm-dlltool-16', ['-m', 'i386:x86-64', '-d', definition, '-l', output])
  }
})

/** The driver file of a patch, with its PDB beside it. */
function build(patch: string): string {
  const name = path.basename(patch, '.patch')
  const [, driver] = readFileSync(patch, 'utf8').match(/\((dsahci|dsvioblk)\)/) as [string, Driver]
  const folder = path.join(work, name)
  cpSync(path.join(GUEST, 'miniports'), path.join(folder, 'guest/miniports'), {
    recursive: true,
    filter: (from) => path.basename(from) !== 'bin',
  })
  toolOutput('patch', ['-s', '-p1', '-d', folder, '-i', patch])
  const miniports = path.join(folder, 'guest/miniports')
  const objects = [driver, 'common'].flatMap((part) =>
    readdirSync(path.join(miniports, part))
      .filter((file) => file.endsWith('.c'))
      .map((file) => {
        const object = path.join(folder, `${file}.obj`)
        toolOutput('clang-16', [
          ...['--target=x86_64-pc-windows-msvc', '-g', '-gcodeview', '-ffreestanding', '-w', '-DBUG=0'],
          ...['-fasynchronous-unwind-tables', '-fno-vectorize', '-fno-slp-vectorize'],
          ...[
            path.join(GUEST, 'include'),
            path.join(miniports, 'include'),
            path.join(miniports, 'common'),
          ].map((include) => `-I${include}`),
          ...BUILDS[driver].compile,
          ...['-c', path.join(miniports, part, file), '-o', object],
        ])
        return object
      }),
  )
  const file = path.join(folder, `${driver}.sys`)
  toolOutput('lld-link-16', [
    ...['/nologo', '/driver', '/subsystem:native', '/nodefaultlib', '/debug', '/release', '/dynamicbase'],
    ...['/base:0x140000000', '/opt:noref,noicf', `/entry:${BUILDS[driver].entry}`],
    ...(driver === 'dsahci' ? ['/guard:cf,nolongjmp'] : []),
    ...[`/out:${file}`, ...objects],
    ...['ntoskrnl', 'storport'].map((library) => path.join(work, 'lib', `${library}.lib`)),
  ])
  return file
}

interface Found {
  readonly verdict: string
  readonly runs: readonly { readonly finished: boolean }[]
  readonly findings: readonly {
    readonly verdict: string
    readonly rule: string
    readonly setting: string
    readonly source?: { readonly file: string; readonly line: number }
    readonly stack: readonly string[]
  }[]
}

function checkFile(file: string): Found {
  const program = path.join(ROOT, 'packages/cli/bin/dumpstack.js')
  const { stdout, stderr } = spawnSync(process.execPath, [program, 'check', '--json', file], {
    encoding: 'utf8',
  })
  if (stdout === '') throw new Error(`the check of ${file} printed nothing: ${stderr}`)
  return JSON.parse(stdout)
}

/** What was found of each patch: docs/bug-score.md is made from it. */
const found = new Map<string, Found>()

function check(kind: keyof typeof FOLDERS, patch: string): Found {
  const result = checkFile(build(path.join(FOLDERS[kind]!, patch)))
  found.set(path.basename(patch, '.patch'), result)
  return result
}

const counts = ({ verdict }: Found['findings'][number]): boolean =>
  verdict === 'fail' || verdict === 'warning'

describe.skipIf(!canRun)(`wrong miniports ${NEEDS}`, () => {
  it.each(patches('bugs'))(
    '%s is named, with the line',
    (patch) => {
      const { findings } = check('bugs', patch)
      expect(findings.filter(counts)).not.toEqual([])
      // the finding that leads names a place in the driver
      expect(findings[0]).toMatchObject({ verdict: expect.stringMatching(/fail|warning/) })
      expect(findings[0]!.source ?? findings[0]!.stack[0]).toBeDefined()
    },
    240_000,
  )
})

describe.skipIf(!canRun)(`unusual, right miniports ${NEEDS}`, () => {
  it.each(patches('legal'))(
    '%s passes without a finding that counts',
    (patch) => {
      const { verdict, findings } = check('legal', patch)
      expect(findings.filter((one) => one.verdict !== 'note')).toEqual([])
      expect(verdict).toBe('pass')
    },
    240_000,
  )
})

/** `fail DM-08 (plain), queue.c:41`: what leads. */
function saidOf({ findings }: Found): string {
  const [first] = findings.filter(counts)
  if (first === undefined) return 'nothing'
  const { verdict, rule, setting, source } = first
  const line = source === undefined ? '' : `, ${source.file.replace(/^.*[\\/]/, '')}:${source.line}`
  return `${verdict} ${rule} (${setting})${line}`
}

/** Where the plain life writes its dump whole, somebody who opens it finds nothing wrong. */
const openedText = ({ runs }: Found): string => (runs[0]!.finished ? 'a whole dump' : 'no dump')

function rowsOf({ id, what, builds, patches: others, missing }: KindOfBug): string[] {
  if (missing !== null) return [`| ${id} | ${what} | not tried: it takes ${missing} | | |`]
  const results = [
    ...builds.map((name) => [`\`${name}\``, checkFile(path.join(MINIPORT_BIN, `${name}.sys`))] as const),
    ...others.map((name) => [`${name} (a patch of others)`, found.get(name)!] as const),
  ]
  return results.map(([name, one]) => `| ${id} | ${what} | ${name} | ${saidOf(one)} | ${openedText(one)} |`)
}

// npm run bug-score writes the page
it.skipIf(!canRun)(
  `docs/bug-score.md says what check says of each kind of defect ${NEEDS}`,
  async () => {
    const rows = KINDS_OF_BUGS.flatMap(rowsOf)
    const kinds = KINDS_OF_BUGS.filter(({ missing }) => missing === null).length
    const text = [
      '# Bug score',
      '',
      '<!-- Made by npm run bug-score. Do not edit. -->',
      '',
      'Kinds of defect that storage drivers shipped, and what `dumpstack check` says of a driver that has one, with its default options: severity, rule, the setting that it needs to show, and the line.',
      'The last column is what somebody gets who only opens the dump of a plain system in a debugger.',
      '',
      `${kinds} of ${KINDS_OF_BUGS.length} kinds are tried, with ${rows.length - (KINDS_OF_BUGS.length - kinds)} drivers.`,
      '',
      '| id | defect | tried with | check says | a debugger alone |',
      '|---|---|---|---|---|',
      ...rows,
      '',
    ].join('\n')
    expect(rows.filter((row) => row.includes('| nothing |'))).toEqual([])
    await expect(text).toMatchFileSnapshot(path.join(ROOT, 'docs/bug-score.md'))
  },
  600_000,
)
