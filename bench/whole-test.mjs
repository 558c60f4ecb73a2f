// The whole test with its three dumps on a 512 MiB machine, as a user runs it: a fresh process each time, five times; and the report of each run.
// Budgets: 15 s; of the report 1 s and 2 MB.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../packages/cli/bin/dumpstack.js', import.meta.url))
const folder = mkdtempSync(path.join(tmpdir(), 'dumpstack-bench-'))
const seconds = []
const reports = []
try {
  for (let run = 0; run < 5; run++) {
    const out = path.join(folder, `run${run}`)
    const start = performance.now()
    const done = spawnSync(process.execPath, [command, 'test', '--ram', '512M', '--out', out, '--json'], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    })
    seconds.push((performance.now() - start) / 1000)
    if (done.status !== 0) throw new Error(`the test ended with ${done.status}: ${done.stderr}`)
    const report = JSON.parse(done.stdout)
    const dumps = report.dumps.map((dump) => `${dump.type} ${(dump.bytesPerSecond / 1e9).toFixed(2)} GB/s`)
    console.log(`run ${run + 1}: ${seconds.at(-1).toFixed(2)} s (${dumps.join(', ')})`)
    const from = performance.now()
    const reported = spawnSync(process.execPath, [command, 'report', out], { encoding: 'utf8' })
    reports.push((performance.now() - from) / 1000)
    if (reported.status !== 0) throw new Error(`the report ended with ${reported.status}: ${reported.stderr}`)
    const kilobytes = statSync(path.join(out, 'report.html')).size / 1000
    console.log(`       its report: ${reports.at(-1).toFixed(2)} s, ${kilobytes.toFixed(0)} kB`)
    rmSync(out, { recursive: true })
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
console.log(`median ${median(seconds).toFixed(2)} s of 5, report ${median(reports).toFixed(2)} s`)
