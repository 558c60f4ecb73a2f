// What tsconfig.pure.json holds, by a violation: outside of src/node rooms are compiled without Node's types.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'

const root = path.dirname(path.dirname(new URL(import.meta.url).pathname))
const compiler = path.join(root, 'node_modules/typescript/bin/tsc')
const folder = mkdtempSync(path.join(tmpdir(), 'dumpstack-pure-rooms-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function compile(source) {
  writeFileSync(path.join(folder, 'a.ts'), `${source}\nexport {}\n`)
  const config = { extends: path.join(root, 'tsconfig.pure.json'), include: ['a.ts'], exclude: [] }
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config))
  return spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' }).stdout
}

it.each([
  'Buffer.alloc(1)',
  'process.exit()',
  'setImmediate(() => {})',
  "import { readFileSync } from 'node:fs'\nreadFileSync('')",
])('refuses %s', (source) =>
  expect(compile(source)).toMatch(
    /error TS\d+: Cannot find (name|module) '(Buffer|process|setImmediate|node:fs)'/,
  ),
)

it('takes what a browser has', () => {
  expect(compile('new TextDecoder().decode(new Uint8Array(1))\nnew AbortController().abort()')).toBe('')
})

it('is about the sources of every room but the command line, and no test', () => {
  const args = [compiler, '-p', path.join(root, 'tsconfig.pure.json'), '--listFilesOnly']
  const files = spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout.split('\n')
  const own = files.filter((file) => file.startsWith(path.join(root, 'packages/')))
  expect(own.length).toBeGreaterThan(400)
  expect(own.filter((file) => /\.test\.ts$|\/src\/node\/|\/packages\/cli\//.test(file))).toEqual([])
})
