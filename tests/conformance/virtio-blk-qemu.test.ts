// The same raw driver on QEMU's virtio-blk-pci and on the embedded machine, through the modern and through the legacy interface:
// configuration space, registers, features, used rings, interrupts, what breaks the device, and in the end the disk byte by byte.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pfn } from '@dumpstack/bytes'
import { createDisk, createMachine, virtioBlk } from '@dumpstack/machine'
import { FileDiskImage } from '@dumpstack/machine/node'
import { type RawBus, RawVirtioBlk, rawBusOf } from '@dumpstack/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasQemu, QtestMachine } from './qtest.ts'

const BDF = 0x20 // 00:04.0
const DISK_BYTES = 32 * 2 ** 20
const SECTORS = DISK_BYTES / 512
const PORT = 0xc000
const WINDOW = 0xe0000000
const MSIX_WINDOW = 0xe0010000
const DRIVER = 0x200000
const BUFFER = 0x400000
const BACK = 0x800000
const OUTSIDE = 0x20000000 // neither machine has RAM there

/** Our device is QEMU's of these options: none of the newer requests. */
const OPTIONS = 'vectors=2,discard=off,write-zeroes=off,queue_reset=off'
const BLOCK_OPTIONS: Readonly<Record<number, string>> = {
  512: 'logical_block_size=512,physical_block_size=4096',
  4096: 'logical_block_size=4096,physical_block_size=4096',
}
/** SEG_MAX, BLK_SIZE, FLUSH, TOPOLOGY and INDIRECT_DESC; EVENT_IDX is added where it is the question. */
const FEATURES = 0x10000644
const EVENT_IDX = 0x20000000

const pattern = (byteLength: number, salt: number): Uint8Array =>
  Uint8Array.from({ length: byteLength }, (_, index) => (index * 13 + salt * 101 + (index >> 9)) & 0xff)

const FORM_OPTIONS: Readonly<Record<Form, string>> = { transitional: '', modern: ',disable-legacy=on' }

type Form = 'transitional' | 'modern'
type Trace = [what: string, value: number | string][]
type Note = (what: string, value: number | string) => void

/** Configuration space as firmware finds it, and the windows that it assigns. */
function configure(bus: RawBus, form: Form, note: Note): void {
  bus.setConfig32(BDF, 0x04, 0)
  for (let bar = 0; bar < 6; bar++) bus.setConfig32(BDF, 0x10 + bar * 4, 0)
  bus.setConfig32(BDF, 0x3c, 0)
  for (let at = 0; at < 0x100; at += 4) note(`config 0x${at.toString(16)}`, bus.config32(BDF, at))
  for (let bar = 0; bar < 6; bar++) {
    bus.setConfig32(BDF, 0x10 + bar * 4, 0xffffffff)
    note(`BAR${bar} sizes`, bus.config32(BDF, 0x10 + bar * 4))
    bus.setConfig32(BDF, 0x10 + bar * 4, 0)
  }
  if (form === 'transitional') bus.setConfig32(BDF, 0x10, PORT)
  bus.setConfig32(BDF, 0x14, MSIX_WINDOW)
  bus.setConfig32(BDF, 0x20, WINDOW)
  bus.setConfig32(BDF, 0x04, 7)
  // without ports our bit 0 stays 0 (PCI 3.0 section 6.2.2), QEMU's takes what is written
  const ports = form === 'transitional' ? 1 : 0
  note('command and status', bus.config32(BDF, 0x04) & (0xfffffffe | ports))
}

