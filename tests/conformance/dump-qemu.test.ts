// A dump through QEMU's controllers: the running stack writes and reads the disk, the system crashes with requests in flight, a
// fresh instance of the miniport resets the device and writes the dump; then QEMU's disk image is compared with RAM and with
// what the same stack wrote through our own device.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type Gva, gpa, gpaToPfn, gva, PageSet, pfn } from '@dumpstack/bytes'
import {
  type DumpWriteReport,
  type KernelMemory,
  type KernelServices,
  type LoadedImage,
  loadCrashDumpStack,
  miniportNamed,
  startRuntimeStack,
} from '@dumpstack/drivers'
import type { DumpPlan } from '@dumpstack/dumpfile'
import {
  ahci,
  type ControllerModel,
  type ControllerOptions,
  createDisk,
  createMachine,
  type Disk,
  type Machine,
  nvme,
  virtioBlk,
} from '@dumpstack/machine'
import { FileDiskImage } from '@dumpstack/machine/node'
import { controllerDrivers, win10_19041 } from '@dumpstack/nt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { machineOnQemu } from './qemu-controller.ts'
import { hasQemu, QtestMachine } from './qtest.ts'

const DISK_BYTES = 32 * 2 ** 20
const WINDOW = 0xe0000000
const PORTS = 0xc000
const RAM_FROM = 0x100000
const DATA_FROM = 0x200000
const DRIVERS_FROM = 0x600000
const RAM_END = 0x6a0000
const RUNS = [{ basePage: pfn(RAM_FROM / 4096), pageCount: (RAM_END - RAM_FROM) / 4096 }]
const PARTITION_OFFSET = 0x100000
const EXTENTS = [
  { fileOffset: 0, partitionOffset: 0x800000, byteLength: 0x43000 },
  { fileOffset: 0x43000, partitionOffset: 0x200000, byteLength: 0x200000 },
]
const BODY = { basePage: pfn(DATA_FROM / 4096), pageCount: 0x151 }
const HEADER_BYTES = 0x2000
const BEFORE_BYTES = 0x30000
const VA = 0xffff_8000_0000_0000n

/** Contiguous memory from one place, one address for each. */
class SmallKernel implements KernelServices {
  readonly version = win10_19041
  readonly #machine: Machine
  #next = DRIVERS_FROM
  #nextPte = 0xffff_f880_0000_0000n
  readonly #images = new Map<string, LoadedImage>()

  constructor(machine: Machine) {
    this.#machine = machine
  }

