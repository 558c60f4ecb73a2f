// A small system whose disk a driver file runs: one controller, a disk in memory, the guest kernel booted, and the driver's host, which
// has not started it yet. No volume, no restart.

import { type Cpu, createCpu, type Decoder } from '@dumpstack/cpu'
import type { SymbolNames, SysFile, SysHost, SysObserver } from '@dumpstack/drivers'
import {
  type ControllerModel,
  createDisk,
  createMachine,
  type Machine,
  MemoryDiskImage,
  type Settings,
} from '@dumpstack/machine'
import type { Profile } from '@dumpstack/nt'
import { bootWithDriver } from '../boot/boot-with-driver.ts'
import type { BootedKernel } from '../boot/contract.ts'
import { ramRuns } from '../boot/memory-layout.ts'
import { EPOCH_MS } from '../system/options.ts'

const RAM_BYTES = 64 * 2 ** 20
const CPUS = 4
const DISK_BYTES = 64 * 2 ** 20

export interface DrivenSystemOptions {
  readonly profile: Profile
  readonly file: SysFile
  readonly names?: SymbolNames
  readonly controller: ControllerModel
  readonly logicalSectorBytes?: 512 | 4096
  /** Of the controller, where they differ from its defaults. */
  readonly settings?: Partial<Settings>
  readonly seed: number
  /** Guest images, the driver among them under its own name. */
  readonly guestImages: ReadonlyMap<string, Uint8Array>
  readonly decoder: Decoder
  readonly observer?: SysObserver
}

export interface DrivenSystem {
  readonly machine: Machine
  /** The medium of its disk. */
  readonly image: MemoryDiskImage
  readonly kernel: BootedKernel
  /** The driver's. */
  readonly cpu: Cpu
  readonly host: SysHost
}

export function bootDrivenSystem(options: DrivenSystemOptions): DrivenSystem {
  const { controller, seed, guestImages, file, names, observer, decoder, profile, settings } = options
  const image = new MemoryDiskImage(DISK_BYTES)
  const disk = createDisk({
    name: 'disk0',
    model: 'DUMPSTACK DISK',
    serialNumber: 'DS0001',
    logicalSectorBytes: options.logicalSectorBytes ?? 512,
    image,
  })
  const machine = createMachine({
    seed,
    runs: ramRuns(RAM_BYTES),
    cpuCount: CPUS,
    controllers: [
      {
        model: controller,
        name: `${controller.kind}0`,
        bdf: 0x0010,
        interruptVector: 0x50,
        attachments: [{ disk }],
        ...(settings !== undefined && { settings }),
      },
    ],
  })
  const cpu = createCpu(machine, decoder)
  const { kernel, drivers } = bootWithDriver({
    machine,
    cpu: createCpu(machine, decoder),
    images: guestImages,
    epochMs: EPOCH_MS,
    profile,
    controller,
    driver: { file, ...(names && { names }), ...(observer && { observer }), cpu },
  })
  return { machine, image, kernel, cpu, host: drivers }
}
