// Wrong drivers, of which `dumpstack check` names rule and place with its default options: builds and patches of ours, and patches of others
// in ../shared/data/mutants; and unusual but right ones, of which it says nothing that counts. docs/bug-score.md is made of what it says.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { KINDS_OF_BUGS, type KindOfBug } from './bug-catalogue.ts'
import { BUILD_TOOLS, buildMiniport, canBuild, defectPatch, defects } from './miniport-build.ts'
import { MINIPORT_BIN, ROOT, sharedData } from './tools.ts'

const FOLDERS = { bugs: sharedData('mutants/bugs'), legal: sharedData('mutants/legal') }
const canRun = Object.values(FOLDERS).every((folder) => folder !== null) && canBuild
const NEEDS = `(needs ../shared/data/mutants and ${BUILD_TOOLS.join(', ')})`
/** Of one driver, where the host has other things to do. */
const TIMEOUT_MS = 1_200_000

const work = mkdtempSync(path.join(os.tmpdir(), 'dumpstack-mutants-'))
afterAll(() => rmSync(work, { recursive: true }))

const patches = (kind: keyof typeof FOLDERS): string[] => {
  const folder = FOLDERS[kind]
  return folder === null
    ? []
    : readdirSync(folder)
        .filter((name) => name.endsWith('.patch'))
        .map((name) => path.basename(name, '.patch'))
}
const builds = (): string[] =>
  readdirSync(MINIPORT_BIN)
    .filter((name) => /-b\d+\.sys$/.test(name))
    .map((name) => path.basename(name, '.sys'))

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

/** What was found of each driver. */
const found = new Map<string, Found>()

async function check(name: string, file: string): Promise<Found> {
  const program = path.join(ROOT, 'packages/cli/bin/dumpstack.js')
  const child = spawn(process.execPath, [program, 'check', '--json', file])
  const [out, errors] = await Promise.all([child.stdout, child.stderr].map((stream) => textOf(stream)))
  if (out === '') throw new Error(`the check of ${name} printed nothing: ${errors}`)
  const result: Found = JSON.parse(out!)
  found.set(name, result)
  return result
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

const ofOthers = (kind: keyof typeof FOLDERS, name: string): string =>
  buildMiniport(work, path.join(FOLDERS[kind]!, `${name}.patch`))

const counts = ({ verdict }: Found['findings'][number]): boolean =>
  verdict === 'fail' || verdict === 'warning'

const isNamed = ({ findings }: Found): void => {
  expect(findings.filter(counts)).not.toEqual([])
  expect(findings[0]).toMatchObject({ verdict: expect.stringMatching(/fail|warning/) })
}

describe.skipIf(!canRun).concurrent(`wrong miniports ${NEEDS}`, () => {
  it.each(builds())(
    '%s is named',
    async (name) => isNamed(await check(name, path.join(MINIPORT_BIN, `${name}.sys`))),
    TIMEOUT_MS,
  )

  it.each(defects())(
    '%s is named, where a patch of ours',
    async (name) => isNamed(await check(name, buildMiniport(work, defectPatch(name)))),
    TIMEOUT_MS,
  )

  it.each(patches('bugs'))(
    '%s is named, with the line',
    async (name) => {
      const result = await check(name, ofOthers('bugs', name))
      isNamed(result)
      // the finding that leads names a place in the driver
      expect(result.findings[0]!.source ?? result.findings[0]!.stack[0]).toBeDefined()
    },
    TIMEOUT_MS,
  )
})

describe.skipIf(!canRun).concurrent(`unusual, right miniports ${NEEDS}`, () => {
  it.each(patches('legal'))(
    '%s passes without a finding that counts',
    async (name) => {
      const { verdict, findings } = await check(name, ofOthers('legal', name))
      expect(findings.filter((one) => one.verdict !== 'note')).toEqual([])
      expect(verdict).toBe('pass')
    },
    TIMEOUT_MS,
  )
})

/** `fail DM-08 (plain), queue.c:41`: what leads. */
function saidOf({ findings }: Found): string {
  const [first, ...more] = findings.filter(counts)
  if (first === undefined) return 'nothing'
  const { verdict, rule, setting, source } = first
  const line = source === undefined ? '' : `, ${source.file.replace(/^.*[\\/]/, '')}:${source.line}`
  const rest = new Set(more.map((one) => one.rule).filter((other) => other !== rule))
  const others = rest.size === 0 ? '' : `; also ${[...rest].join(', ')}`
  return `${verdict} ${rule} (${setting})${line}${others}`
}

/** Where the plain life writes its dump whole, somebody who opens it finds nothing wrong. */
const openedText = ({ runs }: Found): string => (runs[0]!.finished ? 'passes' : 'fails: no dump')

function rowsOf({ id, what, own, others, missing }: KindOfBug): string[] {
  if (missing !== null) return [`| ${id} | ${what} | not expressible, because it takes ${missing} | | |`]
  const results = [
    ...own.map((name) => [`\`${name}\``, found.get(name)!] as const),
    ...others.map((name) => [`${name} (of others)`, found.get(name)!] as const),
  ]
  return results.map(([name, one]) => `| ${id} | ${what} | ${name} | ${saidOf(one)} | ${openedText(one)} |`)
}

// npm run bug-score writes the page
it.skipIf(!canRun)(`docs/bug-score.md says what check says of each kind of defect ${NEEDS}`, async () => {
  const rows = KINDS_OF_BUGS.flatMap(rowsOf)
  const kinds = KINDS_OF_BUGS.filter(({ missing }) => missing === null)
  const tried = kinds.flatMap(({ own, others }) => [...own, ...others])
  const missed = tried.filter((name) => saidOf(found.get(name)!) === 'nothing')
  const passed = tried.filter((name) => found.get(name)!.runs[0]!.finished)
  const text = [
    '# Bug score',
    '',
    '<!-- Made by npm run bug-score. Do not edit. -->',
    '',
    'Kinds of defect that storage drivers shipped, and what `dumpstack check` says of a driver that has one, with its default options: severity, rule, the setting that it needs to show, and the line; then',
    'the other rules that were broken. The drivers are the builds of [guest/miniports](../guest/miniports/README.md), its patches in `defects/`, and patches of others.',
    'The last column is what a test says that only looks at whether the dump of a plain system opens in a debugger: it passes where that dump was written whole.',
    '',
    `${kinds.length} of ${KINDS_OF_BUGS.length} kinds are expressible, with ${tried.length} drivers: check names ${tried.length - missed.length} of them, a debugger alone passes ${passed.length}.`,
    '',
    '| id | defect | tried with | check says | a debugger alone |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
  expect(missed).toEqual([])
  await expect(text).toMatchFileSnapshot(path.join(ROOT, 'docs/bug-score.md'))
})
