// The controller as its driver sees it: CC.EN and CSTS, doorbells, and the rings of each queue pair (NVM Express 1.4 sections 3.1, 4.1
// and 7.6). Every wait is bounded and made of stalls. Indexes and phases stand in the device extension, the rings in the driver's memory.
import { highHalf, lowHalf } from '@dumpstack/bytes'
import {
  AQA_ACQS_SHIFT,
  CC_EN,
  CC_IOCQES_SHIFT,
  CC_IOSQES_SHIFT,
  CC_SHN_NORMAL,
  CC_SHN_SHIFT,
  CQE_PHASE,
  CQE_STATUS_SHIFT,
  CSTS_CFS,
  CSTS_RDY,
  CSTS_SHST_COMPLETE,
  CSTS_SHST_MASK,
  NVME_ACQ,
  NVME_ACQ_HIGH,
  NVME_AQA,
  NVME_ASQ,
  NVME_ASQ_HIGH,
  NVME_CC,
  NVME_CQES,
  NVME_CSTS,
  NVME_DOORBELLS,
  NVME_INTMC,
  NVME_INTMS,
  NVME_SQES,
  NvmeCommand,
  NvmeCompletion,
} from '@dumpstack/registers'
import type { DeviceRegisters, GuestBlock, PortExports } from '../../miniport.ts'
import { completionsAt, MAX_ENTRIES, NvmeFacts, submissionsAt } from './layouts.ts'

const LINE = 1
const STEP_US = 1000
/** 7.6.2 sets no limit of a shutdown. */
const SHUTDOWN_MS = 5000
const ENABLED = CC_EN | (NVME_SQES << CC_IOSQES_SHIFT) | (NVME_CQES << CC_IOCQES_SHIFT)
/** What a controller that is gone reads. */
const GONE = 0xffffffff
const HEADS = NvmeFacts.fields.heads.offset
const PHASES = NvmeFacts.fields.phases.offset
const TAILS = NvmeFacts.fields.tails.offset
const { cid, dw0, status } = NvmeCompletion.fields

export class NvmeController {
  readonly #registers: DeviceRegisters
  readonly #port: PortExports
  readonly #facts: NvmeFacts
  #memory!: GuestBlock
  #bytes!: Uint8Array

  constructor(registers: DeviceRegisters, port: PortExports, facts: NvmeFacts) {
    this.#registers = registers
    this.#port = port
    this.#facts = facts
  }

  set memory(block: GuestBlock) {
    this.#memory = block
    this.#bytes = new Uint8Array(block.view.buffer, block.view.byteOffset, block.view.byteLength)
  }

  /** DM-29: a reset, which ends whatever the controller was doing; RDY follows EN. */
  disable(): boolean {
    const registers = this.#registers
    registers.write32(NVME_CC, registers.read32(NVME_CC) & ~CC_EN)
    return this.#awaitReady(0)
  }

  /** Takes the admin queue and gets ready; its interrupts stay masked. */
  enable(): boolean {
    if (!this.disable()) return false
    const registers = this.#registers
    registers.write32(NVME_INTMS, LINE)
    this.clear(0)
    registers.write32(NVME_AQA, (MAX_ENTRIES - 1) | ((MAX_ENTRIES - 1) << AQA_ACQS_SHIFT))
    this.#writeAddress(NVME_ASQ, NVME_ASQ_HIGH, this.#memory.gpa + submissionsAt(0))
    this.#writeAddress(NVME_ACQ, NVME_ACQ_HIGH, this.#memory.gpa + completionsAt(0))
    registers.write32(NVME_CC, ENABLED)
    return this.#awaitReady(CSTS_RDY) && !this.hasFailed
  }

