// Builds our miniports with a patch on them, as guest/build.sh builds the good ones: defects of ours in guest/miniports/defects, and patches
// from outside the project.
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { hasTool, ROOT, toolOutput } from './tools.ts'

/** llvm-dlltool-16, which has no --version, comes with llvm-pdbutil-16. */
export const BUILD_TOOLS = ['clang-16', 'lld-link-16', 'llvm-pdbutil-16', 'patch']
export const canBuild = BUILD_TOOLS.every(hasTool)

const GUEST = path.join(ROOT, 'guest')
const DEFECTS = path.join(GUEST, 'miniports/defects')
const BUILDS = {
  dsahci: {
    compile: ['-O2', '-fno-stack-protector', '-Xclang', '-cfguard', '-DGUARD_CF'],
    entry: 'DriverEntry',
  },
  dsnvme: { compile: ['-O2', '-fstack-protector-strong', '-DSECURITY_COOKIE'], entry: 'GsDriverEntry' },
  dsvioblk: { compile: ['-O1', '-fstack-protector-strong', '-DSECURITY_COOKIE'], entry: 'GsDriverEntry' },
} as const
type Driver = keyof typeof BUILDS

/** `dsvioblk-b03`, of each that is a patch. */
export const defects = (): string[] =>
  readdirSync(DEFECTS)
    .filter((name) => name.endsWith('.patch'))
    .map((name) => path.basename(name, '.patch'))

export const defectPatch = (name: string): string => path.join(DEFECTS, `${name}.patch`)

/** The driver file of a patch, in a folder of `work`, with its PDB beside it. The first line of the patch names the driver. */
export function buildMiniport(work: string, patch: string): string {
  const [, driver] = readFileSync(patch, 'utf8').match(/\((dsahci|dsnvme|dsvioblk)\)/) as [string, Driver]
  const folder = path.join(work, path.basename(patch, '.patch'))
  const miniports = path.join(folder, 'guest/miniports')
  cpSync(path.join(GUEST, 'miniports'), miniports, {
    recursive: true,
    filter: (from) => path.basename(from) !== 'bin',
  })
  toolOutput('patch', ['-s', '-p1', '-d', folder, '-i', patch])
  mkdirSync(path.join(folder, 'lib'))
  // a defect may import more than the good ones do
  const libraries = ['ntoskrnl', 'storport'].map((library) => {
    const definition = path.join(miniports, 'exports', `${library}.def`)
    const output = path.join(folder, 'lib', `${library}.lib`)
    toolOutput('llvm-dlltool-16', ['-m', 'i386:x86-64', '-d', definition, '-l', output])
    return output
  })
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
    ...[`/out:${file}`, ...objects, ...libraries],
  ])
  return file
}
