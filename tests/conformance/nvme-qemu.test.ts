// The same raw driver on QEMU's nvme device and on the embedded machine: configuration space, registers, admin commands, queues, PRPs,
// interrupts, shutdown, what resets, and in the end the disk byte by byte. Not asked is where QEMU does otherwise and the specification is
// with us: reserved bits of AQA, ASQ and ACQ (3.1.8 to 3.1.10), the status of a log page that is not there (5.14), of the deletion of a
// completion queue that is not there (5.5.1), and of an abort for a queue that is not there; and where both are free: pages larger than
// 4 KiB and command sets in CAP, the PCI Express capability, Do Not Retry of a deletion.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pfn } from '@dumpstack/bytes'
import { createDisk, createMachine, nvme } from '@dumpstack/machine'
import { FileDiskImage } from '@dumpstack/machine/node'
import { type RawBus, RawNvme, type RawNvmeCommand, rawBusOf } from '@dumpstack/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasQemu, QtestMachine } from './qtest.ts'

const BDF = 0x20 // 00:04.0
const DISK_BYTES = 32 * 2 ** 20
const WINDOW = 0xe0000000
const DRIVER = 0x200000
const BUFFER = 0x400000
const BACK = 0x800000
const PAGE = 4096
const MSIX_CAPABILITY = 0x40
const EXPRESS_CAPABILITY = 0x80
const DNR = 0x4000
const WRITE = 1
const READ = 2

const pattern = (byteLength: number, salt: number): Uint8Array =>
  Uint8Array.from({ length: byteLength }, (_, index) => (index * 13 + salt * 101 + (index >> 9)) & 0xff)

type Trace = [what: string, value: number | string][]
type Note = (what: string, value: number | string) => void

/** Configuration space as firmware finds it, and the window that it assigns. */
function configure(bus: RawBus, note: Note): void {
  bus.setConfig32(BDF, 0x04, 0)
  for (let bar = 0; bar < 6; bar++) bus.setConfig32(BDF, 0x10 + bar * 4, 0)
  bus.setConfig32(BDF, 0x3c, 0)
  for (let at = 0; at < EXPRESS_CAPABILITY; at += 4) {
    // the first capability's next one is QEMU's PCI Express capability
    const mask = at === MSIX_CAPABILITY ? 0xffff00ff : 0xffffffff
    note(`config 0x${at.toString(16)}`, (bus.config32(BDF, at) & mask) >>> 0)
  }
  for (let bar = 0; bar < 6; bar++) {
    bus.setConfig32(BDF, 0x10 + bar * 4, 0xffffffff)
    note(`BAR${bar} sizes`, bus.config32(BDF, 0x10 + bar * 4))
    bus.setConfig32(BDF, 0x10 + bar * 4, 0)
  }
  bus.setConfig32(BDF, 0x10, WINDOW)
  bus.setConfig32(BDF, 0x04, 6)
}

function drive(bus: RawBus, blockBytes: number): Trace {
  const trace: Trace = []
  const note: Note = (what, value) => trace.push([what, value])
  configure(bus, note)
  const driver = new RawNvme(bus, BDF, DRIVER)
  registers(bus, driver, note)
  admin(driver, note)
  queues(driver, note)
  transfers(bus, driver, blockBytes, note)
  interrupts(bus, driver, note)
  ends(driver, note)
  return trace
}

function registers(bus: RawBus, driver: RawNvme, note: Note): void {
  for (let at = 0; at < 0x40; at += 4) {
    // CAP.DSTRD and the NVM command set
    const mask = at === 4 ? 0x2f : 0xffffffff
    note(`register 0x${at.toString(16)}`, (driver.register(at) & mask) >>> 0)
  }
  for (const at of [0x1000, 0x1004, 0x2000, 0x200c, 0x3000]) note(`0x${at.toString(16)}`, driver.register(at))
  for (const [at, value] of [
    [0x24, 0x0fff0fff],
    [0x28, 0xfffff000],
    [0x2c, 0xffffffff],
    [0x30, 0xfffff000],
    [0x34, 0xffffffff],
    [0x0c, 0x5],
    [0x10, 0x1],
  ] as const) {
    driver.setRegister(at, value)
    note(`0x${at.toString(16)} takes`, driver.register(at))
  }
  driver.setRegister(0x10, 0xffffffff)
  bus.writeRegister(WINDOW + 0x2000, 4, 0xfee00000)
  note('message address', driver.register(0x2000))
  driver.disable()
}

