// What happened in a machine, for whoever judges it: pages written, data moved, commands completed, controllers that stopped, and what was
// touched that is not modelled.
import type { PageSet } from '@dumpstack/bytes'
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

export interface Evidence {
  readonly writes: WriteLog
  readonly dmaLog: DmaLog
  /** Commands whose completion controllers have reported: by status, and by what a driver polls or an interrupt. */
  readonly completionCount: number
  /** The first thousand since the machine was made. */
  readonly stops: readonly ControllerStop[]
  readonly notModelled: readonly NotModelled[]
}

/** Further stops of a driver that keeps stopping its controller add nothing. */
const MAX_STOPS = 1000

export class MachineEvidence implements Evidence {
  readonly writes: WriteLog
  readonly dmaLog: ColumnarDmaLog
  completionCount = 0
  readonly stops: ControllerStop[] = []
  readonly notModelledLog = new NotModelledLog()

  constructor(writes: WriteLog, origins: readonly DmaOrigin[]) {
    this.writes = writes
    this.dmaLog = new ColumnarDmaLog(origins)
  }

  get notModelled(): readonly NotModelled[] {
    return this.notModelledLog.entries
  }

  stopped(stop: ControllerStop): void {
    if (this.stops.length < MAX_STOPS) this.stops.push(stop)
  }
}
