// A small system whose disk a driver file runs: one controller, a disk in memory, the guest kernel booted, and the driver's host, which
// has not started it yet. No volume, no restart.

import { type Cpu, createCpu, type Decoder } from '@dumpstack/cpu'
import type { SymbolNames, SysFile, SysHost, SysObserver } from '@dumpstack/drivers'
import {
  type ControllerModel,
  createDisk,
  createMachine,
  type Machine,
  type MemoryDiskImage,
} from '@dumpstack/machine'
import type { Profile } from '@dumpstack/nt'
import { bootWithDriver } from '../boot/boot-with-driver.ts'
import type { BootedKernel } from '../boot/contract.ts'
import { ramRuns } from '../boot/memory-layout.ts'
import { EPOCH_MS } from '../system/options.ts'
import { deviceSettings, type LifeSettings, SECTORS, systemSettings } from './settings.ts'

const RAM_BYTES = 64 * 2 ** 20

export interface DrivenSystemOptions {
  readonly profile: Profile
  readonly file: SysFile
  readonly names?: SymbolNames
  readonly controller: ControllerModel
  readonly life: LifeSettings
  readonly seed: number
  /** Guest images, the driver among them under its own name. */
  readonly guestImages: ReadonlyMap<string, Uint8Array>
  readonly decoder: Decoder
  readonly observer?: SysObserver
  /** MachineOptions.stopFlag */
  readonly stopFlag?: Int32Array
}

export interface DrivenSystem {
  readonly machine: Machine
  readonly kernel: BootedKernel
  /** The driver's. */
  readonly cpu: Cpu
  readonly host: SysHost
  close(): void
}

/** The medium of its disk stays with the caller: another start finds what this one left there. */
export function bootDrivenSystem(options: DrivenSystemOptions, image: MemoryDiskImage): DrivenSystem {
  const { controller, life, seed, guestImages, file, names, observer, decoder, profile, stopFlag } = options
  const { sector, port, bus, cpus, memory } = systemSettings(life)
  const disk = createDisk({
    name: 'disk0',
    model: 'DUMPSTACK DISK',
    serialNumber: 'DS0001',
    ...SECTORS[sector],
    image,
  })
  const machine = createMachine({
    seed,
    runs: ramRuns(RAM_BYTES, memory),
    cpuCount: cpus,
    ...(stopFlag !== undefined && { stopFlag }),
    controllers: [
      {
        model: controller,
        name: `${controller.kind}0`,
        bdf: (bus << 8) | 0x10,
        interruptVector: 0x50,
        attachments: [{ disk, port }],
        settings: deviceSettings(controller, life),
      },
    ],
  })
  const cpu = createCpu(machine, decoder)
  const kernelCpu = createCpu(machine, decoder)
  const { kernel, drivers } = bootWithDriver({
    machine,
    cpu: kernelCpu,
    images: guestImages,
    epochMs: EPOCH_MS,
    profile,
    controller,
    driver: { file, ...(names && { names }), ...(observer && { observer }), cpu },
  })
  const close = (): void => {
    kernelCpu.close()
    cpu.close() // the last one is the first to be used again
    machine.close()
  }
  return { machine, kernel, cpu, host: drivers, close }
}
