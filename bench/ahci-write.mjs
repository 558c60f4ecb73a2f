// What the machine costs: RAM fill, checkpoint, and 64 KiB WRITE FPDMA QUEUED commands to an image that takes no time
// and to a file. Prints medians. Needs a build (npm run build).
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ahci, createDisk, createMachine } from '@dumpstack/machine'
import { FileDiskImage } from '@dumpstack/machine/node'
import { RawAhci, rawBusOf } from '@dumpstack/testkit'

const GIB = 2 ** 30
const SLOTS = 32
const ROUNDS = 21
const SLOTS_PER_ROUND = 8192 / SLOTS // half a GiB of commands a round
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]
const timed = (action) => {
  const start = performance.now()
  action()
  return performance.now() - start
}

const nullImage = { byteLength: 4 * GIB, read() {}, write() {}, sync() {}, close() {} }

function machineOn(image, pages) {
  const disk = createDisk({
    name: 'disk0',
    model: 'Bench',
    serialNumber: '1',
    logicalSectorBytes: 512,
    image,
  })
  const controllers = [
    { model: ahci, name: 'ahci0', bdf: 0xfa, interruptVector: 11, attachments: [{ disk }] },
  ]
  return createMachine({ seed: 1, runs: [{ basePage: 0x100, pageCount: pages }], cpuCount: 1, controllers })
}

/** Microseconds of host time for each command, queue depth 1 (as in dump mode) or 32; `stride` from page to page. */
function perCommand(image, depth, stride) {
  const machine = machineOn(image, GIB / 4096 / 4)
  const ahci = new RawAhci(rawBusOf(machine), 0xfa, 0x200000)
  ahci.startPort()
  for (let slot = 0; slot < SLOTS; slot++) {
    const base = 0x1000000 + slot * 16 * stride
    const segments = Array.from({ length: 16 }, (_, i) => ({ at: base + i * stride, byteLength: 4096 }))
    ahci.prepare(slot, {
      command: 0x61,
      isWrite: true,
      lba: slot * 128,
      features: 128,
      count: slot << 3,
      segments,
    })
  }
  const all = depth === 1 ? 1 : 0xffffffff
  const commands = SLOTS_PER_ROUND * (depth === 1 ? SLOTS : 1)
  const results = Array.from({ length: ROUNDS }, () => {
    machine.evidence.dmaLog.clear()
    const ms = timed(() => {
      for (let i = 0; i < commands; i++) {
        ahci.issue(all, true)
        while (ahci.port(0x34) !== 0) machine.stall(depth === 1 ? 100 : 4000)
        ahci.setPort(0x10, 0xffffffff)
      }
    })
    return (ms * 1e3) / (commands * depth)
  })
  machine.close()
  return median(results)
}

const fills = []
const checkpoints = []
for (let i = 0; i < 3; i++) {
  let machine
  fills.push(timed(() => (machine = machineOn(nullImage, GIB / 4096))))
  for (let j = 0; j < 9; j++) checkpoints.push(timed(() => machine.checkpoint()))
  machine.close()
}
console.log(`fill of 1 GiB                  ${median(fills).toFixed(0)} ms`)
console.log(`checkpoint of 1 GiB            ${median(checkpoints).toFixed(3)} ms`)
const line = (depth, stride, where, image) => {
  const pages = stride === 4096 ? 'in one piece' : 'in 16 pieces'
  const figure = perCommand(image, depth, stride).toFixed(2).padStart(5)
  console.log(`64 KiB ${pages}, depth ${String(depth).padEnd(2)}  ${figure} us a command, ${where}`)
}
for (const stride of [4096, 8192])
  for (const depth of [1, 32]) line(depth, stride, 'without the file', nullImage)
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ahci-write-'))
try {
  const image = FileDiskImage.create(path.join(folder, 'disk.img'), GIB)
  for (const stride of [4096, 8192]) line(1, stride, 'into a file', image)
  image.close()
} finally {
  fs.rmSync(folder, { recursive: true })
}
