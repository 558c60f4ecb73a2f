// A second opinion on the AHCI controller: one driver, the same accesses on QEMU's ICH9 and on ours; what registers
// show and what the disk holds must agree. Where they may differ, a mask or a word says why.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pfn } from '@dumpstack/bytes'
import { ahci, createDisk, createMachine } from '@dumpstack/machine'
import { FileDiskImage } from '@dumpstack/machine/node'
import { RawAhci, type RawBus, rawBusOf } from '@dumpstack/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasQemu, QtestMachine } from './qtest.ts'

const BDF = 0xfa // 00:1f.2
const DISK_BYTES = 32 * 2 ** 20
const SECTORS = DISK_BYTES / 512
const ABAR = 0xe0000000
const DRIVER = 0x200000
const BUFFER = 0x400000
const BACK = 0x800000

const DHRS = 1
/** Obsolete since ATA-4: devices set it or not. */
const DSC = 0x10
/** BSY, DRQ, ERR and the diagnostic code: QEMU's signature comes without DRDY, with DF. */
const SIGNATURE_MASK = 0xff89

const pattern = (byteLength: number, salt: number): Uint8Array =>
  Uint8Array.from({ length: byteLength }, (_, index) => (index * 13 + salt * 101 + (index >> 9)) & 0xff)

type Trace = [what: string, value: number | string][]

