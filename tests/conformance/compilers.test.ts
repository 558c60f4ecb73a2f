// Our miniports as other compilers and options build them: each build keeps the dump-mode contract. What a driver
// does must not depend on which instructions were chosen for it.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { openSysFile } from '@dumpstack/drivers'
import { controllerNamed } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { checkDriverFile } from '@dumpstack/windows/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasTool, ROOT, toolOutput } from './tools.ts'

const GUEST = path.join(ROOT, 'guest')
// llvm-dlltool-16, which has no --version, comes with llvm-pdbutil-16.
const CLANG = ['clang-16', 'lld-link-16', 'llvm-pdbutil-16']
const GCC = ['x86_64-w64-mingw32-gcc', 'x86_64-w64-mingw32-dlltool']
const INCLUDES = ['include', 'miniports/include', 'miniports/common'].map(
  (folder) => `-I${path.join(GUEST, folder)}`,
)
const DRIVERS: readonly (readonly [name: string, controller: string])[] = [
  ['dsahci', 'ahci'],
  ['dsnvme', 'nvme'],
  ['dsvioblk', 'virtio-blk'],
]

const work = mkdtempSync(path.join(os.tmpdir(), 'dumpstack-compilers-'))
afterAll(() => rmSync(work, { recursive: true }))

const sourcesOf = (name: string): string[] =>
  [name, 'common'].flatMap((folder) => {
    const at = path.join(GUEST, 'miniports', folder)
    return readdirSync(at)
      .filter((file) => file.endsWith('.c'))
      .map((file) => path.join(at, file))
  })

/** An object file for each source, by the compiler's own naming where it runs. */
function compile(compiler: string, suffix: string, name: string, options: readonly string[]): string[] {
  const common = ['-ffreestanding', '-fno-stack-protector', '-w', '-DBUG=0', ...INCLUDES, ...options]
  return sourcesOf(name).map((source) => {
    const object = path.join(work, `${path.basename(source, '.c')}.${suffix}`)
    toolOutput(compiler, [...common, '-c', source, '-o', object])
    return object
  })
}

const library = (name: string): string => path.join(work, `${name}.lib`)
const LIBRARIES = ['ntoskrnl', 'storport']

/** Each linker reads import libraries of its own kind only. */
function makeLibraries(tool: string, ...options: readonly string[]): void {
  for (const name of LIBRARIES) {
    const exports = path.join(GUEST, 'miniports', 'exports', `${name}.def`)
    toolOutput(tool, [...options, '-d', exports, '-l', library(name)])
  }
}

function expectGood(file: string, controller: string): void {
  const driver = { file: openSysFile('other.sys', readFileSync(file)), names: { nameAt: () => null } }
  const report = checkDriverFile(driver, {
    profile: win10_19041,
    controller: controllerNamed(controller),
    seed: 1,
    settings: {},
    isWhole: false,
  })
  expect(report.findings.filter(({ verdict }) => verdict !== 'note')).toEqual([])
  expect(report.verdict).toBe('pass')
  expect(report.runs[0]!.finished).toBe(true)
}

describe.runIf(CLANG.every(hasTool))('clang', () => {
  beforeAll(() => makeLibraries('llvm-dlltool-16', '-m', 'i386:x86-64'))
  const target = ['--target=x86_64-pc-windows-msvc', '-fasynchronous-unwind-tables']

  it.each(
    DRIVERS.flatMap(([name, controller]) =>
      [['-O0'], ['-Oz'], ['-O3', '-march=x86-64-v2']].map((options) => [name, controller, options] as const),
    ),
  )(
    '%s for %s passes with %s',
    (name, controller, options) => {
      const objects = compile('clang-16', 'obj', name, [...target, ...options])
      const file = path.join(work, 'clang.sys')
      const image = [
        '/nologo',
        '/driver',
        '/subsystem:native',
        '/nodefaultlib',
        '/entry:DriverEntry',
        '/release',
      ]
      toolOutput('lld-link-16', [
        ...image,
        '/dynamicbase',
        `/out:${file}`,
        ...objects,
        ...LIBRARIES.map(library),
      ])
      expectGood(file, controller)
    },
    30_000,
  )
})

describe.runIf(GCC.every(hasTool))('gcc', () => {
  beforeAll(() => makeLibraries('x86_64-w64-mingw32-dlltool'))

  it.each(
    DRIVERS.flatMap(([name, controller]) =>
      [['-O0'], ['-O2'], ['-O3', '-march=x86-64-v2']].map((options) => [name, controller, options] as const),
    ),
  )(
    '%s for %s passes with %s',
    (name, controller, options) => {
      const objects = compile('x86_64-w64-mingw32-gcc', 'o', name, options)
      const file = path.join(work, 'gcc.sys')
      const image = ['--subsystem,native', '--entry,DriverEntry', '--dynamicbase', '--exclude-all-symbols']
      const linker = image.map((option) => `-Wl,${option}`)
      const parts = [...objects, ...LIBRARIES.map(library), '-lgcc']
      toolOutput('x86_64-w64-mingw32-gcc', ['-shared', '-nostdlib', ...linker, '-o', file, ...parts])
      expectGood(file, controller)
    },
    30_000,
  )
})