/** Every register that tells about itself, before any driver. */
function registers(bus: RawBus, form: Form, note: Note): void {
  const modern = new RawVirtioBlk(bus, BDF, DRIVER, false)
  const legacy = new RawVirtioBlk(bus, BDF, DRIVER, true)
  for (const select of [0, 1, 2]) {
    modern.setCommon(0, 4, select)
    note(`device_feature ${select}`, modern.common(4, 4))
  }
  for (const [field, size] of [
    [0x10, 2],
    [0x12, 2],
    [0x14, 1],
    [0x15, 1],
    [0x16, 2],
    [0x18, 2],
    [0x1a, 2],
    [0x1c, 2],
    [0x1e, 2],
    [0x20, 4],
    [0x34, 4],
    [0x3c, 4],
  ] as const) {
    note(`common 0x${field.toString(16)}`, modern.common(field, size))
  }
  modern.setCommon(0x16, 2, 1)
  note('a queue that is not there', modern.common(0x18, 2))
  modern.setCommon(0x16, 2, 0)
  for (let at = 0; at < 0x30; at++) {
    for (const size of [1, 2, 4]) {
      note(`device config 0x${at.toString(16)} of ${size}`, modern.device(at, size))
      if (form === 'transitional')
        note(`legacy config 0x${at.toString(16)} of ${size}`, legacy.device(at % 0x2c, size))
    }
  }
  if (form === 'transitional') ports(bus, note)
  vectors(bus, form, note)
  note('notification area reads', bus.readRegister(WINDOW + 0x3000, 4))
  // the PCI configuration access capability at 0x84 (4.1.4.9): device_status, then a 4-byte read of the device features
  bus.setConfig32(BDF, 0x88, 4)
  bus.setConfig32(BDF, 0x8c, 0)
  bus.setConfig32(BDF, 0x90, 4)
  bus.setConfig32(BDF, 0x94, 0)
  bus.setConfig32(BDF, 0x8c, 4)
  note('device_feature through configuration space', bus.config32(BDF, 0x94))
  bus.setConfig32(BDF, 0x8c, 0x14)
  bus.setConfig32(BDF, 0x90, 1)
  bus.setConfig32(BDF, 0x94, 1)
  note('device_status written through configuration space', modern.status)
  note('and read', bus.config32(BDF, 0x94) & 0xff)
}

/** MSI-X as a driver finds it: the table, the registers that choose vectors, and where the legacy configuration goes. */
function vectors(bus: RawBus, form: Form, note: Note): void {
  const modern = new RawVirtioBlk(bus, BDF, DRIVER, false)
  for (const at of [0x0, 0xc, 0x10, 0x1c, 0x20, 0x800]) {
    note(`MSI-X table 0x${at.toString(16)}`, bus.readRegister(MSIX_WINDOW + at, 4))
  }
  bus.writeRegister(MSIX_WINDOW, 4, 0xfee00000)
  note('message address', bus.readRegister(MSIX_WINDOW, 4))
  for (const vector of [0, 1, 2, 0xffff]) {
    modern.setCommon(0x10, 2, vector)
    note(`msix_config ${vector}`, modern.common(0x10, 2))
    modern.setCommon(0x1a, 2, vector)
    note(`queue_msix_vector ${vector}`, modern.common(0x1a, 2))
  }
  bus.setConfig32(BDF, 0x98, 0xffffffff)
  note('message control', bus.config32(BDF, 0x98))
  if (form === 'transitional') {
    for (const at of [0x14, 0x16]) note(`vector port ${at}`, bus.readPort(PORT + at, 2))
    for (let at = 0x18; at < 0x24; at += 4) note(`port ${at} with MSI-X`, bus.readPort(PORT + at, 4))
  }
  bus.setConfig32(BDF, 0x98, 0)
}

/** The legacy interface's registers, some of them at widths that are not theirs. */
function ports(bus: RawBus, note: Note): void {
  for (const [offset, size] of [
    [0, 4],
    [4, 4],
    [8, 4],
    [12, 2],
    [14, 2],
    [16, 2],
    [18, 1],
    [19, 1],
    [1, 1],
    [12, 4],
    [18, 2],
  ] as const) {
    note(`port ${offset} of ${size}`, bus.readPort(PORT + offset, size))
  }
}

/** Runs everything on one machine and notes what a driver can see. */
function drive(bus: RawBus, blockBytes: number, form: Form): Trace {
  const trace: Trace = []
  const note: Note = (what, value) => trace.push([what, value])
  configure(bus, form, note)
  registers(bus, form, note)
  for (const isLegacy of form === 'modern' ? [false] : [false, true]) {
    const driver = new RawVirtioBlk(bus, BDF, DRIVER, isLegacy)
    const name = isLegacy ? 'legacy' : 'modern'
    const say: Note = (what, value) => note(`${name}: ${what}`, value)
    requests(bus, driver, blockBytes, isLegacy ? SECTORS / 2 : 0, say)
    notifications(bus, driver, say)
    if (!isLegacy) messages(bus, driver, say)
    mistakes(bus, driver, say)
  }
  return trace
}

