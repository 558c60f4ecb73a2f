// The contracts of the embedded machine: RAM, bus, disks, time and faults; what happened in it is evidence.ts. A second backend implements the
// same.
import type { Gpa, Lba, PageRun, PageSet, Pfn, PhysicalSpace } from '@dumpstack/bytes'
import type { CpuBus, CpuRam, CpuWorld } from '@dumpstack/cpu'
import type { ControllerModel, Settings } from './controllers/controller-model.ts'
import type { BlockDevice } from './disk/block-device.ts'
import type { Evidence } from './evidence.ts'

/** Who uses a page; `free` pages hold the published fill unless something once wrote them. */
export const Owner = { free: 0, kernel: 1, user: 2, dumpPath: 3 } as const
export type Owner = (typeof Owner)[keyof typeof Owner]

/**
 * RAM as the processor sees it, and who owns a page. Accessors throw MachineError RAM_HOLE where a byte lies outside of the runs. `span` and
 * `view` never cross a chunk of 1 GiB or a run's end; the next checkpoint ends them: a later use throws a TypeError.
 */
export interface Ram extends CpuRam {
  readonly seed: number
  /** Pages that ever were written, by anyone, since reset without keepRam. */
  readonly used: PageSet
  setU32(gpa: Gpa, value: number): void
  setU64(gpa: Gpa, value: bigint): void
  owner(page: Pfn): Owner
  setOwner(page: Pfn, count: number, owner: Owner): void
}

/** Bus, device and function of a PCI device: bus << 8 | device << 3 | function. */
export type Bdf = number

export interface Bus extends CpuBus {
  config32(bdf: Bdf, offset: number): number
  setConfig32(bdf: Bdf, offset: number, value: number): void
  /** Of a line, or of messages to the local APIC. `isr` answers whether the interrupt was its own; null disconnects. */
  onInterrupt(vector: number, isr: (() => boolean) | null): void
}

/** The bytes behind a disk: a file, memory, an overlay. Offsets in bytes. */
export interface DiskImage {
  readonly byteLength: number
  /** Fills `into` whole; never-written bytes are zero. */
  read(offset: number, into: Uint8Array): void
  /** One gathered write of the parts, end to end. */
  write(offset: number, parts: readonly Uint8Array[]): void
  /** FLUSH commands call sync(); otherwise they are only counted. */
  readonly durable?: boolean
  /** Makes what was written durable. */
  sync(): void
  close(): void
}

export interface Disk {
  readonly name: string
  readonly model: string
  readonly serialNumber: string
  /** 512 (512e) or 4096 (4Kn). */
  readonly logicalSectorBytes: number
  readonly physicalSectorBytes: number
  readonly sectorCount: number
  readonly image: DiskImage
  /** FLUSH commands that reached the disk. */
  readonly flushCount: number
}

/** Where on its controller a disk is; 0 where nothing is said. ControllerModel.places says what a controller has. */
export interface DiskPlace {
  readonly channel?: number
  readonly target?: number
  readonly lun?: number
  readonly namespace?: number
}
/** A disk as its machine is given it. */
interface DiskAttachment extends DiskPlace {
  readonly disk: Disk
}
/** The same as its controller gets it. */
export interface Attachment extends DiskPlace {
  readonly device: BlockDevice
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
  /**
   * Shared with a thread that hears signals: once its first element is not 0, time does not pass any more and guest code does not go
   * on, both throw Interrupted (bytes).
   */
  readonly stopFlag?: Int32Array
}

/**
 * A fault that a device shows; `controller` is its name, `count` how often (default: always, transientError: once).
 * `afterWrites` write commands that end after the fault was added are good, then it shows:
 * - badSector: reads and writes that touch the sectors fail (ahci: UNC, IDNF; virtio-blk: IOERR) and move nothing.
 * - transientError: the write fails (ahci: interface CRC error, ICRC and ABRT; virtio-blk: IOERR) and moves nothing; a retry is good.
 * - hang: the write and all commands behind it never end, until the link or the controller is reset.
 * - lostCompletion: the data reaches the disk, the command's end is never reported.
 * - wrongStatus: the write is reported as good, its data never reaches the disk.
 * - wrongPage: the first page of the transfer comes from (goes to) another page of RAM.
 * - latency: every command takes that much longer.
 * - throttle: data moves at that rate, where the link is not slower; `count` is how many commands.
 * - linkDown: the link drops now; `count` is how many COMRESETs stay without answer. A controller without a link refuses it (FAULT_PLAN).
 */
export type Fault = { readonly controller: string; readonly count?: number } & (
  | { readonly kind: 'badSector'; readonly lba: Lba; readonly sectorCount: number }
  | { readonly kind: 'transientError'; readonly afterWrites: number }
  | { readonly kind: 'hang'; readonly afterWrites: number }
  | { readonly kind: 'lostCompletion'; readonly afterWrites: number }
  | { readonly kind: 'wrongStatus'; readonly afterWrites: number }
  | { readonly kind: 'wrongPage'; readonly afterWrites: number }
  | { readonly kind: 'latency'; readonly nanoseconds: number }
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number }
  | { readonly kind: 'linkDown' }
)
export interface FaultPlan {
  add(fault: Fault): void
  clear(): void
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
  /** What happened, for whoever judges it: no driver sees it. */
  readonly evidence: Evidence
  /** As controllers decode them now; looking takes no time. */
  readonly registerWindows: readonly RegisterWindow[]
  /**
   * Platform reset: controllers to power-on state, firmware assigns BARs again; pending commands are lost, interrupt
   * routines are gone, interruptsEnabled is true again. Without keepRam used pages hold the fill again and have no owner.
   */
  reset(options: { keepRam: boolean }): void
  /** Gives RAM back. Disk images belong to who made them. */
  close(): void
}
