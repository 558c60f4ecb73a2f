// The small machine of this room's tests: low memory, a hole, memory that two runs without a gap make, memory above 4 GiB.
import { type Gpa, gpa, type PageRun, pfn } from '@dumpstack/bytes'
import { ahci } from './controllers/ahci/index.ts'
import type { ControllerModel, Settings } from './controllers/controller-model.ts'
import { createMachine } from './create-machine.ts'
import { createDisk, type Disk } from './disk/disk.ts'
import { MemoryDiskImage } from './disk/memory-image.ts'
import type { Machine } from './machine.ts'

export const TEST_BDF = 0xfa // 00:1f.2
export const TEST_VECTOR = 11
export const TEST_DISK_BYTES = 64 * 2 ** 20
export const TEST_RUNS: readonly PageRun[] = [
  { basePage: pfn(0x1), pageCount: 0x9f },
  { basePage: pfn(0x100), pageCount: 0x200 },
  { basePage: pfn(0x300), pageCount: 0x100 },
  { basePage: pfn(0x100000), pageCount: 0x100 },
]
/** Where tests put the driver's structures (48 KiB) and their data. */
export const DRIVER_MEMORY = 0x110000
export const BUFFER: Gpa = gpa(0x200000)
export const HIGH_BUFFER: Gpa = gpa(0x100000000)

export interface TestMachine {
  readonly machine: Machine
  readonly disk: Disk
}

export interface TestMachineOptions {
  readonly model?: ControllerModel
  readonly logicalSectorBytes?: number
  readonly settings?: Partial<Settings>
  readonly port?: number
  readonly seed?: number
  readonly stopFlag?: Int32Array
}

export function testMachine(options: TestMachineOptions = {}): TestMachine {
  const disk = createDisk({
    name: 'disk0',
    model: 'Dumpstack disk',
    serialNumber: 'DS-0001',
    logicalSectorBytes: options.logicalSectorBytes ?? 512,
    image: new MemoryDiskImage(TEST_DISK_BYTES),
  })
  const { model = ahci, settings, stopFlag } = options
  const machine = createMachine({
    seed: options.seed ?? 1,
    runs: TEST_RUNS,
    cpuCount: 2,
    ...(stopFlag !== undefined && { stopFlag }),
    controllers: [
      {
        model,
        name: `${model.kind}0`,
        bdf: TEST_BDF,
        interruptVector: TEST_VECTOR,
        attachments: [{ disk, port: options.port ?? 0 }],
        ...(settings !== undefined && { settings }),
      },
    ],
  })
  return { machine, disk }
}

export function diskBytes(disk: Disk, offset: number, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength)
  disk.image.read(offset, bytes)
  return bytes
}

/** Bytes that differ from each other, from zero and from the fill. */
export const pattern = (byteLength: number, salt: number): Uint8Array =>
  Uint8Array.from({ length: byteLength }, (_, index) => (index * 7 + salt * 31 + (index >> 8)) & 0xff)
