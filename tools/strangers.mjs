// `npm run strangers`: kernels and firmware that no one here wrote drive our controllers (tests/strangers). Fetches what they need from Debian by
// package name and unpacks it, once, below node_modules/.cache; nothing is installed, and root is not needed. Further arguments go to vitest.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import './ready.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
/** As tests/strangers/debian.ts has it. */
const folder = path.join(root, 'node_modules', '.cache', 'strangers')
const MODULES = [
  'block',
  'crypto',
  'lib',
  ...['ata', 'block', 'message', 'nvme', 'scsi', 'virtio'].map((name) => `drivers/${name}`),
]
/** What is unpacked of each package. */
const PACKAGES = {
  'linux-image-amd64': ['./boot/vmlinuz*', ...MODULES.map((name) => `./lib/modules/*/kernel/${name}/*`)],
  'busybox-static': ['./bin/busybox'],
  ovmf: ['./usr/share/ovmf/OVMF.fd'],
  mtools: ['./usr/bin/*'],
}

/** The package that a metapackage depends on. */
const named = (name) =>
  name.startsWith('linux-image')
    ? execFileSync('apt-cache', ['depends', name], { encoding: 'utf8' }).match(
        /Depends: (linux-image-\S+)/,
      )[1]
    : name

function unpack() {
  const work = `${folder}.${process.pid}`
  mkdirSync(work, { recursive: true })
  try {
    for (const [name, files] of Object.entries(PACKAGES)) {
      execFileSync('apt-get', ['download', '-qq', named(name)], { cwd: work, stdio: 'pipe' })
      const archive = readdirSync(work).find((file) => file.endsWith('.deb'))
      const tar = ['--extract', '--wildcards', ...files].map((word) => `'${word}'`).join(' ')
      execFileSync('sh', ['-c', `dpkg-deb --fsys-tarfile '${archive}' | tar ${tar}`], { cwd: work })
      rmSync(path.join(work, archive))
    }
    renameSync(work, folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

try {
  if (!existsSync(folder)) unpack()
} catch (error) {
  process.stderr.write(
    `the packages of Debian that strangers need cannot be had here (try apt-get update): ${error.message}\n`,
  )
}
const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs')
const args = [vitest, 'run', '--project', 'strangers', ...process.argv.slice(2)]
process.exit(spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1)
