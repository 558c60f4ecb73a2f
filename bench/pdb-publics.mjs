// What names cost: opens a PDB of 35,000 publics and lists them, then looks up addresses and names. Builds the PDB with
// clang-16 and lld-link-16 in a temporary folder. Prints medians. Needs a build (npm run build).
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { MemorySource } from '@dumpstack/bytes'
import { FileSource } from '@dumpstack/bytes/node'
import { PdbFile } from '@dumpstack/symbols'

const PUBLICS = 35_000
const ROUNDS = 21
const LOOKUPS = 200_000
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]
const timed = (action) => {
  const start = performance.now()
  action()
  return performance.now() - start
}

function build(folder) {
  const run = (tool, ...args) => {
    const done = spawnSync(tool, args, { cwd: folder, encoding: 'utf8' })
    if (done.error?.code === 'ENOENT') return tool
    if (done.status !== 0) throw new Error(`${tool} ended with ${done.status}: ${done.stderr}`)
    return null
  }
  const functions = Array.from({ length: PUBLICS }, (_, i) => {
    const name = `${['Nt', 'Ki', 'Mi', 'Iop', 'Psp', 'Cm', 'Etw'][i % 7]}Routine${i.toString(36)}${'Worker'.repeat(i % 3)}`
    return `.globl ${name}\n.def ${name}; .scl 2; .type 32; .endef\n${name}: ret\n.p2align 4`
  })
  fs.writeFileSync(
    path.join(folder, 'names.S'),
    `.text\n${functions.join('\n')}\n.globl DriverEntry\nDriverEntry: ret\n`,
  )
  return (
    run('clang-16', '--target=x86_64-pc-windows-msvc', '-c', 'names.S', '-o', 'names.obj') ??
    run(
      'lld-link-16',
      '/nologo',
      '/subsystem:native',
      '/driver',
      '/entry:DriverEntry',
      '/nodefaultlib',
      '/debug',
      '/Brepro',
      '/opt:noref,noicf',
      '/pdb:names.pdb',
      '/out:names.sys',
      'names.obj',
    )
  )
}

/** [open and list, first address, microseconds for each address, for each name], milliseconds but for the last two. */
function measure(makeSource) {
  let pdb
  let names
  const list = timed(() => {
    pdb = new PdbFile(makeSource(), 'names.pdb')
    names = [...pdb.symbols()].map(({ name }) => name)
  })
  if (names.length < PUBLICS) throw new Error(`${names.length} symbols, expected ${PUBLICS}`)
  const fresh = new PdbFile(makeSource(), 'names.pdb')
  const first = timed(() => fresh.near(0x1234))
  let state = 1
  const next = (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state % limit
  }
  const each = timed(() => {
    for (let i = 0; i < LOOKUPS; i++) fresh.near(0x1000 + next(PUBLICS * 16))
  })
  const named = timed(() => {
    for (let i = 0; i < LOOKUPS / 10; i++) fresh.byName(names[next(names.length)])
  })
  return [list, first, (each * 1000) / LOOKUPS, (named * 1000) / (LOOKUPS / 10)]
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pdb-publics-'))
try {
  const absent = build(folder)
  if (absent !== null) console.log(`skipped: ${absent} is not installed`)
  else {
    const file = path.join(folder, 'names.pdb')
    const bytes = fs.readFileSync(file)
    console.log(
      `${PUBLICS} publics, ${(bytes.length / 2 ** 20).toFixed(1)} MiB; medians of ${ROUNDS}, and the first of all`,
    )
    for (const [what, makeSource] of [
      ['file', () => new FileSource(file)],
      ['memory', () => new MemorySource(bytes)],
    ]) {
      const rounds = Array.from({ length: ROUNDS }, () => measure(makeSource))
      const column = (i, digits) => `${median(rounds.map((round) => round[i])).toFixed(digits)}`
      console.log(
        `${what.padEnd(7)} open and list ${column(0, 1)} ms (first ${rounds[0][0].toFixed(1)}), open to first address ${column(1, 1)} ms, ` +
          `address ${column(2, 2)} us, name ${column(3, 2)} us`,
      )
    }
  }
} finally {
  fs.rmSync(folder, { recursive: true })
}
