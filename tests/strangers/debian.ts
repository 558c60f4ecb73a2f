// What strangers bring: packages of Debian that tools/strangers.mjs has unpacked. Without them tests are skipped and say what they need.
import fs from 'node:fs'
import path from 'node:path'
import { ROOT } from '../conformance/tools.ts'

const FOLDER = path.join(ROOT, 'node_modules', '.cache', 'strangers')
export const BUSYBOX = path.join(FOLDER, 'bin', 'busybox')
export const OVMF = path.join(FOLDER, 'usr', 'share', 'ovmf', 'OVMF.fd')
export const MTOOLS = path.join(FOLDER, 'usr', 'bin', 'mtools')
const BOOT = path.join(FOLDER, 'boot')
const MODULES = path.join(FOLDER, 'lib', 'modules')

/** They are unpacked all or none. */
export const hasDebian = (): boolean => fs.existsSync(FOLDER)
export const NEEDS = 'needs qemu-system-x86_64 and what npm run strangers unpacks'

export const kernel = (): string => path.join(BOOT, fs.readdirSync(BOOT)[0]!)

/** Files of the modules and of all that they depend on, each after those it needs. */
export function moduleFiles(names: readonly string[]): string[] {
  const all = fs.readdirSync(MODULES, { recursive: true, encoding: 'utf8' })
  const files = new Map(all.filter((file) => file.endsWith('.ko')).map((file) => [nameOf(file), file]))
  const found: string[] = []
  const add = (name: string): void => {
    const below = files.get(name.replaceAll('-', '_'))
    if (below === undefined) throw new Error(`Debian's kernel has no module ${name}`)
    const file = path.join(MODULES, below)
    if (found.includes(file)) return
    const [, depends] = /\0depends=([^\0]*)\0/.exec(fs.readFileSync(file, 'latin1')) ?? []
    for (const one of (depends ?? '').split(',').filter((part) => part !== '')) add(one)
    found.push(file)
  }
  for (const name of names) add(name)
  return found
}

const nameOf = (file: string): string => path.basename(file, '.ko').replaceAll('-', '_')
