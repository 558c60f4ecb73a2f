// The fault plan: what a device is told to do wrong. Controllers ask at the points where each kind shows.
import type { Lba } from '@dumpstack/bytes'
import { MachineError } from './errors.ts'

/**
 * A fault that a device shows, as FAULT_KINDS says it; `controller` is its name, `count` how often. `afterWrites` write commands that end
 * after the fault was added are good, then it shows.
 */
export type Fault = { readonly controller: string; readonly count?: number } & (
  | { readonly kind: 'badSector'; readonly lba: Lba; readonly sectorCount: number }
  | { readonly kind: 'transientError'; readonly afterWrites: number }
  | { readonly kind: 'persistentError'; readonly afterWrites: number }
  | { readonly kind: 'busy'; readonly afterWrites: number; readonly nanoseconds: number }
  | { readonly kind: 'hang'; readonly afterWrites: number }
  | { readonly kind: 'lostCompletion'; readonly afterWrites: number }
  | { readonly kind: 'wrongStatus'; readonly afterWrites: number }
  | { readonly kind: 'wrongPage'; readonly afterWrites: number }
  | { readonly kind: 'surpriseReset'; readonly afterWrites: number }
  | { readonly kind: 'slowReset'; readonly nanoseconds: number }
  | { readonly kind: 'latency'; readonly nanoseconds: number }
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number }
  | { readonly kind: 'linkDown' }
)
export interface FaultPlan {
  /** Nothing is planned, nor was since the last `clear`: what a device does is not of a fault. */
  readonly isEmpty: boolean
  add(fault: Fault): void
  clear(): void
}

export type WriteFault = Extract<Fault, { afterWrites: number }>
interface FaultKind {
  /** How often it shows where its record does not say it. */
  readonly count: number
  /** What `count` counts, where that is not the fault itself. */
  readonly counted?: string
  /** Sentences for tables and help. */
  readonly summary: string
}
const ALWAYS = Number.POSITIVE_INFINITY

export const FAULT_KINDS: Readonly<Record<Fault['kind'], FaultKind>> = {
  badSector: {
    count: ALWAYS,
    summary:
      'Reads and writes that touch the sectors fail (ahci: UNC, IDNF; nvme: Unrecovered Read Error, Write Fault; virtio-blk: IOERR) and move nothing.',
  },
  transientError: {
    count: 1,
    summary:
      'The write fails (ahci: interface CRC error, ICRC and ABRT; nvme: Data Transfer Error; virtio-blk: IOERR) and moves nothing; a retry is good.',
  },
  persistentError: {
    count: ALWAYS,
    counted: 'requests that fail',
    summary:
      'From the write on every read, write, verify and flush fails (ahci: DF and ABRT; nvme: Internal Error; virtio-blk: IOERR); no reset helps.',
  },
  busy: {
    count: 1,
    summary:
      'For a time the device ends nothing and takes nothing (ahci: BSY; nvme and virtio-blk: the queue stays as it is), then it continues.',
  },
  hang: {
    count: ALWAYS,
    summary: 'The write and all commands after it never end, until the link or the controller is reset.',
  },
  lostCompletion: {
    count: ALWAYS,
    summary: "The data reaches the disk, the command's end is never reported.",
  },
  surpriseReset: {
    count: 1,
    summary:
      'Instead of ending the write the device resets itself and forgets what it had (ahci: the link drops and COMINIT comes; nvme: CSTS.CFS; ' +
      'virtio-blk: DEVICE_NEEDS_RESET for a modern driver, silence for a legacy one).',
  },
  wrongStatus: {
    count: ALWAYS,
    summary: 'The write is reported as good, its data never reaches the disk.',
  },
  wrongPage: {
    count: ALWAYS,
    summary: 'The first page of the transfer comes from (goes to) another page of RAM.',
  },
  slowReset: {
    count: ALWAYS,
    counted: 'resets',
    summary:
      'After a reset that the driver asked for the device is ready that much later (ahci: BSY after COMRESET, GHC.HR and a ' +
      'software reset; nvme: CSTS.RDY after CC.EN was cleared; virtio-blk: device_status of the modern interface).',
  },
  latency: {
    count: ALWAYS,
    counted: 'commands',
    summary: 'Every command takes that much longer.',
  },
  throttle: {
    count: ALWAYS,
    counted: 'commands',
    summary: 'Data moves at that rate, where the link is not slower.',
  },
  linkDown: {
    count: ALWAYS,
    counted: 'COMRESETs that stay without answer',
    summary: 'The link drops now. A controller without a link refuses it (FAULT_PLAN).',
  },
}

/** What a plan has to know of a controller. */
interface FaultyController {
  readonly name: string
  readonly model: { readonly kind: string; readonly hasLink: boolean }
}

interface Planned {
  readonly fault: Fault
  /** How often it still shows. */
  remaining: number
  /** Write commands of its controller that ended since it was added. */
  writes: number
}

