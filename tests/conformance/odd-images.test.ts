// Images of a good driver that linkers make seldom, each as right as any: aligned below a page, with its DriverEntry in the section INIT, with an
// unwind entry of no length. And one that calls code of INIT when that is gone.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { openSysFile } from '@dumpstack/drivers'
import { ahci } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { checkDriverFile } from '@dumpstack/windows/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasTool, ROOT, toolOutput } from './tools.ts'

/** llvm-dlltool-16, which has no --version, comes with llvm-pdbutil-16. */
const TOOLS = ['clang-16', 'lld-link-16', 'llvm-pdbutil-16']
const GUEST = path.join(ROOT, 'guest')
const work = mkdtempSync(path.join(os.tmpdir(), 'dumpstack-images-'))
afterAll(() => rmSync(work, { recursive: true }))

const LIBRARIES = ['ntoskrnl', 'storport']
const FOLDERS = ['miniports/dsahci', 'miniports/common'].map((folder) => path.join(GUEST, folder))
const COMPILE = [
  '--target=x86_64-pc-windows-msvc',
  '-ffreestanding',
  '-fno-stack-protector',
  '-fasynchronous-unwind-tables',
  '-O1',
  '-w',
  '-DBUG=0',
  ...['include', 'miniports/include'].map((folder) => `-I${path.join(GUEST, folder)}`),
  ...FOLDERS.map((folder) => `-I${folder}`),
]
const INIT = '__declspec(code_seg("INIT")) __attribute__((noinline)) '

const library = (name: string): string => path.join(work, `${name}.lib`)

/** The sources, `change`d, linked with more options. */
function build(name: string, options: readonly string[], change: (source: string) => string = (s) => s) {
  const objects = FOLDERS.flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => file.endsWith('.c'))
      .map((file) => {
        const source = path.join(work, file)
        writeFileSync(source, change(readFileSync(path.join(folder, file), 'utf8')))
        const object = path.join(work, `${name}-${path.basename(file, '.c')}.obj`)
        toolOutput('clang-16', [...COMPILE, '-fms-extensions', '-c', source, '-o', object])
        return object
      }),
  )
  const file = path.join(work, `${name}.sys`)
  const link = ['/nologo', '/driver', '/subsystem:native', '/nodefaultlib', '/entry:DriverEntry', '/release']
  toolOutput('lld-link-16', [...link, ...options, `/out:${file}`, ...objects, ...LIBRARIES.map(library)])
  return openSysFile(`${name}.sys`, readFileSync(file))
}

const check = (file: ReturnType<typeof build>) =>
  checkDriverFile(
    { file, names: { nameAt: () => null } },
    {
      profile: win10_19041,
      controller: ahci,
      seed: 1,
      settings: {},
      isWhole: false,
    },
  )

describe.runIf(TOOLS.every(hasTool))(`odd images (need ${TOOLS.join(', ')})`, () => {
  beforeAll(() => {
    for (const name of LIBRARIES) {
      const exports = path.join(GUEST, 'miniports/exports', `${name}.def`)
      toolOutput('llvm-dlltool-16', ['-m', 'i386:x86-64', '-d', exports, '-l', library(name)])
    }
  })

  it.each([32, 128, 512])('a driver whose sections are aligned to %i bytes passes', (alignment) => {
    const file = build('low', [`/align:${alignment}`, `/filealign:${alignment}`])
    expect(file.image.sections[0]!.rva).toBeLessThan(0x1000)
    expect(check(file)).toMatchObject({ verdict: 'pass', findings: [] })
  })

  it('a driver with an unwind entry of no length passes', () => {
    const { image, fileName } = build('empty', [])
    const bytes = image.bytes.slice()
    const view = new DataView(bytes.buffer)
    const nt = view.getUint32(0x3c, true)
    const size = nt + 24 + 112 + 3 * 8 + 4 // of the exception directory
    const header =
      nt + 24 + view.getUint16(nt + 20, true) + 40 * image.sections.findIndex(({ name }) => name === '.pdata')
    const pdata = image.sections.find(({ name }) => name === '.pdata')!
    const end = pdata.fileOffset + view.getUint32(size, true)
    for (const at of [0, 4]) view.setUint32(end + at, 0x1000, true) // before all others, and covers nothing
    for (const at of [size, header + 8]) view.setUint32(at, view.getUint32(at, true) + 12, true) // VirtualSize too
    const file = openSysFile(fileName, bytes)
    expect(file.image.runtimeFunctions).toEqual(image.runtimeFunctions)
    expect(check(file)).toMatchObject({ verdict: 'pass', findings: [] })
  })

  it('a driver with its DriverEntry in a section INIT passes', () => {
    const file = build('init', ['/section:INIT,ERD'], (source) =>
      source.replace(/^ULONG DriverEntry\(/m, `${INIT}ULONG DriverEntry(`),
    )
    expect(file.image.sections.map(({ name }) => name)).toContain('INIT')
    expect(check(file)).toMatchObject({ verdict: 'pass', findings: [] })
  })

  it('code of INIT that is called after DriverEntry is a fault, named with its section', () => {
    const file = build('late', ['/section:INIT,ERD'], (source) =>
      source.replace(
        /^static BOOLEAN AhciHwInitialize\(void \*DeviceExtension\) \{$/m,
        `static volatile ULONG Seen;\n${INIT}static ULONG Once(ULONG x) { return x * 3; }\n$&\n Seen = Once(Seen);`,
      ),
    )
    const report = check(file)
    expect(report.verdict).toBe('fail')
    expect(report.findings).toMatchObject([
      {
        rule: 'INIT_DISCARDED',
        message: expect.stringMatching(/ in its section INIT \(execute\) in late\+0x/),
      },
    ])
  })
})