function admin(driver: RawNvme, note: Note): void {
  driver.enable()
  const says = (what: string, command: RawNvmeCommand) => {
    const { status, result } = driver.admin(command)
    note(`${what}: status`, status)
    note(`${what}: result`, result)
  }
  note('CC', driver.register(0x14))
  note('CSTS', driver.register(0x1c))
  note('identify controller', driver.identify(1).status)
  const id = driver.dataBytes(PAGE)
  for (const [from, end] of FIELDS)
    note(`controller ${from}`, Buffer.from(id.subarray(from, end)).toString('hex'))
  note('identify namespace', driver.identify(0, 1).status)
  const namespace = driver.dataBytes(PAGE)
  note('sizes', Buffer.from(namespace.subarray(0, 24)).toString('hex'))
  const format = namespace[26]! & 0xf
  note('LBADS', namespace[128 + format * 4 + 2]!)
  for (const nsid of [0, 1, 0xfffffffe]) {
    note(`active namespaces after ${nsid}`, driver.identify(2, nsid).status)
    if (nsid < 2) note(`list after ${nsid}`, Buffer.from(driver.dataBytes(8)).toString('hex'))
  }
  note('descriptors', driver.identify(3, 1).status)
  note('descriptors of a namespace that is not there', driver.identify(3, 0xfffffff0).status)
  note('a structure that is not there', driver.identify(0x7f).status)
  for (const feature of [1, 4, 6, 7, 8, 0xb]) says(`feature ${feature}`, { opcode: 0xa, dwords: [feature] })
  says('queues asked for', { opcode: 9, dwords: [7, 0x30003] })
  says('too many queues', { opcode: 9, dwords: [7, 0xffff] })
  says('a feature that is not there', { opcode: 0xa, dwords: [0x7e] })
  says('a feature to save', { opcode: 9, dwords: [0x80000006, 1] })
  for (const [page, dwords] of [
    [1, 15],
    [2, 127],
    [3, 127],
  ] as const)
    says(`log ${page}`, { opcode: 2, nsid: 0xffffffff, prp1: driver.data, dwords: [(dwords << 16) | page] })
  says('a log past its end', { opcode: 2, nsid: 0xffffffff, prp1: driver.data, dwords: [3, 0, 4096] })
  says('an opcode that is not there', { opcode: 0x7e })
  says('abort of nothing', { opcode: 8, dwords: [0x70000] })
}

/** Fields of Identify Controller in which the models agree: identity, limits, entry sizes, the write cache. */
const FIELDS = [
  [0, 4],
  [4, 24],
  [77, 80],
  [258, 260],
  [512, 514],
] as const

function queues(driver: RawNvme, note: Note): void {
  driver.enable()
  const create = (what: string, opcode: number, dwords: number[], prp1 = DRIVER + 0x4000) =>
    note(what, driver.admin({ opcode, prp1, dwords }).status & ~DNR)
  create('completion queue 0', 5, [7 << 16, 1])
  create('completion queue past the last', 5, [(7 << 16) | 9, 1])
  create('completion queue of one entry', 5, [1, 1])
  create('completion queue too large', 5, [(0x800 << 16) | 1, 1])
  create('completion queue inside a page', 5, [(7 << 16) | 1, 1], DRIVER + 0x4010)
  create('completion queue that is not contiguous', 5, [(7 << 16) | 1, 0])
  create('vector without MSI-X', 5, [(7 << 16) | 1, (1 << 16) | 3])
  create('submission queue without completion queue', 1, [(7 << 16) | 1, (1 << 16) | 1])
  driver.createCompletionQueue(1, 8, 0, false)
  create('completion queue twice', 5, [(7 << 16) | 1, 1])
  create('submission queue 0', 1, [7 << 16, (1 << 16) | 1])
  driver.createSubmissionQueue(1, 8, 1)
  create('submission queue twice', 1, [(7 << 16) | 1, (1 << 16) | 1])
  create('deletion of a completion queue in use', 4, [1])
  create('deletion of no queue', 0, [3])
  for (let i = 0; i < 19; i++) {
    const { sqhd, sqid, status } = driver.run({ opcode: 0 })
    note(`flush ${i}`, `${sqhd} ${sqid} ${status}`)
  }
  // more commands than completions fit
  for (let i = 0; i < 7; i++) driver.submit({ opcode: 0 })
  driver.ring()
  for (let i = 0; i < 7; i++) driver.waitUntil('a completion', () => driver.hasCompletion())
  const seen: string[] = []
  for (let i = 0; i < 7; i++) seen.push(`${driver.take().sqhd}`)
  note('seven at once', seen.at(-1)!)
  create('deletion', 0, [1])
  create('deletion of its completion queue', 4, [1])
}

