// Wrong drivers, of which `dumpstack check` names rule and place with its default options: builds and patches of ours, and patches from elsewhere
// in ../shared/data/mutants; and unusual but right ones, of which it says nothing that counts. docs/bug-score.md is made of what it says.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { bugScore, counts, type Found } from './bug-score-page.ts'
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
      const { rule, source, stack } = result.findings[0]!
      // the finding that leads names a place in the driver, unless all that is known is that the dump ended
      if (rule !== 'no-dump') expect(source ?? stack[0]).toBeDefined()
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

// npm run bug-score writes the page
it.skipIf(!canRun)(`docs/bug-score.md says what check says of each kind of defect ${NEEDS}`, async () => {
  const { page, missed } = bugScore(found)
  await expect(page).toMatchFileSnapshot(path.join(ROOT, 'docs/bug-score.md'))
  expect(missed).toEqual([])
})
