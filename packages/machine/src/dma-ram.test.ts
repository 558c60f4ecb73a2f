// Controllers that are given RAM of someone else keep to its contract, DmaRam: here a view is a copy, which the next write puts into RAM.
import { type Gpa, gpa, pfn } from '@dumpstack/bytes'
import { RawAhci, type RawBus, RawNvme, RawVirtioBlk, rawBusOf } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { ahci } from './controllers/ahci/index.ts'
import { nvme } from './controllers/nvme/index.ts'
import { virtioBlk } from './controllers/virtio-blk/index.ts'
import { createMachine } from './create-machine.ts'
import { createDisk } from './disk/disk.ts'
import { MemoryDiskImage } from './disk/memory-image.ts'
import { type DmaRam, GuestRam } from './ram.ts'
import { DRIVER_MEMORY, pattern, TEST_BDF, TEST_RUNS, TEST_VECTOR } from './test-machine.ts'

const BUFFER = 0x200000
const BYTES = 3 * 4096

class RamOfCopies implements DmaRam {
  readonly #ram = new GuestRam(1, TEST_RUNS)
  readonly #views: { at: Gpa; bytes: Uint8Array }[] = []
  readonly runs = this.#ram.runs
  readonly has = (at: Gpa, length: number) => this.#ram.has(at, length)
  readonly contiguous = (at: Gpa) => this.#ram.contiguous(at)
  readonly read = (at: Gpa, into: Uint8Array) => this.#ram.read(at, into)
  readonly u32 = (at: Gpa) => this.#ram.u32(at)
  readonly span = (at: Gpa, length: number) => this.#ram.span(at, length).slice()
  readonly guard = () => {}
  readonly unguard = () => {}

  write(at: Gpa, from: Uint8Array): void {
    for (const view of this.#views) this.#ram.write(view.at, view.bytes)
    this.#views.length = 0
    this.#ram.write(at, from)
  }

  setU32(at: Gpa, value: number): void {
    this.write(at, new Uint8Array(Uint32Array.of(value).buffer))
  }

  view(at: Gpa, length: number): DataView {
    const bytes = this.span(at, length)
    this.#views.push({ at, bytes })
    return new DataView(bytes.buffer)
  }
}

/** By the driver of each controller: writes what is in RAM to sector 8 and reads it back to the pages after it. */
const DRIVERS = [
  {
    model: ahci,
    copy: (bus: RawBus) => {
      const driver = new RawAhci(bus, TEST_BDF, DRIVER_MEMORY)
      driver.startPort()
      const segments = (at: number) => [0, 1, 2].map((i) => ({ at: at + i * 8192, byteLength: 4096 }))
      const block = { lba: 8, count: BYTES / 512 }
      driver.run(0, { ...block, command: 0x35, isWrite: true, segments: segments(BUFFER) })
      driver.run(1, { ...block, command: 0x25, segments: segments(BUFFER + 4096) })
    },
  },
  {
    model: nvme,
    copy: (bus: RawBus) => {
      const driver = new RawNvme(bus, TEST_BDF, DRIVER_MEMORY)
      driver.start()
      const pages = (at: number) => [0, 1, 2].map((i) => at + i * 8192)
      driver.run(driver.transfer(1, 8, pages(BUFFER)))
      driver.run(driver.transfer(2, 8, pages(BUFFER + 4096)))
    },
  },
  {
    model: virtioBlk,
    copy: (bus: RawBus) => {
      const driver = new RawVirtioBlk(bus, TEST_BDF, DRIVER_MEMORY, false)
      driver.start(0)
      const segments = (at: number) => [0, 1, 2].map((i) => ({ at: at + i * 8192, byteLength: 4096 }))
      driver.run({ type: 1, sector: 8, out: segments(BUFFER) })
      driver.run({ type: 0, sector: 8, into: segments(BUFFER + 4096) })
    },
  },
]

describe('RAM that is not the machine’s own', () => {
  it.each(DRIVERS)('holds the structures and the data of $model.kind', ({ model, copy }) => {
    const image = new MemoryDiskImage(2 ** 20)
    const disk = createDisk({ name: 'd', model: 'D', serialNumber: '1', logicalSectorBytes: 512, image })
    const dmaRam = new RamOfCopies()
    const machine = createMachine({
      seed: 2,
      runs: [{ basePage: pfn(1), pageCount: 1 }],
      dmaRam,
      cpuCount: 1,
      controllers: [
        { model, name: 'c', bdf: TEST_BDF, interruptVector: TEST_VECTOR, attachments: [{ disk }] },
      ],
    })
    const bus: RawBus = {
      ...rawBusOf(machine),
      readRam: (at, into) => dmaRam.read(gpa(at), into),
      writeRam: (at, from) => dmaRam.write(gpa(at), from),
    }
    for (const page of [0, 1, 2]) bus.writeRam(BUFFER + page * 8192, pattern(4096, page))
    copy(bus)
    for (const page of [0, 1, 2])
      expect(dmaRam.span(gpa(BUFFER + page * 8192 + 4096), 4096)).toEqual(pattern(4096, page))
    expect([...machine.evidence.writes.pages.runs()]).toEqual([])
  })
})