export class PlannedFaults implements FaultPlan {
  readonly #controllers: readonly FaultyController[]
  readonly #planned: Planned[] = []
  /** Controllers that must look at their link again. */
  readonly onLinkChange: (() => void)[] = []

  constructor(controllers: readonly FaultyController[]) {
    this.#controllers = controllers
  }

  get isEmpty(): boolean {
    return this.#planned.length === 0
  }

  add(fault: Fault): void {
    const controller = this.#controllers.find(({ name }) => name === fault.controller)
    if (controller === undefined) {
      const names = this.#controllers.map(({ name }) => name).join(', ')
      throw new MachineError(
        'FAULT_PLAN',
        `fault ${fault.kind} names controller '${fault.controller}', expected one of ${names}`,
      )
    }
    if (fault.kind === 'linkDown' && !controller.model.hasLink) {
      throw new MachineError(
        'FAULT_PLAN',
        `fault linkDown names controller '${controller.name}' of kind ${controller.model.kind}, expected one with a link`,
      )
    }
    for (const [name, value] of Object.entries(fault)) {
      if (typeof value === 'number' && (!Number.isSafeInteger(value) || value < 0)) {
        throw new MachineError(
          'FAULT_PLAN',
          `${name} of fault ${fault.kind} is ${value}, expected a whole number`,
        )
      }
    }
    if (fault.kind === 'throttle' && fault.bytesPerSecond === 0) {
      throw new MachineError('FAULT_PLAN', 'bytesPerSecond of fault throttle is 0, expected at least 1')
    }
    const remaining = fault.count ?? FAULT_KINDS[fault.kind].count
    this.#planned.push({ fault, remaining, writes: 0 })
    if (fault.kind === 'linkDown') this.#linkChanged()
  }

  clear(): void {
    this.#planned.length = 0
    this.#linkChanged()
  }

  /** What happens to the write command that ends now; null: nothing. Counts the write for every fault. */
  nextWrite(controller: string): WriteFault | null {
    let shown: WriteFault | null = null
    for (const planned of this.#planned) {
      const { fault } = planned
      if (fault.controller !== controller || !('afterWrites' in fault)) continue
      const isDue = planned.writes++ >= fault.afterWrites && planned.remaining > 0
      if (!isDue || shown !== null || fault.kind === 'persistentError') continue
      planned.remaining--
      shown = fault
    }
    return shown
  }

  /** Whether an error stays; asked once for a request, a write that is counted already. */
  failsForGood(controller: string): boolean {
    const planned = this.#planned.find(
      ({ fault, remaining, writes }) =>
        fault.kind === 'persistentError' &&
        fault.controller === controller &&
        remaining > 0 &&
        writes > fault.afterWrites,
    )
    if (planned !== undefined) planned.remaining--
    return planned !== undefined
  }

  /** The first sector of the range that cannot be transferred, or -1. */
  badSector(controller: string, lba: number, sectorCount: number): number {
    let first = -1
    for (const planned of this.#planned) {
      const { fault } = planned
      if (fault.kind !== 'badSector' || fault.controller !== controller || planned.remaining === 0) continue
      const start = Math.max(lba, fault.lba)
      if (start >= Math.min(lba + sectorCount, fault.lba + fault.sectorCount)) continue
      planned.remaining--
      if (first < 0 || start < first) first = start
    }
    return first
  }

  /** What every command of the controller takes longer; asked once a command. */
  latencyNs(controller: string): number {
    return this.#totalNs('latency', controller)
  }

  /** What a reset takes longer; asked once a reset. */
  slowResetNs(controller: string): number {
    return this.#totalNs('slowReset', controller)
  }

  #totalNs(kind: 'latency' | 'slowReset', controller: string): number {
    let total = 0
    for (const planned of this.#planned) {
      const { fault } = planned
      if (fault.kind !== kind || fault.controller !== controller || planned.remaining === 0) continue
      planned.remaining--
      total += fault.nanoseconds
    }
    return total
  }

  /** The slowest rate that is planned for a command's data; infinite when none is. Asked once a command. */
  bytesPerSecond(controller: string): number {
    let slowest = Number.POSITIVE_INFINITY
    for (const planned of this.#planned) {
      const { fault } = planned
      if (fault.kind !== 'throttle' || fault.controller !== controller || planned.remaining === 0) continue
      planned.remaining--
      slowest = Math.min(slowest, fault.bytesPerSecond)
    }
    return slowest
  }

  isLinkDown(controller: string): boolean {
    return this.#linkFault(controller) !== undefined
  }

  /** A COMRESET was tried: `count` of linkDown is how many stay without answer. */
  countComreset(controller: string): void {
    const planned = this.#linkFault(controller)
    if (planned !== undefined) planned.remaining--
  }

  #linkFault(controller: string): Planned | undefined {
    return this.#planned.find(
      ({ fault, remaining }) => fault.kind === 'linkDown' && fault.controller === controller && remaining > 0,
    )
  }

  #linkChanged(): void {
    for (const notify of this.onLinkChange) notify()
  }
}