function requests(bus: RawBus, driver: RawVirtioBlk, blockBytes: number, base: number, note: Note): void {
  const perBlock = blockBytes / 512
  const ram = (at: number, byteLength: number) => {
    const bytes = new Uint8Array(byteLength)
    bus.readRam(at, bytes)
    return Buffer.from(bytes).toString('base64')
  }
  const ended = (what: string, { status, len }: { status: number; len: number }) => {
    note(`${what}: status`, status)
    note(`${what}: length in the used ring`, len)
    note(`${what}: ISR`, driver.isr())
    note(`${what}: ISR again`, driver.isr())
  }
  note('offered', driver.offered().join())
  driver.start(FEATURES)
  note('status', driver.status)
  if (!driver.isLegacy) note('queue_enable', driver.common(0x1c, 2))
  note('writeback', driver.device(32, 1))

  const pages = Array.from({ length: 17 }, (_, i) => ({ at: BUFFER + i * 8192, byteLength: 4096 }))
  for (const { at } of pages) bus.writeRam(at, pattern(4096, at / 4096 + base))
  ended('write of 17 segments', driver.run({ type: 1, sector: base + perBlock, out: pages }))
  ended(
    'write of one page, indirect',
    driver.run({ type: 1, sector: base + 1024, out: [{ at: BUFFER, byteLength: 4096 }], indirect: true }),
  )
  const back = { at: BACK, byteLength: 17 * 4096 }
  ended('read', driver.run({ type: 0, sector: base + perBlock, into: [back] }))
  note('bytes', ram(BACK, 17 * 4096))
  ended('flush', driver.run({ type: 4 }))
  ended('GET_ID', driver.run({ type: 8, into: [{ at: BACK, byteLength: 20 }] }))
  // 5.2.6 pads the string with NULs; QEMU 7.2 writes one
  const serial = () => Buffer.from(ram(BACK, 20), 'base64').toString('latin1').split('\0')[0]!
  note('serial number', serial())
  bus.writeRam(BACK, pattern(40, 3))
  ended('GET_ID into 40 bytes', driver.run({ type: 8, into: [{ at: BACK, byteLength: 40 }] }))
  note('serial number into 40 bytes', serial())
  note('what is after it', ram(BACK + 20, 20))
  bus.writeRam(BACK, pattern(40, 3))
  ended('GET_ID into 4 bytes', driver.run({ type: 8, into: [{ at: BACK, byteLength: 4 }] }))
  note('serial number into 4 bytes', ram(BACK, 20))
  ended('a type that is not known', driver.run({ type: 99, into: [{ at: BACK, byteLength: 512 }] }))
  ended('empty read', driver.run({ type: 0 }))
  const unit = { at: BACK, byteLength: blockBytes }
  ended('the last block', driver.run({ type: 0, sector: SECTORS - perBlock, into: [unit] }))
  ended('past the end', driver.run({ type: 0, sector: SECTORS, into: [unit] }))
  ended(
    'over the end',
    driver.run({ type: 0, sector: SECTORS - perBlock, into: [{ ...unit, byteLength: blockBytes * 2 }] }),
  )
  ended('far past the end', driver.run({ type: 1, sector: 2 ** 52, out: [unit] }))
  ended('half a block', driver.run({ type: 0, sector: 0, into: [{ at: BACK, byteLength: 256 }] }))
  ended('512 bytes', driver.run({ type: 0, sector: 1, into: [{ at: BACK, byteLength: 512 }] }))
  driver.setDevice(32, 1, 0)
  note('writeback after write of 0', driver.device(32, 1))

  driver.rewind()
  for (let i = 0; i < 32; i++) {
    driver.submit({ type: 1, sector: base + 2048 + i * 16, out: [pages[i % 17]!] })
  }
  driver.notify()
  const ids = Array.from({ length: 32 }, () => driver.takeUsed())
  note(
    '32 writes in flight: ids',
    ids
      .map(({ id }) => id)
      .sort((a, b) => a - b)
      .join(),
  )
  note('32 writes in flight: statuses', ids.map(({ id }) => driver.statusOf(id)).join())
  note('used idx', driver.usedIndex())
  driver.reset()
  note('after reset: ISR', driver.isr())
}

