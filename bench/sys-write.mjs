// A full dump of a 1 GiB machine, in SRBs of 64 KiB, through the compiled miniports of guest/miniports on the interpreter: medians of
// three fresh processes, controllers in turns, into a disk that drops what it is given. The issue asks for less than 3 s
// over AHCI and 3.5 s over virtio-blk. Needs a build (npm run build).
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PROCESSES = 3
const RAM_BYTES = 2 ** 30
const DRIVERS = [
  ['ahci', 'dsahci.sys', 3],
  ['virtio-blk', 'dsvioblk.sys', 3.5],
]
const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]

function seconds(kind, driver) {
  const args = [
    here('dump-write.mjs'),
    'once',
    'null',
    '1024',
    kind,
    here(`../guest/miniports/bin/${driver}`),
  ]
  const done = spawnSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (done.status !== 0) process.exit(done.status ?? 1)
  return RAM_BYTES / 1e9 / Number(done.stdout)
}

const measured = DRIVERS.map(() => [])
for (let i = 0; i < PROCESSES; i++) {
  for (const [index, [kind, driver]] of DRIVERS.entries()) measured[index].push(seconds(kind, driver))
}
DRIVERS.forEach(([kind, driver, most], index) => {
  const each = measured[index].map((one) => one.toFixed(2)).join(' ')
  console.log(
    `1 GiB in 64 KiB SRBs through ${driver} on ${kind}: ${median(measured[index]).toFixed(2)} s (${each}), asked for: less than ${most} s`,
  )
})
