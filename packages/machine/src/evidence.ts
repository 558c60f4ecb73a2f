// What happened in a machine, for its judges: pages written, data moved, commands completed, controllers that stopped, and what was
// touched that is not modelled.
import type { PageSet, Pfn } from '@dumpstack/bytes'
import { ColumnarDmaLog, type DmaLog, type DmaOrigin } from './dma-log.ts'
import { type NotModelled, NotModelledLog } from './not-modelled.ts'

/** Pages written since the last checkpoint, by the processor or by DMA. */
export interface WriteLog {
  readonly pages: PageSet
}

/** A controller refused what its driver gave it, and does nothing more until that driver resets it. */
export interface ControllerStop {
  /** ControllerOptions.name */
  readonly controller: string
  /** In the words of its specification. */
  readonly reason: string
  readonly atNs: number
}

/** What a controller says of something that its driver gave it and that goes beyond a limit that it announces. */
export interface BeyondLimit {
  /** As the specification spells it: `seg_max`. */
  readonly limit: string
  readonly allowed: number
  readonly found: number
  /** What was found, in words: `a request of 12 data segments`. */
  readonly what: string
  /** The device does it all the same, as real ones do. */
  readonly isTolerated?: true
}
export type OnRefused = (refused: BeyondLimit) => void

/** A controller refused, or tolerates, one request or one access that goes beyond a limit that it announces; it works on. */
export interface Refusal {
  /** ControllerOptions.name */
  readonly controller: string
  /** The limit as the specification spells it: `seg_max`. */
  readonly limit: string
  readonly allowed: number
  readonly found: number
  /** What was found, what is allowed: `a request of 12 data segments, seg_max is 8`. */
  readonly message: string
  readonly isTolerated: boolean
  readonly atNs: number
}

/** A request that a controller has accepted and its disk has not ended; one whose end is lost has ended. */
export interface OutstandingRequest {
  readonly disk: string
  readonly kind: 'read' | 'write' | 'verify' | 'flush' | 'other'
  readonly diskOffset: number
  /** Of its data. */
  readonly byteLength: number
}

/** What a driver's controller is doing now, and what it did. */
export interface ControllerEvidence {
  /** ControllerOptions.name */
  readonly controller: string
  /** Its part of Evidence.completionCount. */
  readonly completionCount: number
  /** In the order in which they will end; a list is made at each look, the count is not. */
  readonly outstanding: readonly OutstandingRequest[]
  readonly outstandingCount: number
  /** Whether the end of a request would interrupt now. */
  readonly isInterruptEnabled: boolean
}

export interface Evidence {
  readonly writes: WriteLog
  readonly dmaLog: DmaLog
  /** Commands whose completion controllers have reported: by status, and by what a driver polls or an interrupt. */
  readonly completionCount: number
  /** In the order of Machine.controllers. */
  readonly controllers: readonly ControllerEvidence[]
  /** The first thousand since the machine was made. */
  readonly stops: readonly ControllerStop[]
  /** Told at once where a driver gave its controller memory that overlaps other memory of it, in words. */
  onOverlap: ((controller: string, message: string) => void) | null
  /** Told before a processor stores into memory that the controller alone may write: in words, and in which page. */
  onStore: ((controller: string, message: string, page: Pfn) => void) | null
  /** The first thousand since the machine was made. */
  readonly refusals: readonly Refusal[]
  readonly notModelled: readonly NotModelled[]
}

/** Further stops of a driver that keeps stopping its controller add nothing; nor do further refusals. */
const MAX_ENTRIES = 1000

/** A disk behind a controller, with its outstanding work. */
interface WatchedDevice {
  readonly outstanding: readonly OutstandingRequest[]
  readonly pendingCount: number
}

export class WatchedController implements ControllerEvidence {
  readonly controller: string
  completionCount = 0
  readonly #devices: readonly WatchedDevice[]
  readonly #isInterruptEnabled: () => boolean

  constructor(controller: string, devices: readonly WatchedDevice[], isInterruptEnabled: () => boolean) {
    this.controller = controller
    this.#devices = devices
    this.#isInterruptEnabled = isInterruptEnabled
  }

  get outstanding(): readonly OutstandingRequest[] {
    return this.#devices.flatMap(({ outstanding }) => outstanding)
  }

  get outstandingCount(): number {
    return this.#devices.reduce((count, { pendingCount }) => count + pendingCount, 0)
  }

  get isInterruptEnabled(): boolean {
    return this.#isInterruptEnabled()
  }
}

export class MachineEvidence implements Evidence {
  readonly writes: WriteLog
  readonly dmaLog: ColumnarDmaLog
  completionCount = 0
  readonly controllers: WatchedController[] = []
  readonly stops: ControllerStop[] = []
  readonly refusals: Refusal[] = []
  onOverlap: Evidence['onOverlap'] = null
  onStore: Evidence['onStore'] = null
  readonly notModelledLog = new NotModelledLog()

  constructor(writes: WriteLog, origins: readonly DmaOrigin[]) {
    this.writes = writes
    this.dmaLog = new ColumnarDmaLog(origins)
  }

  get notModelled(): readonly NotModelled[] {
    return this.notModelledLog.entries
  }

  stopped(stop: ControllerStop): void {
    if (this.stops.length < MAX_ENTRIES) this.stops.push(stop)
  }

  refused(controller: string, { limit, allowed, found, what, isTolerated }: BeyondLimit, atNs: number): void {
    if (this.refusals.length >= MAX_ENTRIES) return
    this.refusals.push({
      controller,
      limit,
      allowed,
      found,
      message: `${what}, ${limit} is ${allowed}`,
      isTolerated: isTolerated === true,
      atNs,
    })
  }
}
