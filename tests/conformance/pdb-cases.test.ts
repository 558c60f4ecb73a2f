// PDBs made from public bug reports (../shared/data/cases), through the command line as a user runs it, and against
// llvm-symbolizer where it is installed.
import { copyFileSync } from 'node:fs'
import path from 'node:path'
import { FileSource } from '@dumpstack/bytes/node'
import { PdbFile } from '@dumpstack/symbols'
import { afterAll, describe, expect, it } from 'vitest'
import { dumpstack, temporaryFolder } from '../e2e/cli.ts'
import { hasTool, sharedData, toolOutput } from './tools.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const SYMBOLIZER = 'llvm-symbolizer-16'
/** A function, and two bytes in it that the linker's own module contributes. */
const SECOND = 0x1010
const SECOND_END = 0x1021
const NESTED = 0x1012

describe('contributions that nest or overlap', () => {
  const at = sharedData('cases/14-pdb-overlapping-contributions')
  const test = it.skipIf(at === null)
  const needs = '(needs shared/data/cases/14-pdb-overlapping-contributions)'

  test.each(['nested-in-code', 'overlap-in-data', 'ab'])(
    `leave second its lines in %s.pdb ${needs}`,
    (name) => {
      const run = dumpstack(at!, 'pdb', `${name}.pdb`, '--lines', '0x1016')
      expect(run).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^0x1016 {2}second\+0x6\n.*a\.c\(2\)\+0x6\n/),
      })
    },
  )
  test(`name second without a line where there are none ${needs}`, () => {
    const run = dumpstack(at!, 'pdb', 'none.pdb', '--lines', '0x1016')
    expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('(second+0x6)') })
  })
  it.skipIf(at === null || !hasTool(SYMBOLIZER))(
    `are read as ${SYMBOLIZER} reads them (needs it, and shared/data/cases/14-pdb-overlapping-contributions)`,
    () => {
      for (const name of ['ab.sys', 'nested-in-code.pdb']) {
        copyFileSync(path.join(at!, name), path.join(folder.path, name.replace('nested-in-code', 'ab')))
      }
      const obj = `--obj=${path.join(folder.path, 'ab.sys')}`
      const source = new FileSource(path.join(at!, 'nested-in-code.pdb'))
      const pdb = new PdbFile(source, 'ab.pdb')
      for (let rva = SECOND; rva < SECOND_END; rva++) {
        if (rva === NESTED || rva === NESTED + 1) continue
        const output = toolOutput(SYMBOLIZER, [obj, '--relative-address', `0x${rva.toString(16)}`])
        const line = pdb.lineAt(rva)
        expect(`${pdb.near(rva)?.name}\n${line?.file}:${line?.line}`).toBe(
          /^.*\n.*:\d+(?=:)/.exec(output)![0],
        )
      }
      source.close()
    },
  )
})

describe('a PDB without section headers', () => {
  const at = sharedData('cases/15-pdb-no-section-headers')
  const test = it.skipIf(at === null)
  const needs = '(needs shared/data/cases/15-pdb-no-section-headers)'
  test.each(['no-headers.pdb', 'no-debug-header.pdb'])(`has addresses by its image: %s ${needs}`, (name) => {
    const whole = dumpstack(at!, 'pdb', 'ab.pdb', '--publics')
    expect(dumpstack(at!, 'pdb', name, '--publics', '--image', 'ab.sys').stdout).toBe(whole.stdout)
    const alone = dumpstack(at!, 'pdb', name, '--publics')
    expect(alone.stdout).toMatch(/^ +- {2}0001:00000030 {2}third$/m)
    expect(alone.stdout).toContain('sections   none')
    expect(dumpstack(at!, 'pdb', name).stdout).toContain('sections   none')
    expect(dumpstack(at!, 'pdb', name, '--lines', '0x1016').stderr).toContain('[SYMBOLS_NO_ADDRESSES]')
  })
  test(`is not given addresses by an image of another build ${needs}`, () => {
    const other = path.join(at!, '../28-pdb-structure2-records/t.sys')
    const run = dumpstack(at!, 'pdb', 'no-headers.pdb', '--publics', '--image', other)
    expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining('t.sys was built with') })
  })
})

describe('newer records of structures', () => {
  const at = sharedData('cases/28-pdb-structure2-records')
  const test = it.skipIf(at === null)
  const needs = '(needs shared/data/cases/28-pdb-structure2-records)'
  test(`read as the older ones do ${needs}`, () => {
    const types = (name: string): string => dumpstack(at!, 'pdb', name, '--types').stdout
    expect(types('structure2.pdb')).toBe(types('t.pdb'))
    expect(types('t.pdb').trimEnd().split('\n')).toHaveLength(5)
    for (const name of ['_KTHINGY', '_LARGE', '_LIST_ENTRY']) {
      const one = (file: string): string => dumpstack(at!, 'pdb', file, '--types', name).stdout
      expect(one('structure2.pdb')).toBe(one('t.pdb'))
    }
  })
  test(`give dt of the debugger its six members ${needs}`, () => {
    const run = dumpstack(at!, 'kd', '-z', 't.dmp', '-y', 'sym', '-c', 'dt t!_KTHINGY; q')
    expect(run.stdout.match(/^ {3}\+0x0/gm)).toHaveLength(6)
  })
})
