// `npm run bench [-- NAME ...]`: runs each benchmark of this folder in a process of its own, after a build.
// Benchmarks print figures; they are never part of the tests.
import '../tools/ready.mjs'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = path.dirname(fileURLToPath(import.meta.url))
const wanted = process.argv.slice(2)
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.mjs') && name !== 'run.mjs')
  .map((name) => name.slice(0, -'.mjs'.length))
const unknown = wanted.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are: ${names.join(', ')}`)
  process.exit(2)
}
console.log(
  `${os.cpus()[0]?.model}, ${os.cpus().length} cores, Node ${process.versions.node}, ${process.platform}`,
)
for (const name of wanted.length > 0 ? wanted : names) {
  console.log(`\n== ${name}`)
  const done = spawnSync(process.execPath, [path.join(folder, `${name}.mjs`)], { stdio: 'inherit' })
  if (done.status !== 0) process.exit(done.status ?? 1)
}
