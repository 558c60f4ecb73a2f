// Our miniports as files: the list beside them is complete, a bad one differs from its good one, and what they import is what
// a port driver and a kernel have. What they do is tested where they are run.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parsePe } from '@dumpstack/image'
import { describe, expect, it } from 'vitest'
import { ROOT } from './tools.ts'

const FOLDER = path.join(ROOT, 'guest', 'miniports')
const BIN = path.join(FOLDER, 'bin')
interface Entry {
  readonly file: string
  readonly controller: string
  readonly bug?: string
  readonly purpose: string
}
const list: readonly Entry[] = JSON.parse(readFileSync(path.join(FOLDER, 'manifest.json'), 'utf8')).miniports
const BUGS = 'B01 B02 B04 B06 B10 B12 B14 B15 B17 B20 B22 B23 B26'.split(' ')

it('the manifest lists every image once, with its symbols and one build for each defect', () => {
  const files = list.flatMap(({ file }) => [file, file.replace(/sys$/, 'pdb')])
  expect(files.sort()).toEqual(readdirSync(BIN).sort())
  expect(list.flatMap(({ bug }) => bug ?? [])).toEqual(BUGS)
  for (const { file, bug } of list)
    expect(file).toMatch(
      bug ? new RegExp(`-${bug.toLowerCase()}\\.sys$`) : /^ds[a-z]+(-legacy|-checked)?\.sys$/,
    )
})

it('the README names each of them', () => {
  const text = readFileSync(path.join(FOLDER, 'README.md'), 'utf8')
  for (const { file } of list) expect(text).toContain(file.replace(/\.sys$/, ''))
})

describe.each(list)('$file', ({ file, bug }) => {
  const bytes = readFileSync(path.join(BIN, file))
  const pe = parsePe(bytes)

  it('imports from the port driver and the kernel only', () => {
    expect(pe.imports.map(({ dll }) => dll).sort()).toEqual(['ntoskrnl.exe', 'storport.sys'])
    const names = pe.imports.flatMap((from) => from.names.map(({ name }) => name))
    expect(names).toContain('StorPortInitialize')
    expect(names.some((name) => /^(Zw|KeQuery)/.test(name ?? ''))).toBe(bug === 'B04' || bug === 'B23')
  })

  if (bug) {
    it('is not its good one', () => {
      const good = readFileSync(path.join(BIN, file.replace(/-b\d+/, '')))
      expect(Buffer.compare(bytes, good)).not.toBe(0)
    })
  }
})
