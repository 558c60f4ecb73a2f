// kd from its start to its end on a dump of 4 GiB (type 1, sparse), less an empty node: medians of five fresh processes
// each. Budget: 250 ms to the prompt; and an address to its symbol and back in one session.
import { spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { buildDump } from '@dumpstack/testkit'

const GIB = 2 ** 30
const kd = fileURLToPath(new URL('../packages/cli/bin/kd.js', import.meta.url))

const folder = mkdtempSync(path.join(tmpdir(), 'dumpstack-bench-'))
try {
  const file = path.join(folder, 'MEMORY.DMP')
  // A small dump whose last run is said to be larger: its pages are a hole in the file.
  const { bytes } = buildDump({
    type: 1,
    runs: [
      [0x1, 0x9e],
      [0x100, 0x300],
    ],
  })
  const view = new DataView(bytes.buffer)
  const pages = (4 * GIB) / 4096
  view.setBigUint64(0x98 + 16 + 8, BigInt(pages), true)
  view.setBigUint64(0x90, BigInt(pages + 0x9e), true)
  const handle = openSync(file, 'w')
  writeSync(handle, bytes)
  ftruncateSync(handle, 0x2000 + (pages + 0x9e) * 4096)
  closeSync(handle)

  const empty = []
  const whole = []
  for (let round = 0; round < 5; round++) {
    empty.push(timed(['-e', '0']))
    whole.push(timed([kd, '-z', file, '-c', 'q']))
  }
  console.log(`empty node       ${median(empty).toFixed(0)} ms`)
  console.log(`kd to the prompt ${(median(whole) - median(empty)).toFixed(0)} ms over it (budget 250)`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function timed(args) {
  const start = performance.now()
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return performance.now() - start
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1]
}