  allocate(byteLength: number, options: { owner: 0 | 1 | 2 | 3 }): KernelMemory {
    const length = Math.ceil(byteLength / 4096) * 4096
    const address = gpa(this.#next)
    this.#next += length
    expect(this.#next).toBeLessThanOrEqual(RAM_END)
    this.#machine.ram.setOwner(gpaToPfn(address), length / 4096, options.owner)
    this.#machine.ram.write(address, new Uint8Array(length))
    return { va: gva(VA + BigInt(address)), gpa: address, byteLength: length }
  }
  vaToGpa(va: Gva) {
    const address = Number(va - VA)
    return va >= VA && address < this.#next ? gpa(address) : null
  }
  reserveSystemPtes(pageCount: number): Gva {
    const va = gva(this.#nextPte)
    this.#nextPte += BigInt(pageCount * 4096)
    return va
  }
  mapSystemPte(): void {} // no guest code looks through page tables here
  mapIoSpace(address: number): Gva {
    return gva(0xffff_f780_0000_0000n + BigInt(address))
  }
  loadImage(nameOnDisk: string, baseName: string): LoadedImage {
    const present = this.#images.get(baseName)
    if (present !== undefined) return present
    const base = this.reserveSystemPtes(1)
    // no code of it runs: each routine has the same place
    const image = { nameOnDisk, baseName, base, size: 4096, exportAddress: () => base }
    this.#images.set(baseName, image)
    return image
  }
  unloadImage({ baseName }: LoadedImage): void {
    this.#images.delete(baseName)
  }
  clockInterrupt(): void {}
}

const plan: DumpPlan = {
  byteLength: HEADER_BYTES + BODY.pageCount * 4096,
  requiredByteLength: HEADER_BYTES + BODY.pageCount * 4096,
  promised: PageSet.ofRuns([BODY], 0x1000),
  truncated: false,
  *extents() {
    yield { at: 0, bytes: new Uint8Array(HEADER_BYTES).fill(0x11) }
    yield { at: HEADER_BYTES, pfn: BODY.basePage, pageCount: BODY.pageCount }
    yield { at: 0, bytes: new Uint8Array(HEADER_BYTES).fill(0x22) }
  },
}

interface Place {
  readonly model: ControllerModel
  readonly bdf: number
  readonly device: string
  /** What firmware would write: base address registers and the command register. */
  readonly assign: readonly (readonly [offset: number, value: number])[]
}
const PLACES: readonly Place[] = [
  {
    model: ahci,
    bdf: 0xfa,
    device: 'ide-hd,drive=d,bus=ide.0,serial=DS-0001,logical_block_size=512,physical_block_size=4096',
    assign: [[0x24, WINDOW]],
  },
  {
    model: nvme,
    bdf: 0x20,
    device: 'nvme,drive=d,addr=04.0,serial=DS-0001,logical_block_size=512,physical_block_size=4096',
    assign: [[0x10, WINDOW]],
  },
  {
    model: virtioBlk,
    bdf: 0x20,
    device:
      'virtio-blk-pci,drive=d,addr=04.0,serial=DS-0001,vectors=2,logical_block_size=512,physical_block_size=4096',
    assign: [
      [0x10, PORTS],
      [0x20, WINDOW],
    ],
  },
]

function controllerOf({ model, bdf }: Place, image: FileDiskImage): ControllerOptions {
  const disk = createDisk({
    name: 'd',
    model: 'Disk',
    serialNumber: 'DS-0001',
    logicalSectorBytes: 512,
    image,
  })
  return { model, name: `${model.kind}0`, bdf, interruptVector: 11, attachments: [{ disk }] }
}

/** Running system, crash, dump; the bytes that were read back before the crash are BEFORE_BYTES of the data. */
function crashAndDump(machine: Machine, controller: ControllerOptions): DumpWriteReport {
  const kernel = new SmallKernel(machine)
  const miniport = miniportNamed(controllerDrivers(win10_19041, controller.model.kind).miniport)
  const runtime = startRuntimeStack({ machine, kernel, controller, miniport })
  expect(runtime.bootDevice).toMatchObject({ sectorBytes: 512, sectorCount: DISK_BYTES / 512 })
  const stack = loadCrashDumpStack({ machine, kernel, profile: win10_19041, runtime, miniport })
  stack.setPageFile(EXTENTS, PARTITION_OFFSET)
  for (let at = 0; at < BEFORE_BYTES; at += 0x10000)
    runtime.write(0x1f00000 + at, gpa(DATA_FROM + at), 0x10000)
  runtime.drain()
  const back = kernel.allocate(0x10000, { owner: 1 })
  runtime.read(0x1f00000 + 0x10000, back.gpa, 0x10000)
  runtime.drain()
  const [read, written] = [new Uint8Array(0x10000), new Uint8Array(0x10000)]
  machine.ram.read(back.gpa, read)
  machine.ram.read(gpa(DATA_FROM + 0x10000), written)
  expect(Buffer.compare(read, written)).toBe(0)
  // the same bytes at the same place: whether these end before the reset or never, the disk is the same
  for (let i = 0; i < 4; i++) runtime.write(0x1f00000, gpa(DATA_FROM), 0x10000)
  runtime.freeze()
  machine.interruptsEnabled = false
  machine.checkpoint()
  const writing = stack.write(plan)
  for (;;) {
    const step = writing.next()
    if (step.done === true) return step.value
  }
}

describe.skipIf(!hasQemu())("a dump through QEMU's controllers (needs qemu-system-x86_64)", () => {
  let folder = ''
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dumpstack-qemu-'))
  })
  afterAll(() => fs.rmSync(folder, { recursive: true }))

  it.each(PLACES.map((place) => [place.model.kind, place] as const))(
    '%s: miniport and dump miniport drive both, and both disks are the same',
    (_, place) => {
      const here = path.join(folder, place.model.kind)
      fs.mkdirSync(here)
      const [ours, theirs] = [path.join(here, 'ours.img'), path.join(here, 'theirs.img')]
      const embeddedOn = (file: string) => {
        const image = FileDiskImage.create(file, DISK_BYTES)
        const controller = controllerOf(place, image)
        const machine = createMachine({ seed: 1, runs: RUNS, cpuCount: 1, controllers: [controller] })
        return { image, controller, machine }
      }
      const own = embeddedOn(ours)
      const written = { finalStatus: 0, bytesWritten: plan.byteLength, violations: [] }
      expect(crashAndDump(own.machine, own.controller)).toMatchObject(written)
      own.image.close()

      FileDiskImage.create(theirs, DISK_BYTES).close()
      const qemu = new QtestMachine(here, theirs, place.device)
      const beside = embeddedOn(path.join(here, 'unused.img'))
      try {
        for (const [offset, value] of place.assign) qemu.setConfig32(place.bdf, offset, value)
        qemu.setConfig32(place.bdf, 0x04, 7)
        const all = new Uint8Array(RAM_END - RAM_FROM)
        beside.machine.ram.read(gpa(RAM_FROM), all)
        for (let at = 0; at < all.byteLength; at += 0x10000) {
          qemu.writeRam(RAM_FROM + at, all.subarray(at, at + 0x10000))
        }
        const shared = { from: DRIVERS_FROM, end: RAM_END }
        const machine = machineOnQemu(beside.machine, qemu, WINDOW, shared)
        const report = crashAndDump(machine, {
          ...beside.controller,
          attachments: beside.controller.attachments.map(({ disk }) => ({ disk: flushing(disk) })),
        })
        expect(report).toMatchObject(written)
      } finally {
        qemu.close()
        beside.image.close()
      }
      expect(Buffer.compare(fs.readFileSync(ours), fs.readFileSync(theirs))).toBe(0)
      expect(fs.readFileSync(theirs).subarray(PARTITION_OFFSET + EXTENTS[0]!.partitionOffset)[0]).toBe(0x22)
    },
    60_000,
  )
})

/** QEMU does not tell of flushes: each look at the count sees one more (DM-47). */
function flushing(disk: Disk): Disk {
  let count = 0
  return {
    name: disk.name,
    model: disk.model,
    serialNumber: disk.serialNumber,
    logicalSectorBytes: disk.logicalSectorBytes,
    physicalSectorBytes: disk.physicalSectorBytes,
    sectorCount: disk.sectorCount,
    image: disk.image,
    isCacheDirty: false,
    get flushCount() {
      return count++
    },
  }
}
