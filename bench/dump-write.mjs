// A full dump of a 1 GiB machine from DriverEntry of the dump port to FinishRoutine, into a real file: medians of five fresh
// processes: the page file's blocks in the page cache (as on a disk image that was used before) with FLUSH recorded and
// with FLUSH fsynced, and into a sparse file that has no blocks yet. RAM holds the published fill, memory has holes, the
// page file four pieces. Over each controller, in turns. MODE is recorded, fsynced, fresh, or null: a disk that drops
// what it is given. Needs a build (npm run build). `node bench/dump-write.mjs once MODE [MIB] [CONTROLLER] [FILE.sys [record]]` is one
// measurement in this process, of the TypeScript miniport or of a compiled one.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { CallEncoder } from '@dumpstack/drivers'
import { FileDiskImage } from '@dumpstack/machine/node'
import { crashedMachine, nullImage, PARTITION_OFFSET } from './support/crashed-machine.mjs'

const MIB = 2 ** 20
const PROCESSES = 5
const CONTROLLERS = ['ahci', 'nvme', 'virtio-blk']
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]

/** Gives every block of the page file its place on the host's disk and in its page cache. */
function warm(image, extents) {
  const block = new Uint8Array(MIB)
  for (const { partitionOffset, byteLength } of extents) {
    for (let at = 0; at < byteLength; at += MIB) {
      image.write(PARTITION_OFFSET + partitionOffset + at, [
        block.subarray(0, Math.min(MIB, byteLength - at)),
      ])
    }
  }
  image.sync()
}

function once(mode, mib, kind, sysFile, record) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dump-write-'))
  try {
    const ramBytes = mib * MIB
    const image =
      mode === 'null'
        ? nullImage(mib)
        : FileDiskImage.create(path.join(folder, 'disk.img'), 8 * ramBytes, { durable: mode === 'fsynced' })
    // calls recorded as `dumpstack test --driver` does
    const encoder =
      record === 'record'
        ? new CallEncoder({
            write: (bytes) => fs.appendFileSync(path.join(folder, 'calls.bin'), bytes),
            nameAt: () => null,
          })
        : undefined
    const { crashed, plan } = crashedMachine({
      observer: encoder,
      mib,
      kind,
      sysFile,
      image,
      prepared: (extents) => {
        if (mode === 'recorded' || mode === 'fsynced') warm(image, extents)
      },
    })
    const processor = process.cpuUsage()
    const start = performance.now()
    const writing = crashed.write(plan)
    let step = writing.next()
    while (!step.done) step = writing.next()
    const seconds = (performance.now() - start) / 1000
    const { user, system } = process.cpuUsage(processor)
    if (step.value.finalStatus !== 0) throw new Error(JSON.stringify(step.value))
    image.close()
    return { rate: step.value.bytesWritten / seconds / 1e9, seconds, processorSeconds: (user + system) / 1e6 }
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}

function measure(mode, kind) {
  const args = [fileURLToPath(import.meta.url), 'once', mode, '1024', kind]
  const done = spawnSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (done.status !== 0) process.exit(done.status ?? 1)
  return JSON.parse(done.stdout).rate
}

if (process.argv[2] === 'once') {
  const [mode, mib = 1024, kind = 'ahci', sysFile, record] = process.argv.slice(3)
  console.log(JSON.stringify(once(mode, Number(mib), kind, sysFile, record)))
} else {
  for (const [mode, title] of [
    ['recorded', 'page cache warm, FLUSH recorded'],
    ['fsynced', 'page cache warm, FLUSH fsynced'],
    ['fresh', 'fresh sparse file, FLUSH recorded'],
  ]) {
    const rates = new Map(CONTROLLERS.map((kind) => [kind, []]))
    for (let i = 0; i < PROCESSES; i++) for (const [kind, seen] of rates) seen.push(measure(mode, kind))
    for (const [kind, seen] of rates) {
      const each = seen.map((rate) => rate.toFixed(2)).join(' ')
      console.log(`1 GiB full dump over ${kind}, ${title}: ${median(seen).toFixed(2)} GB/s (${each})`)
    }
  }
}