function transfers(bus: RawBus, driver: RawNvme, blockBytes: number, note: Note): void {
  driver.start()
  const blocks = DISK_BYTES / blockBytes
  const perPage = PAGE / blockBytes
  const ram = (at: number, byteLength: number) => {
    const bytes = new Uint8Array(byteLength)
    bus.readRam(at, bytes)
    return Buffer.from(bytes).toString('base64')
  }
  const says = (what: string, command: RawNvmeCommand) => note(what, driver.run(command).status)
  const move = (opcode: 1 | 2, lba: number, pages: number[]) =>
    driver.transfer(opcode, lba, pages, blockBytes)
  const pages = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i * 2 * PAGE)
  for (const [i, page] of pages(BUFFER, 40).entries()) bus.writeRam(page, pattern(PAGE, i))
  bus.writeRam(BACK, new Uint8Array(64 * PAGE))
  for (const [i, count] of [1, 2, 3, 32].entries()) {
    says(`write of ${count} pages`, move(WRITE, i * 40 * perPage, pages(BUFFER, count)))
    says(`read of ${count} pages`, move(READ, i * 40 * perPage, pages(BACK, count)))
    note(`what ${count} pages have`, ram(BACK, count * 2 * PAGE))
  }
  const [first, ...rest] = pages(BUFFER, 9)
  const more = driver.list(rest.slice(3), 0x1000)
  const chained = driver.list([...rest.slice(0, 3), more], 0xfe0)
  says('a list with a second page', {
    opcode: WRITE,
    prp1: first!,
    prp2: chained,
    dwords: [500 * perPage, 0, 9 * perPage - 1],
  })
  says('a first page that begins inside', {
    opcode: WRITE,
    prp1: BUFFER + PAGE - blockBytes / 2,
    prp2: BUFFER + 4 * PAGE,
    dwords: [600 * perPage, 0, 0],
  })
  says('zeroes', { opcode: 8, dwords: [1 * perPage, 0, perPage - 1] })
  says('the last block', { opcode: READ, prp1: BACK, dwords: [blocks - 1, 0, 0] })
  says('past the end', { opcode: READ, prp1: BACK, dwords: [blocks, 0, 0] })
  says('over the end', { opcode: READ, prp1: BACK, dwords: [blocks - 1, 0, 1] })
  says('far past the end', { opcode: WRITE, prp1: BUFFER, dwords: [0, 0xffffffff, 0] })
  says('more than MDTS', { opcode: WRITE, prp1: BUFFER, dwords: [0, 0, (129 * PAGE) / blockBytes - 1] })
  says('a namespace that is not there', { opcode: READ, nsid: 0xfffffff0, prp1: BACK, dwords: [0, 0, 0] })
  says('a second page that begins inside', {
    opcode: READ,
    prp1: BACK,
    prp2: BACK + PAGE + 16,
    dwords: [0, 0, 2 * perPage - 1],
  })
  says('a list whose page begins inside', {
    opcode: READ,
    prp1: BACK,
    prp2: driver.list([BACK + PAGE + 16, BACK + 2 * PAGE]),
    dwords: [0, 0, 3 * perPage - 1],
  })
  says('an opcode that is not there', { opcode: 0x7e })
  says('flush of all namespaces', { opcode: 0, nsid: 0xffffffff })
  says('write after mistakes', move(WRITE, 700 * perPage, pages(BUFFER, 4)))
}