/** Runs everything on one machine and notes what a driver can see. */
function drive(bus: RawBus): Trace {
  const trace: Trace = []
  const note = (what: string, value: number | string) => trace.push([what, value])
  bus.setConfig32(BDF, 0x24, 0xffffffff)
  note('BAR5 sizes', bus.config32(BDF, 0x24))
  bus.setConfig32(BDF, 0x24, ABAR)
  bus.setConfig32(BDF, 0x04, 6)
  note('id', bus.config32(BDF, 0x00))
  note('class and revision', bus.config32(BDF, 0x08))
  note('capabilities', bus.config32(BDF, 0x34) & 0xff)
  note('MSI control', bus.config32(BDF, 0x80) >>> 16)
  note('interrupt pin', (bus.config32(BDF, 0x3c) >>> 8) & 0xff)

  const ahci = new RawAhci(bus, BDF, DRIVER)
  const state = (what: string, causes = 0xffffffff) => {
    note(`${what}: PxIS`, (ahci.port(0x10) & causes) >>> 0)
    note(`${what}: PxTFD`, ahci.port(0x20) & ~DSC)
    note(`${what}: PxCI`, ahci.port(0x38))
    note(`${what}: PxSACT`, ahci.port(0x34))
    note(`${what}: IS`, ahci.get(0x08))
    ahci.setPort(0x10, 0xffffffff)
    ahci.set(0x08, 0xffffffff)
    note(`${what}: PxIS cleared`, ahci.port(0x10))
    note(`${what}: IS cleared`, ahci.get(0x08))
  }
  const prdbc = (slot: number) => {
    const bytes = new Uint8Array(4)
    bus.readRam(DRIVER + slot * 32 + 4, bytes)
    return new DataView(bytes.buffer).getUint32(0, true)
  }
  const ram = (at: number, byteLength: number) => {
    const bytes = new Uint8Array(byteLength)
    bus.readRam(at, bytes)
    return Buffer.from(bytes)
  }

  note('CAP: slots, NCQ, 64 bits', ahci.get(0x00) & 0xc0001f00)
  ahci.resetHba()
  ahci.startPort()
  ahci.setPort(0x14, 0xffffffff)
  ahci.set(0x04, 0x80000002)
  note('GHC', ahci.get(0x04))
  note('PxSIG', ahci.port(0x24))
  note('PxSSTS.DET and IPM', ahci.port(0x28) & 0xf0f) // QEMU's link has 1.5 Gb/s
  note('PxCMD without CCS', ahci.port(0x18) & ~0x1f00)
  note('PxTFD after start', ahci.port(0x20) & SIGNATURE_MASK)
  note('PxCLB keeps its alignment', ahci.port(0x00))
  ahci.set(0x08, 0xffffffff)

  ahci.run(0, { command: 0xec, segments: [{ at: BUFFER, byteLength: 512 }] })
  note('IDENTIFY: PRDBC', prdbc(0))
  note(
    'IDENTIFY: PIO Setup FIS type and counts',
    ahci
      .received(0x20, 20)
      .filter((_, i) => i === 0 || i >= 16)
      .join(),
  )
  state('IDENTIFY', ~DHRS) // QEMU 7.2 sends a D2H FIS after the data of PIO in
  const word = (n: number) => ram(BUFFER, 512).readUInt16LE(n * 2)
  note(
    'serial number',
    ram(BUFFER + 20, 20)
      .swap16()
      .toString('latin1')
      .trim(),
  )
  for (const n of [60, 61, 75, 100, 101, 102, 103]) note(`IDENTIFY word ${n}`, word(n))
  note('IDENTIFY word 49: DMA, LBA', word(49) & 0x300)
  note('IDENTIFY word 76: NCQ', word(76) & 0x100)
  note('IDENTIFY word 83: 48-bit, FLUSH, FLUSH EXT', word(83) & 0xf400)
  note('IDENTIFY word 86: the same', word(86) & 0x3400)

  bus.writeRam(BUFFER, pattern(65_536, 1))
  const pages = (base: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({
      at: base + (i % 2 === 0 ? i : i + 64) * 4096,
      byteLength: 4096,
    }))
  for (const { at } of pages(BUFFER, 16)) bus.writeRam(at, pattern(4096, at / 4096))
  ahci.run(1, { command: 0x35, isWrite: true, lba: 2049, count: 128, segments: pages(BUFFER, 16) })
  note('WRITE DMA EXT: PRDBC', prdbc(1))
  note('WRITE DMA EXT: D2H FIS', ahci.received(0x40, 4).join())
  state('WRITE DMA EXT')
  ahci.run(2, { command: 0x25, lba: 2049, count: 128, segments: [{ at: BACK, byteLength: 65_536 }] })
  note('READ DMA EXT: PRDBC', prdbc(2))
  note('READ DMA EXT: bytes', ram(BACK, 65_536).toString('base64'))
  state('READ DMA EXT')

  for (let slot = 0; slot < 32; slot++) {
    bus.writeRam(BUFFER + slot * 8192, pattern(4096, slot + 40))
    const segments = [
      { at: BUFFER + slot * 8192 + 2048, byteLength: 2048 },
      { at: BUFFER + slot * 8192, byteLength: 2048 },
    ]
    ahci.prepare(slot, {
      command: 0x61,
      isWrite: true,
      lba: 10_000 + (31 - slot) * 8,
      features: 8,
      count: slot << 3,
      segments,
    })
  }
  ahci.issue(0xffffffff, true)
  ahci.waitUntil('32 queued writes ended', () => ahci.port(0x34) === 0)
  note('NCQ: SDB FIS', ahci.received(0x58, 2).join())
  state('32 queued writes')
  ahci.prepare(3, {
    command: 0x60,
    lba: 10_000,
    features: 256,
    count: 3 << 3,
    segments: [{ at: BACK, byteLength: 131_072 }],
  })
  ahci.issue(8, true)
  ahci.waitUntil('queued read ended', () => ahci.port(0x34) === 0)
  note('queued read: bytes', ram(BACK, 131_072).toString('base64'))
  state('queued read')

  for (const [name, command] of Object.entries({
    'FLUSH CACHE': 0xe7,
    'FLUSH CACHE EXT': 0xea,
    'STANDBY IMMEDIATE': 0xe0,
    'IDLE IMMEDIATE': 0xe1,
    STANDBY: 0xe2,
    IDLE: 0xe3,
    'CHECK POWER MODE': 0xe5,
  })) {
    ahci.run(4, { command })
    state(name)
  }
  note('CHECK POWER MODE: count', ahci.received(0x4c, 1).join())
  bus.writeRam(BUFFER, pattern(131_072, 9))
  const whole = [{ at: BUFFER, byteLength: 131_072 }]
  ahci.run(5, { command: 0xca, isWrite: true, lba: 4000, count: 0, segments: whole })
  note('WRITE DMA: PRDBC', prdbc(5))
  state('WRITE DMA')
  ahci.run(6, { command: 0xc8, lba: 4001, count: 9, segments: [{ at: BACK, byteLength: 4608 }] })
  note('READ DMA: bytes', ram(BACK, 4608).toString('base64'))
  state('READ DMA')
  for (const command of [0x40, 0x42]) {
    ahci.run(7, { command, lba: 4001, count: 9 })
    state(`READ VERIFY 0x${command.toString(16)}`)
  }
  for (const features of [0x02, 0x82, 0xaa, 0x55]) {
    ahci.run(4, { command: 0xef, features })
    state(`SET FEATURES 0x${features.toString(16)}`)
  }

  // both fail it; IDNF against ABRT, and QEMU 7.2 also frees the slot, which 5.3.8 does not
  const taskFile = ahci.run(5, {
    command: 0x25,
    lba: SECTORS,
    count: 1,
    segments: [{ at: BACK, byteLength: 512 }],
  })
  note('past the end: PxTFD.STS.ERR', taskFile & 1)
  note('past the end: PxIS', ahci.port(0x10))
  ahci.recover()
  note('recovered: PxCMD.CR', ahci.port(0x18) & 0x8000)
  ahci.set(0x08, 0xffffffff)
  ahci.run(6, { command: 0x25, lba: SECTORS - 1, count: 1, segments: [{ at: BACK, byteLength: 512 }] })
  state('the last sector')

  ahci.stopPort()
  note('stopped: PxCMD without CCS', ahci.port(0x18) & ~0x1f00)
  ahci.comreset()
  note('after COMRESET: PxSIG', ahci.port(0x24))
  note('after COMRESET: PxTFD', ahci.port(0x20) & SIGNATURE_MASK)
  ahci.resetHba()
  note('after GHC.HR: PxCLB', ahci.port(0x00))
  note('after GHC.HR: PxFB', ahci.port(0x08))
  note('after GHC.HR: PxIE', ahci.port(0x14))
  note('after GHC.HR: PxCMD', ahci.port(0x18))
  ahci.startPort()
  ahci.run(7, { command: 0x35, isWrite: true, lba: 7, count: 1, segments: [{ at: BUFFER, byteLength: 512 }] })
  state('written after the reset')
  return trace
}