  get hasFailed(): boolean {
    return (this.#registers.read32(NVME_CSTS) & CSTS_CFS) !== 0
  }

  /** CC.SHN: the volatile cache reaches the medium. */
  shutDown(): void {
    this.#registers.write32(NVME_CC, ENABLED | (CC_SHN_NORMAL << CC_SHN_SHIFT))
    this.#awaitStatus(CSTS_SHST_MASK, CSTS_SHST_COMPLETE, SHUTDOWN_MS)
  }

  maskLine(): void {
    this.#registers.write32(NVME_INTMS, LINE)
  }

  unmaskLine(): void {
    this.#registers.write32(NVME_INTMC, LINE)
  }

  /** Both rings of a queue empty, as the controller expects them when it is created. */
  clear(queue: number): void {
    this.#bytes.fill(0, submissionsAt(queue), submissionsAt(queue + 1))
    this.#setIndex(TAILS, queue, 0)
    this.#setIndex(HEADS, queue, 0)
    this.#setIndex(PHASES, queue, CQE_PHASE)
  }

  /** Puts a command into a queue and tells the controller. */
  submit(queue: number, command: Uint8Array, identifier: number): void {
    const tail = this.#index(TAILS, queue)
    const at = submissionsAt(queue) + tail * NvmeCommand.size
    this.#bytes.set(command, at)
    this.#memory.view.setUint16(at + NvmeCommand.fields.cid.offset, identifier, true)
    const next = (tail + 1) % this.#entriesOf(queue)
    this.#setIndex(TAILS, queue, next)
    this.#ring(queue * 2, next)
  }

  /** Whether the queue has a completion that was not taken. */
  hasCompletion(queue: number): boolean {
    return (this.#statusAt(queue) & CQE_PHASE) === this.#index(PHASES, queue)
  }

  /** Status field of the next completion, which is there. */
  nextStatus(queue: number): number {
    return this.#statusAt(queue) >>> CQE_STATUS_SHIFT
  }

  /** Dword 0 of the next completion, which is there. */
  nextResult(queue: number): number {
    return this.#memory.view.getUint32(this.#entryAt(queue) + dw0.offset, true)
  }

  /** Identifier of the next completion, which is there and is given back. */
  takeCompletion(queue: number): number {
    const head = this.#index(HEADS, queue)
    const identifier = this.#memory.view.getUint16(this.#entryAt(queue) + cid.offset, true)
    const next = (head + 1) % this.#entriesOf(queue)
    this.#setIndex(HEADS, queue, next)
    if (next === 0) this.#setIndex(PHASES, queue, this.#index(PHASES, queue) ^ CQE_PHASE)
    this.#ring(queue * 2 + 1, next)
    return identifier
  }

  #index(array: number, queue: number): number {
    const { view, at } = this.#facts
    return view.getUint16(at + array + queue * 2, true)
  }

  #setIndex(array: number, queue: number, value: number): void {
    const { view, at } = this.#facts
    view.setUint16(at + array + queue * 2, value, true)
  }

  #statusAt(queue: number): number {
    return this.#memory.view.getUint16(this.#entryAt(queue) + status.offset, true)
  }

  #entryAt(queue: number): number {
    return completionsAt(queue) + this.#index(HEADS, queue) * NvmeCompletion.size
  }

  #entriesOf(queue: number): number {
    return queue === 0 ? MAX_ENTRIES : this.#facts.entries
  }

  #ring(doorbell: number, value: number): void {
    this.#registers.write32(NVME_DOORBELLS + doorbell * this.#facts.doorbellStride, value)
  }

  /** DM-34: each address at its full width. */
  #writeAddress(low: number, high: number, address: number): void {
    this.#registers.write32(low, lowHalf(address))
    this.#registers.write32(high, highHalf(address))
  }

  #awaitReady(value: number): boolean {
    return this.#awaitStatus(CSTS_RDY, value, this.#facts.readyMs)
  }

  #awaitStatus(mask: number, value: number, milliseconds: number): boolean {
    for (let step = 0; ; step++) {
      const csts = this.#registers.read32(NVME_CSTS)
      if (csts === GONE) return false
      if ((csts & mask) === value) return true
      if (step === milliseconds) return false
      this.#port.stallExecution(STEP_US)
    }
  }
}