function interrupts(bus: RawBus, driver: RawNvme, note: Note): void {
  const line = () => (bus.config32(BDF, 0x04) >>> 16) & 8
  driver.start(1, 16, { interrupts: true })
  note('line', line())
  driver.submit({ opcode: 0 })
  driver.ring()
  driver.waitUntil('a completion', () => driver.hasCompletion())
  note('line with a completion', line())
  driver.setRegister(0x0c, 1)
  note('line masked', line())
  driver.setRegister(0x10, 1)
  note('line unmasked', line())
  driver.take()
  note('line after the completion was taken', line())
  // messages, to an address in RAM where both machines show them
  const told = (what: string) => {
    const bytes = new Uint8Array(4)
    bus.readRam(BUFFER, bytes)
    bus.writeRam(BUFFER, new Uint8Array(4))
    note(`${what}: message`, new DataView(bytes.buffer).getUint32(0, true))
    note(`${what}: pending`, bus.readRegister(WINDOW + 0x3000, 4))
  }
  bus.writeRam(BUFFER, new Uint8Array(4))
  const entry = WINDOW + 0x2000 + 16 // of vector 1
  bus.writeRegister(entry, 4, BUFFER)
  bus.writeRegister(entry + 4, 4, 0)
  bus.writeRegister(entry + 8, 4, 0x12345671)
  bus.writeRegister(entry + 12, 4, 0)
  bus.setConfig32(BDF, 0x40, 0x80000000)
  driver.start(1, 16, { interrupts: true, firstVector: 1 })
  told('before')
  driver.run({ opcode: 0 })
  told('one')
  bus.writeRegister(entry + 12, 4, 1)
  driver.run({ opcode: 0 })
  told('masked')
  bus.writeRegister(entry + 12, 4, 0)
  told('mask taken off')
  const vector = driver.admin({ opcode: 5, prp1: DRIVER + 0x4000, dwords: [(7 << 16) | 2, (9 << 16) | 3] })
  note('a vector that is not there', vector.status)
  bus.setConfig32(BDF, 0x40, 0)
}

function ends(driver: RawNvme, note: Note): void {
  driver.start()
  driver.setRegister(0x14, 0x00464001)
  driver.waitUntil('SHST reads 2', () => (driver.register(0x1c) & 0xc) === 8)
  note('CSTS after the shutdown', driver.register(0x1c))
  driver.disable()
  note('CSTS after the reset', driver.register(0x1c))
  note('AQA after the reset', driver.register(0x24))
  driver.start()
  note('works again', driver.run({ opcode: 0 }).status)
  for (const [what, at, value] of [
    ['no admin queue entries', 0x24, 0],
    ['no admin queue', 0x28, 0],
  ] as const) {
    driver.disable()
    driver.setRegister(at, value)
    driver.setRegister(0x14, 0x00460001)
    driver.waitUntil('CSTS.CFS reads 1', () => (driver.register(0x1c) & 2) === 2)
    note(`${what}: CFS`, driver.register(0x1c) & 2)
  }
  driver.start()
  note('works after CFS', driver.run({ opcode: 0 }).status)
  driver.disable()
}

describe.skipIf(!hasQemu())('nvme on QEMU and on the embedded machine (needs qemu-system-x86_64)', () => {
  let folder = ''
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dumpstack-qemu-'))
  })
  afterAll(() => fs.rmSync(folder, { recursive: true }))

  it.each([512, 4096])(
    'registers, commands, queues and the disk agree with blocks of %i bytes',
    (blockBytes) => {
      const here = path.join(folder, `${blockBytes}`)
      fs.mkdirSync(here)
      const [ours, theirs] = [path.join(here, 'ours.img'), path.join(here, 'theirs.img')]
      FileDiskImage.create(theirs, DISK_BYTES).close()
      const device = `nvme,drive=d,addr=04.0,serial=DS-0001,max_ioqpairs=8,msix_qsize=9,mdts=7,logical_block_size=${blockBytes},physical_block_size=4096`
      const qemu = new QtestMachine(here, theirs, device)
      const image = FileDiskImage.create(ours, DISK_BYTES)
      try {
        const disk = createDisk({
          name: 'd',
          model: 'QEMU NVMe Ctrl',
          serialNumber: 'DS-0001',
          logicalSectorBytes: blockBytes,
          image,
        })
        const machine = createMachine({
          seed: 1,
          runs: [{ basePage: pfn(0x100), pageCount: 0x1000 }],
          cpuCount: 1,
          controllers: [
            { model: nvme, name: 'nvme0', bdf: BDF, interruptVector: 11, attachments: [{ disk }] },
          ],
        })
        const seen = drive(rawBusOf(machine), blockBytes)
        expect(seen).toEqual(drive(qemu, blockBytes))
        expect(seen.length).toBeGreaterThan(180)
      } finally {
        qemu.close()
        image.close()
      }
      expect(Buffer.compare(fs.readFileSync(ours), fs.readFileSync(theirs))).toBe(0)
    },
  )
})
