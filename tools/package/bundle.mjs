// Makes what the npm package holds beside its own files: programs and library as readable JavaScript with source maps, and the library's
// types (packages/cli/lib), the guest's images, licences. npm runs it before it packs, and with `--clean` afterwards.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { install } from '../install.mjs'

const here = path.dirname(fileURLToPath(import.meta.url))
const root = path.resolve(here, '../..')
const cli = path.join(root, 'packages/cli')
const PROGRAMS = ['main', 'kd-main', 'crashdumptest-main', 'check/life-thread']
/** What can be imported: `dumpstack/dump` and so on. */
const LIBRARY = ['dump', 'symbols', 'debugger', 'check'].map((door) => `library/${door}`)
/** What third-party packages say of their own classes is for their pages; its lines stay, empty, for the maps. */
const withoutDocs = {
  name: 'without-docs',
  setup: ({ onLoad }) =>
    onLoad({ filter: /node_modules[\\/].*\.js$/ }, ({ path: file }) => ({
      contents: readFileSync(file, 'utf8').replace(/^ *\/\*\*.*?\*\/$/gms, (text) =>
        text.replace(/[^\n]/g, ''),
      ),
    })),
}

const MADE = ['lib', 'guest', 'LICENSE', 'LICENSES.md']
for (const name of MADE) rmSync(path.join(cli, name), { recursive: true, force: true })
if (!process.argv.includes('--clean')) {
  // a clone in which nothing was installed yet; otherwise what is there is left alone, as others may be using it
  if (!existsSync(path.join(root, 'node_modules/typescript'))) install(root)
  install(here)
  await makePackage()
}

async function makePackage() {
  const { build } = await import('esbuild')
  const codec = await import('@jridgewell/sourcemap-codec')
  const { dependencies } = JSON.parse(readFileSync(path.join(cli, 'package.json'), 'utf8'))
  const { metafile } = await build({
    entryPoints: [...PROGRAMS, ...LIBRARY].map((name) => path.join(cli, `src/${name}.ts`)),
    outdir: path.join(cli, 'lib'),
    outbase: path.join(cli, 'src'),
    chunkNames: 'chunks/[name]-[hash]', // as deep as src/FOLDER, from where the package's own files are found
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    conditions: ['source'],
    external: Object.keys(dependencies),
    // CommonJS packages in the bundle ask for Node's own modules by `require`
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'none',
    plugins: [withoutDocs],
    metafile: true,
    logLevel: 'warning',
    absWorkingDir: root,
  })
  for (const file of Object.keys(metafile.outputs))
    if (file.endsWith('.map')) thinMap(path.join(root, file), codec)
  await bundleTypes()
  cpSync(path.join(root, 'guest/bin'), path.join(cli, 'guest/bin'), { recursive: true })
  cpSync(path.join(root, 'LICENSE'), path.join(cli, 'LICENSE'))
  writeFileSync(path.join(cli, 'LICENSES.md'), licences(Object.keys(metafile.inputs)))
}

/** The types of each door in one file that names no room. */
async function bundleTypes() {
  const compiler = path.join(root, 'node_modules/typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [compiler, '-b', path.join(root, 'packages/cli')], {
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) throw new Error('the types of the library were not built')
  const { generateDtsBundle } = (await import('dts-bundle-generator')).default
  const rooms = readdirSync(path.join(root, 'packages')).map((room) => `@dumpstack/${room}`)
  const entries = LIBRARY.map((door) => ({
    filePath: path.join(cli, `dist/${door}.d.ts`),
    libraries: { inlinedLibraries: rooms },
    output: { noBanner: true },
  }))
  const texts = generateDtsBundle(entries, { preferredConfigPath: path.join(cli, 'tsconfig.json') })
  for (const [index, door] of LIBRARY.entries())
    writeFileSync(path.join(cli, `lib/${door}.d.ts`), texts[index])
}

/** Of each line of the bundle the place where it begins: enough for stack traces, in a fifth of the bytes. */
function thinMap(file, { decode, encode }) {
  const map = JSON.parse(readFileSync(file, 'utf8'))
  const lines = decode(map.mappings).map((places) => places.filter((place) => place.length > 1).slice(0, 1))
  writeFileSync(file, JSON.stringify({ ...map, names: [], mappings: encode(lines) }))
}

/** Of each third-party package in the bundle: name, version, licence and its text. */
function licences(inputs) {
  const names = new Set(
    inputs.map((file) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1]).filter(Boolean),
  )
  const parts = [...names].sort().map((name) => {
    const folder = path.join(root, 'node_modules', name)
    const { version, license, author } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one))
    // not every package brings the text of its licence
    const text =
      file === undefined
        ? `By ${author?.name ?? author}.`
        : readFileSync(path.join(folder, file), 'utf8').trim()
    return `## ${name} ${version} (${license})\n\n${text}\n`
  })
  return `# Licences of what is bundled\n\n${parts.join('\n')}`
}
