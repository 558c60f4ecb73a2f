// Boots the kernel together with what will run its disk: a driver file, whose code a processor of its own executes, or the TypeScript
// miniport that the profile has for the controller.
import type { Cpu } from '@dumpstack/cpu'
import {
  hostSysFile,
  miniportNamed,
  type SymbolNames,
  type SysFile,
  type SysHost,
  type SysObserver,
} from '@dumpstack/drivers'
import type { ControllerModel } from '@dumpstack/machine'
import { controllerDrivers } from '@dumpstack/nt'
import { bootKernel } from './boot-kernel.ts'
import type { BootedKernel, BootOptions } from './contract.ts'

interface HostedDriver {
  readonly file: SysFile
  readonly names?: SymbolNames
  readonly observer?: SysObserver | null
  /** Not the kernel's processor: neither finds the other's registers changed. */
  readonly cpu: Cpu
}

export interface BootWithDriverOptions extends Omit<BootOptions, 'hosted'> {
  readonly controller: ControllerModel
  /** Null: the profile's miniport runs. */
  readonly driver: HostedDriver | null
}

export interface BootedWithDriver {
  readonly kernel: BootedKernel
  /** For both stacks: the miniport, and the kernel as the miniport meets it. */
  readonly drivers: SysHost
}

export function bootWithDriver({ controller, driver, ...options }: BootWithDriverOptions): BootedWithDriver {
  if (driver === null) {
    const kernel = bootKernel(options)
    const { miniport } = controllerDrivers(options.profile, controller.kind)
    return { kernel, drivers: { kernel, miniport: miniportNamed(miniport) } }
  }
  const { file, names, observer, cpu } = driver
  const kernel = bootKernel({ ...options, hosted: new Set([file.fileName]) })
  cpu.cr3 = kernel.directoryTableBase
  cpu.gsBase = kernel.processorRegion
  const drivers = hostSysFile({
    machine: options.machine,
    kernel,
    cpu,
    file,
    ...(names && { names }),
    ...(observer && { observer }),
  })
  return { kernel, drivers }
}