function notifications(bus: RawBus, driver: RawVirtioBlk, note: Note): void {
  driver.start(FEATURES)
  driver.setAvailFlags(1)
  driver.run({ type: 4 })
  note('no interrupt was wanted: ISR', driver.isr())
  driver.setAvailFlags(0)
  driver.run({ type: 4 })
  note('one was wanted: ISR', driver.isr())
  driver.notify(1)
  note('a notification of a queue that is not there: status', driver.status)

  if (!driver.isLegacy) {
    driver.start(FEATURES, { queueSize: 16 })
    note('queue of 16', driver.common(0x18, 2))
    for (let i = 0; i < 40; i++) driver.run({ type: 4 })
    note('used idx after 40 requests in 16 entries', driver.usedIndex())
  }

  driver.start(FEATURES | EVENT_IDX)
  for (const event of [0, 1, 2, 5, 5, 5, 3]) {
    driver.setUsedEvent(event)
    driver.run({ type: 4 })
    note(`used_event ${event}, used idx ${driver.usedIndex()}: ISR`, driver.isr())
    note('avail_event', driver.availEvent())
  }
  bus.setConfig32(BDF, 0x04, 0x407)
  driver.setUsedEvent(driver.usedIndex())
  driver.run({ type: 4 })
  note('interrupt status while INTx is disabled', (bus.config32(BDF, 0x04) >>> 16) & 8)
  note('ISR', driver.isr())
  note('interrupt status then', (bus.config32(BDF, 0x04) >>> 16) & 8)
  bus.setConfig32(BDF, 0x04, 0x007)
  if (driver.isLegacy) {
    driver.start(FEATURES | (1 << 24))
    driver.setAvailFlags(1)
    driver.run({ type: 4 })
    note('NOTIFY_ON_EMPTY: ISR', driver.isr())
    driver.start(FEATURES | (1 << 30))
    note('a driver that takes bit 30 has', bus.readPort(driver.port + 4, 4))
    bus.writePort(driver.port + 8, 4, 0)
    note('queue address 0: status', driver.status)
  }
}

/** MSI-X messages, to an address in RAM where both machines show them. */
function messages(bus: RawBus, driver: RawVirtioBlk, note: Note): void {
  const entry = MSIX_WINDOW + 16 // of vector 1
  const told = (what: string) => {
    const bytes = new Uint8Array(4)
    bus.readRam(BUFFER, bytes)
    bus.writeRam(BUFFER, new Uint8Array(4))
    note(`${what}: message`, new DataView(bytes.buffer).getUint32(0, true))
    note(`${what}: pending`, bus.readRegister(MSIX_WINDOW + 0x800, 4))
  }
  const flushed = (what: string) => {
    driver.run({ type: 4 })
    told(what)
    note(`${what}: ISR`, driver.isr())
  }
  driver.start(FEATURES)
  told('before')
  bus.writeRegister(entry, 4, BUFFER)
  bus.writeRegister(entry + 4, 4, 0)
  bus.writeRegister(entry + 8, 4, 0x12345671)
  bus.writeRegister(entry + 12, 4, 0)
  bus.setConfig32(BDF, 0x98, 0x80000000)
  flushed('no vector')
  driver.setCommon(0x1a, 2, 1)
  flushed('vector 1')
  bus.writeRegister(entry + 12, 4, 1)
  flushed('masked')
  bus.writeRegister(entry + 12, 4, 0)
  told('mask taken off')
  bus.setConfig32(BDF, 0x98, 0xc0000000)
  flushed('function masked')
  bus.setConfig32(BDF, 0x98, 0x80000000)
  told('function mask taken off')
  bus.setConfig32(BDF, 0x98, 0)
  flushed('disabled')
}

