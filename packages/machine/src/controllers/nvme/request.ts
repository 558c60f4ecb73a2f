// One command that the controller has fetched: its entry, its memory, and how it ended.
import { fromHalves } from '@dumpstack/bytes'
import { NvmeCommand } from '@dumpstack/registers'
import { BlockOp, type BlockRequest, type BlockStatus } from '../../disk/block-device.ts'
import type { DmaRam } from '../../ram.ts'
import { SegmentList } from '../segment-list.ts'
import type { SubmissionQueue } from './queues.ts'

export class NvmeRequest implements BlockRequest {
  queue!: SubmissionQueue
  readonly bytes = new Uint8Array(NvmeCommand.size)
  readonly command = NvmeCommand.of(this.bytes)
  readonly segments: SegmentList
  /** No other command in flight has its identifier. */
  ownsCid = false
  /** Status field: what it was refused for, later how it ended. */
  status = 0
  /** Dword 0 of its completion. */
  result = 0
  op: BlockOp = BlockOp.other
  lba = 0
  sectorCount = 0
  byteLength = 0
  isDurable = false
  isPending = false
  dueNs = 0
  readonly #ended: (request: NvmeRequest, status: BlockStatus) => void

  constructor(ram: DmaRam, ended: (request: NvmeRequest, status: BlockStatus) => void) {
    this.segments = new SegmentList(ram)
    this.#ended = ended
  }

  begin(queue: SubmissionQueue): void {
    this.queue = queue
    this.status = this.result = this.byteLength = 0
    this.op = BlockOp.other
    this.isDurable = false
    this.segments.clear()
  }

  get isAdmin(): boolean {
    return this.queue.id === 0
  }

  get prp1(): number {
    return fromHalves(this.command.prp1High, this.command.prp1Low)
  }

  get prp2(): number {
    return fromHalves(this.command.prp2High, this.command.prp2Low)
  }

  memory(): SegmentList {
    return this.segments
  }

  done(status: BlockStatus): void {
    this.#ended(this, status)
  }
}
