// Runs a .sys file as a miniport: its code on the machine's processor, its imports served by the ports that also serve the TypeScript
// miniports, so that the same rules hold. One host for one start of the system: a loader, and a runner of what it loaded.
import { type Gva, PAGE_SIZE } from '@dumpstack/bytes'
import type { Cpu } from '@dumpstack/cpu'
import { type Machine, Owner } from '@dumpstack/machine'
import { STATUS_SUCCESS } from '@dumpstack/nt'
import { DriversError } from '../errors.ts'
import { NotJudged } from '../guest-fault.ts'
import type { KernelServices, LoadedImage } from '../kernel-services.ts'
import type { MiniportImage, PortExports } from '../miniport.ts'
import type { SysFile } from './driver-file.ts'
import { DriverPlaces } from './driver-places.ts'
import { NO_NAMES, type SymbolNames } from './symbol-names.ts'
import { type EntryArguments, type InstanceMemory, SysInstance } from './sys-instance.ts'
import { SysLoader } from './sys-loader.ts'
import type { SysLife, SysObserver } from './sys-observer.ts'
import { SysRunner } from './sys-runner.ts'
import { TrapTable } from './trap-table.ts'

// A kernel stack of Windows on x64 has 24 KiB.
const STACK_BYTES = 0x6000

export interface SysHostOptions {
  readonly machine: Machine
  readonly kernel: KernelServices
  /** With the kernel's page tables. */
  readonly cpu: Cpu
  readonly file: SysFile
  readonly names?: SymbolNames
  readonly observer?: SysObserver
}

export interface SysHost {
  /** The kernel's services for the stacks that run the driver: images of the file come bound. */
  readonly kernel: KernelServices
  readonly miniport: MiniportImage
}

export function hostSysFile({ machine, kernel, cpu, file, names, observer }: SysHostOptions): SysHost {
  const traps = new TrapTable(kernel, file.image)
  const memories: Readonly<Record<SysLife, InstanceMemory>> = {
    runtime: allocateMemory(kernel, Owner.kernel),
    dump: allocateMemory(kernel, Owner.dumpPath),
  }
  const loader = new SysLoader(machine, cpu, kernel, file, traps)
  const { fileName } = file
  const places = new DriverPlaces(cpu, file, names ?? NO_NAMES, () => loader.images)
  const runner = new SysRunner({
    machine,
    cpu,
    loader,
    traps,
    places,
    observer: observer ?? null,
    file,
  })

  function callDriverEntry(image: LoadedImage, port: PortExports, entry: EntryArguments): number {
    const driver = loader.driver(image)
    if (driver === null)
      throw new DriversError('SYS_HOST', `${image.baseName} is not loaded from ${fileName}`)
    const { driverObject, registryPath } = entry
    const life = driverObject === null && registryPath === null ? 'dump' : 'runtime'
    const instance = new SysInstance(driver, entry, port, life, memories[life], runner)
    // A second controller of a loaded driver: its DriverEntry has run.
    if (driver.table !== null && life === 'runtime') return instance.initialize(driver.table)
    const args: readonly bigint[] = [driverObject ?? 0n, registryPath ?? 0n]
    const status = Number(instance.call('DriverEntry', loader.entryPoint(image), args) & 0xffffffffn)
    if (status === STATUS_SUCCESS && driver.table === null && life === 'runtime') {
      const { baseName } = image
      const what = `DriverEntry of ${baseName} succeeded and did not call StorPortInitialize: it is no miniport of storport.sys`
      throw new NotJudged('OTHER_PORT', what, { driver: baseName })
    }
    // a routine that is called when all devices have started may lie there
    if (life === 'runtime' && instance.reinitializations === 0) loader.discardInitialization(image)
    return status
  }

  return {
    kernel: loader.kernel,
    miniport: {
      fileName,
      symbolPrefix: '',
      code: runner,
      load: (image) => (port, driverObject: Gva | null, registryPath: Gva | null) =>
        callDriverEntry(image, port, { driverObject, registryPath }),
    },
  }
}

/** A page below the stack stays unmapped: it guards the stack. */
function allocateMemory(kernel: KernelServices, owner: Owner): InstanceMemory {
  kernel.reserveSystemPtes(1)
  const stack = kernel.allocate(STACK_BYTES, { owner })
  return { stack, scratch: kernel.allocate(PAGE_SIZE, { owner }) }
}