describe.skipIf(!hasQemu())('AHCI on QEMU and on the embedded machine (needs qemu-system-x86_64)', () => {
  let folder = ''
  let theirs = ''
  let qemu: QtestMachine
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dumpstack-qemu-'))
    theirs = path.join(folder, 'theirs.img')
    FileDiskImage.create(theirs, DISK_BYTES).close()
    // the ICH9 AHCI of q35 is 00:1f.2
    qemu = new QtestMachine(folder, theirs, 'ide-hd,drive=d,bus=ide.0,serial=DS-0001')
  })
  afterAll(() => {
    qemu.close()
    fs.rmSync(folder, { recursive: true })
  })

  it('registers, FISes and the disk agree', () => {
    const ours = path.join(folder, 'ours.img')
    const image = FileDiskImage.create(ours, DISK_BYTES)
    const disk = createDisk({
      name: 'd',
      model: 'QEMU HARDDISK',
      serialNumber: 'DS-0001',
      logicalSectorBytes: 512,
      image,
    })
    const machine = createMachine({
      seed: 1,
      runs: [{ basePage: pfn(0x100), pageCount: 0x1000 }],
      cpuCount: 1,
      controllers: [{ model: ahci, name: 'ahci0', bdf: BDF, interruptVector: 11, attachments: [{ disk }] }],
    })
    machine.bus.setConfig32(BDF, 0x04, 0) // QEMU has run no firmware
    const seen = drive(rawBusOf(machine))
    image.close()
    const expected = drive(qemu)
    expect(seen).toEqual(expected)
    expect(seen.length).toBeGreaterThan(100)
    expect(Buffer.compare(fs.readFileSync(ours), fs.readFileSync(theirs))).toBe(0)
  })
})
