// The contract of the embedded machine, and what one is made of. A second backend implements the same.
import type { PageRun, PhysicalSpace } from '@dumpstack/bytes'
import type { CpuWorld } from '@dumpstack/cpu'
import type { Bus } from './bus.ts'
import type { ControllerModel, DiskPlace, Settings } from './controllers/controller-model.ts'
import type { Disk } from './disk/disk.ts'
import type { Evidence } from './evidence.ts'
import type { FaultPlan } from './faults.ts'
import type { Bdf, ControllerState } from './pci.ts'
import type { DmaRam, Ram } from './ram.ts'

/** A disk as its machine is given it. */
interface DiskAttachment extends DiskPlace {
  readonly disk: Disk
}
export interface ControllerOptions {
  readonly model: ControllerModel
  /** As reports name it: `ahci0`. */
  readonly name: string
  readonly bdf: Bdf
  readonly interruptVector: number
  readonly attachments: readonly DiskAttachment[]
  /** Those of ControllerModel.settings that differ from their defaults. */
  readonly settings?: Partial<Settings>
}
export interface MachineOptions {
  /** Seed of the published fill and of every other choice. */
  readonly seed: number
  readonly runs: readonly PageRun[]
  readonly cpuCount: number
  readonly controllers: readonly ControllerOptions[]
  /** Where controllers reach RAM, when it is not the machine's own but that of a computer whose bus they are put on. */
  readonly dmaRam?: DmaRam
  /**
   * Shared with the thread that receives signals: once its first element is not 0, time does not pass any more and guest code does not go
   * on, both throw Interrupted (bytes).
   */
  readonly stopFlag?: Int32Array
}

/** A window of a controller's registers as firmware has placed it. */
export interface RegisterWindow {
  /** ControllerOptions.name */
  readonly controller: string
  /** ControllerModel.kind */
  readonly model: string
  /** PciWindowShape.bar */
  readonly bar: number
  readonly kind: 'mmio' | 'port'
  /** Physical address, or port number. */
  readonly base: number
  readonly byteLength: number
}

export interface Machine extends CpuWorld {
  readonly ram: Ram
  readonly bus: Bus
  readonly disks: readonly Disk[]
  readonly controllers: readonly ControllerOptions[]
  readonly cpuCount: number
  readonly faults: FaultPlan
  stall(microseconds: number): void
  /** Lets time pass and devices work until `untilNs`. Throws MachineError DEVICE_WORK where they move more than any driver asks for. */
  run(untilNs: number): void
  /** True after creation and reset. */
  interruptsEnabled: boolean
  /** RAM as it is now, for as long as the machine lives or until the next checkpoint; pages are saved on write. */
  checkpoint(): PhysicalSpace
  /** What happened, for judges of the machine: no driver sees it. */
  readonly evidence: Evidence
  /** Of a controller, by its name, live; looking takes no time. */
  controllerState(controller: string): ControllerState
  /** As controllers decode them now; looking takes no time. */
  readonly registerWindows: readonly RegisterWindow[]
  /**
   * Platform reset: controllers to power-on state, firmware assigns BARs again; pending commands are lost, interrupt
   * routines are gone, interruptsEnabled is true again. Without keepRam used pages hold the fill again and have no owner.
   */
  reset(options: { keepRam: boolean }): void
  /**
   * The power of a controller goes and comes (D3cold). It is at power-on state then, but for windows, command register and interrupt line,
   * which the bus driver puts back; interrupt messages are gone.
   */
  cyclePower(controller: string): void
  /** Gives RAM back. Disk images belong to the caller that made them. */
  close(): void
}