/** What no driver may do: the device stops until it is reset, and says so to a modern driver. */
function mistakes(bus: RawBus, driver: RawVirtioBlk, note: Note): void {
  const page = { at: BUFFER, byteLength: 4096 }
  const broken = (what: string, make: () => void) => {
    driver.start(FEATURES)
    driver.isr()
    const generation = driver.isLegacy ? 0 : driver.common(0x15, 1)
    make()
    driver.notify()
    bus.stall(20_000)
    note(`${what}: status`, driver.status)
    note(`${what}: ISR`, driver.isr())
    if (!driver.isLegacy) note(`${what}: generation`, driver.common(0x15, 1) - generation)
    note(`${what}: used idx`, driver.usedIndex())
    driver.rewind()
    driver.submit({ type: 4 })
    driver.notify()
    bus.stall(20_000)
    note(`${what}: used idx after another request`, driver.usedIndex())
  }
  const set = (addr: number, len: number, flags: number, next: number, index = 0) =>
    driver.setDescriptor(index, { addr, len, flags, next })
  broken('nothing at all', () => {})
  broken('a head past the table', () => driver.makeAvailable(256))
  broken('an index that jumped', () => driver.setAvailIndex(257))
  broken('a loop', () => {
    set(driver.headerAt(0), 16, 1, 1)
    set(BUFFER, 512, 1, 1, 1)
    driver.makeAvailable(0)
  })
  broken('next past the table', () => {
    set(driver.headerAt(0), 16, 1, 256)
    driver.makeAvailable(0)
  })
  broken('a length of 0', () => driver.submit({ type: 1, out: [{ ...page, byteLength: 0 }] }))
  broken('readable after writable', () => {
    driver.submit({ type: 0, into: [page] })
    set(BUFFER, 512, 1, 2, 1)
    set(driver.headerAt(0) + 16, 1, 2 | 1, 3, 1)
    set(BUFFER, 512, 0, 0, 3)
  })
  broken('memory that is not there', () =>
    driver.submit({
      type: 1,
      out: [
        { at: OUTSIDE, byteLength: 4096 },
        { at: OUTSIDE + 8192, byteLength: 4096 },
      ],
    }),
  )
  broken('no header', () => {
    set(driver.headerAt(0) + 16, 1, 2, 0)
    driver.makeAvailable(0)
  })
  broken('a short header', () => {
    set(driver.headerAt(0), 15, 1, 1)
    set(driver.headerAt(0) + 16, 1, 2, 0, 1)
    driver.makeAvailable(0)
  })
  broken('no status byte', () => {
    set(driver.headerAt(0), 16, 0, 0)
    driver.makeAvailable(0)
  })
  broken('an indirect table of odd length', () => {
    set(BUFFER, 24, 4, 0)
    driver.makeAvailable(0)
  })
  broken('an empty indirect table', () => {
    set(BUFFER, 0, 4, 0)
    driver.makeAvailable(0)
  })
  broken('an indirect table in an indirect table', () => {
    driver.setDescriptor(0, { addr: BUFFER + 64, len: 32, flags: 4, next: 0 }, BUFFER)
    set(BUFFER, 32, 4, 0)
    driver.makeAvailable(0)
  })
  if (!driver.isLegacy) {
    driver.start(FEATURES)
    driver.setCommon(0x1c, 2, 0)
    note('queue_enable 0: status', driver.status)
  }
  driver.start(FEATURES)
  note('works again after a reset', driver.run({ type: 4 }).status)
  driver.reset()
}

describe.skipIf(!hasQemu())(
  'virtio-blk on QEMU and on the embedded machine (needs qemu-system-x86_64)',
  () => {
    let folder = ''
    beforeAll(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dumpstack-qemu-'))
    })
    afterAll(() => fs.rmSync(folder, { recursive: true }))

    it.each([
      [512, 'transitional'],
      [4096, 'transitional'],
      [512, 'modern'],
    ] as const)(
      'configuration, registers, rings and the disk agree with blocks of %i bytes, %s',
      (blockBytes, form) => {
        const here = path.join(folder, `${form}-${blockBytes}`)
        fs.mkdirSync(here)
        const [ours, theirs] = [path.join(here, 'ours.img'), path.join(here, 'theirs.img')]
        FileDiskImage.create(theirs, DISK_BYTES).close()
        const device = `virtio-blk-pci,drive=d,addr=04.0,serial=DS-0001,${OPTIONS},${BLOCK_OPTIONS[blockBytes]}${FORM_OPTIONS[form]}`
        const qemu = new QtestMachine(here, theirs, device)
        const image = FileDiskImage.create(ours, DISK_BYTES)
        try {
          const disk = createDisk({
            name: 'd',
            model: 'Disk',
            serialNumber: 'DS-0001',
            logicalSectorBytes: blockBytes,
            image,
          })
          const machine = createMachine({
            seed: 1,
            runs: [{ basePage: pfn(0x100), pageCount: 0x1000 }],
            cpuCount: 1,
            controllers: [
              {
                model: virtioBlk,
                name: 'vioblk0',
                bdf: BDF,
                interruptVector: 11,
                attachments: [{ disk }],
                settings: { virtio: form },
              },
            ],
          })
          const seen = drive(rawBusOf(machine), blockBytes, form)
          expect(seen).toEqual(drive(qemu, blockBytes, form))
          expect(seen.length).toBeGreaterThan(400)
        } finally {
          qemu.close()
          image.close()
        }
        expect(Buffer.compare(fs.readFileSync(ours), fs.readFileSync(theirs))).toBe(0)
      },
    )
  },
)
