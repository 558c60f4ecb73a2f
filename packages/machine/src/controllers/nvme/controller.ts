// An NVMe controller (NVM Express 1.4 section 3): its registers, CC.EN and CSTS.RDY, shutdown, and its PCI function. Its one page size
// is 4 KiB, its queues are contiguous, and it has neither a controller memory buffer nor a persistent one.
import { fromHalves } from '@dumpstack/bytes'
import {
  AQA_ACQS_SHIFT,
  AQA_SIZE_MASK,
  CAP_CQR,
  CAP_HIGH_CSS_NVM,
  CAP_TO_SHIFT,
  CC_CSS_MASK,
  CC_CSS_SHIFT,
  CC_EN,
  CC_ES_MASK,
  CC_IOCQES_SHIFT,
  CC_IOSQES_SHIFT,
  CC_MPS_MASK,
  CC_MPS_SHIFT,
  CC_SHN_MASK,
  CC_SHN_SHIFT,
  CSTS_CFS,
  CSTS_RDY,
  CSTS_SHST_COMPLETE,
  CSTS_SHST_OCCURRING,
  NVME_ACQ,
  NVME_ACQ_HIGH,
  NVME_AQA,
  NVME_ASQ,
  NVME_ASQ_HIGH,
  NVME_CAP,
  NVME_CAP_HIGH,
  NVME_CC,
  NVME_CQES,
  NVME_CSTS,
  NVME_DOORBELLS,
  NVME_INTMC,
  NVME_INTMS,
  NVME_SQES,
  NVME_VS,
  NVME_VS_1_4_0,
} from '@dumpstack/registers'
import { ClockEvent } from '../../clock.ts'
import type { BlockDevice } from '../../disk/block-device.ts'
import {
  type ControllerState,
  type DwordRegisters,
  merge,
  PciConfig,
  type PciFunction,
  readDwords,
  writeDwords,
} from '../../pci.ts'
import type { ControllerParts } from '../controller-parts.ts'
import { Msix } from '../msix.ts'
import { CommandEngine, type EngineHost } from './command-engine.ts'
import { doorbellStride, msixPlace, pciIdentity } from './identity.ts'
import { NvmeInterrupts } from './interrupts.ts'
import { nvmeRegisterName } from './register-names.ts'
import type { NvmeSettings } from './settings.ts'

/** Of 64-bit queue addresses: below a page they read 0. */
const ADDRESS_MASK = 0xfffff000
const ALL_BITS = 0xffffffff

export class NvmeController implements PciFunction, DwordRegisters, ControllerState, EngineHost {
  readonly name: string
  readonly bdf: number
  readonly interruptVector: number
  readonly config: PciConfig
  readonly #settings: NvmeSettings
  readonly #parts: ControllerParts
  readonly #block: BlockDevice
  readonly #interrupts: NvmeInterrupts
  readonly #engine: CommandEngine
  readonly #msixAt: number
  readonly #stride: number
  readonly #readyEnds = new ClockEvent(() => this.#becomeReady())
  readonly #resetEnds = new ClockEvent(() => {
    this.#csts = 0
  })
  readonly #shutdownEnds = new ClockEvent(() => {
    this.#block.disk.emptyCache()
    this.#csts = (this.#csts & ~CSTS_SHST_OCCURRING) | CSTS_SHST_COMPLETE
  })
  resetCount = 0
  #cc = 0
  #csts = 0
  #aqa = 0
  /** ASQ and ACQ: low and high dword. */
  readonly #asq: [number, number] = [0, 0]
  readonly #acq: [number, number] = [0, 0]

  constructor(settings: NvmeSettings, block: BlockDevice, parts: ControllerParts) {
    this.#settings = settings
    this.#parts = parts
    this.#block = block
    this.name = parts.name
    this.bdf = parts.bdf
    this.interruptVector = parts.interruptVector
    this.config = new PciConfig(pciIdentity(settings))
    const place = msixPlace(settings)
    this.#msixAt = place.tableAt
    this.#stride = doorbellStride(settings)
    this.#interrupts = new NvmeInterrupts(new Msix(this.config, place, parts.onMessage))
    this.#engine = new CommandEngine(this, block, parts, settings, this.#interrupts)
  }

  powerOn(): void {
    this.config.reset()
    this.#interrupts.msix.powerOn()
    this.#forget()
    this.#cc = this.#csts = this.#aqa = 0
    this.#asq.fill(0)
    this.#acq.fill(0)
  }

  // ControllerState

  get state(): ControllerState {
    return this
  }

  get takesRequests(): boolean {
    return this.isReady && this.#engine.submissions.some((queue) => queue !== null && queue.id > 0)
  }

  /** Of I/O queues: the admin queue has no switch. */
  get interrupts(): ControllerState['interrupts'] {
    const { msix } = this.#interrupts
    const isOn = this.#engine.completions.some(
      (queue) => queue !== null && queue.id > 0 && this.#interrupts.isOpen(queue, true),
    )
    return !isOn ? 'off' : msix.isEnabled ? 'message' : 'line'
  }

  get isInterrupting(): boolean {
    return this.#interrupts.isLineRaised
  }

  get isInterruptEnabled(): boolean {
    const hasLine = !this.config.isInterruptDisabled
    return this.#engine.completions.some((queue) => queue !== null && this.#interrupts.isOpen(queue, hasLine))
  }

  // EngineHost

  get isReady(): boolean {
    return this.#csts === CSTS_RDY && (this.#cc & CC_EN) !== 0 && this.config.isBusMaster
  }

  get hasEntrySizes(): boolean {
    const sqes = (this.#cc >>> CC_IOSQES_SHIFT) & CC_ES_MASK
    const cqes = (this.#cc >>> CC_IOCQES_SHIFT) & CC_ES_MASK
    return sqes === NVME_SQES && cqes === NVME_CQES
  }

  fail(reason: string): void {
    if ((this.#csts & CSTS_CFS) !== 0) return
    this.#parts.onStopped(`controller fatal status (CSTS.CFS): ${reason}`)
    this.failByFault()
  }

  failByFault(): void {
    this.#csts |= CSTS_CFS
    this.#engine.halt()
  }

  // PciFunction

  configReading(): void {}

  configWritten(): void {
    this.#interrupts.msix.release()
    this.#engine.resume()
  }

  readWindow(_bar: number, offset: number, size: number): number {
    return readDwords(this, offset, size)
  }

  writeWindow(_bar: number, offset: number, size: number, value: number): void {
    writeDwords(this, offset, size, value)
  }

  readRegister(offset: number): number {
    if (offset >= this.#msixAt) return this.#interrupts.msix.read(offset)
    if (offset >= NVME_DOORBELLS) return 0
    const { queueEntries, timeout, doorbellStride } = this.#settings
    switch (offset) {
      case NVME_CAP:
        return ((queueEntries - 1) | CAP_CQR | (timeout << CAP_TO_SHIFT)) >>> 0
      case NVME_CAP_HIGH:
        return doorbellStride | CAP_HIGH_CSS_NVM
      case NVME_VS:
        return NVME_VS_1_4_0
      case NVME_INTMS:
      case NVME_INTMC:
        return this.#interrupts.mask >>> 0
      case NVME_CC:
        return this.#cc
      case NVME_CSTS:
        return this.#csts
      case NVME_AQA:
        return this.#aqa
      case NVME_ASQ:
        return this.#asq[0]
      case NVME_ASQ_HIGH:
        return this.#asq[1]
      case NVME_ACQ:
        return this.#acq[0]
      case NVME_ACQ_HIGH:
        return this.#acq[1]
      default:
        return 0
    }
  }

  writeRegister(offset: number, value: number, mask: number): void {
    if (offset >= this.#msixAt) {
      if (mask === ALL_BITS) this.#interrupts.msix.write(offset, 4, value)
      return
    }
    if (offset >= NVME_DOORBELLS) {
      this.#ring(offset - NVME_DOORBELLS, value & 0xffff)
      return
    }
    switch (offset) {
      case NVME_INTMS:
        this.#interrupts.mask |= value & mask
        break
      case NVME_INTMC:
        this.#interrupts.mask &= ~(value & mask)
        break
      case NVME_CC:
        this.#control(merge(this.#cc, value, mask))
        break
      case NVME_AQA:
        this.#aqa = merge(this.#aqa, value, mask & (AQA_SIZE_MASK | (AQA_SIZE_MASK << AQA_ACQS_SHIFT)))
        break
      case NVME_ASQ:
        this.#asq[0] = merge(this.#asq[0], value, mask & ADDRESS_MASK)
        break
      case NVME_ASQ_HIGH:
        this.#asq[1] = merge(this.#asq[1], value, mask)
        break
      case NVME_ACQ:
        this.#acq[0] = merge(this.#acq[0], value, mask & ADDRESS_MASK)
        break
      case NVME_ACQ_HIGH:
        this.#acq[1] = merge(this.#acq[1], value, mask)
        break
      case NVME_CAP:
      case NVME_CAP_HIGH:
      case NVME_VS:
      case NVME_CSTS:
        break
      default:
        this.#parts.notModelled.note(this.name, nvmeRegisterName(offset) ?? 'reserved registers', 'write')
    }
  }

  /** 3.1.24, 3.1.25; without effect while the controller is not ready. */
  #ring(offset: number, value: number): void {
    if (!this.isReady || offset % this.#stride !== 0) return
    const index = offset / this.#stride
    const queue = index >>> 1
    if (index % 2 === 0) this.#engine.submissionTail(queue, value)
    else this.#engine.completionHead(queue, value)
  }

  /** CC was written (3.1.5, 7.6). */
  #control(next: number): void {
    const before = this.#cc
    this.#cc = next
    const changed = before ^ next
    if ((changed & CC_EN) !== 0) {
      if ((next & CC_EN) !== 0) this.#enable()
      else this.#disable()
    }
    const shn = (next >>> CC_SHN_SHIFT) & CC_SHN_MASK
    if (shn !== 0 && ((before >>> CC_SHN_SHIFT) & CC_SHN_MASK) === 0) this.#shutDown()
  }

  #enable(): void {
    const { clock } = this.#parts
    if (this.#resetEnds.isArmed) {
      // 3.1.5: what happens before RDY is 0 is undefined; here the write is lost, and RDY goes on to 0
      this.#cc &= ~CC_EN
      const what = 'CC.EN set before the reset has ended'
      this.#parts.onRefused({ limit: 'CSTS.RDY', allowed: 0, found: 1, what })
      return
    }
    clock.arm(this.#readyEnds, clock.nowNs + this.#settings.readyNs)
  }

  /** The queues of the registers are taken as they are now. */
  #becomeReady(): void {
    const css = (this.#cc >>> CC_CSS_SHIFT) & CC_CSS_MASK
    const mps = (this.#cc >>> CC_MPS_SHIFT) & CC_MPS_MASK
    const sqs = this.#aqa & AQA_SIZE_MASK
    const cqs = (this.#aqa >>> AQA_ACQS_SHIFT) & AQA_SIZE_MASK
    this.#csts = CSTS_RDY
    if (css !== 0 || mps !== 0) {
      this.fail(`CC.CSS is ${css} and CC.MPS is ${mps}, expected 0 as CAP.CSS and CAP.MPSMAX have it`)
      return
    }
    if (sqs === 0 || cqs === 0) {
      this.fail('AQA gives an admin queue one entry, expected at least two')
      return
    }
    this.#engine.createCompletionQueue(0, fromHalves(this.#acq[1], this.#acq[0]), cqs + 1, 0, true)
    const completions = this.#engine.completions[0]!
    this.#engine.createSubmissionQueue(0, fromHalves(this.#asq[1], this.#asq[0]), sqs + 1, completions)
  }

  /** Controller reset (7.3.2): AQA, ASQ and ACQ stay. */
  #disable(): void {
    const { clock, faults } = this.#parts
    const wasReady = this.#csts !== 0
    this.#forget()
    if (!wasReady) return
    const takesNs = this.#settings.readyNs + faults.slowResetNs(this.name)
    this.#csts &= CSTS_RDY
    if (takesNs === 0) this.#csts = 0
    else clock.arm(this.#resetEnds, clock.nowNs + takesNs)
  }

  /** Queues and features are gone, and what was to happen does not. */
  #forget(): void {
    const { clock } = this.#parts
    this.resetCount++
    for (const event of [this.#readyEnds, this.#resetEnds, this.#shutdownEnds]) clock.disarm(event)
    this.#engine.drop()
  }

  /** 7.6.2: the volatile cache reaches the medium; commands that come later are not done. */
  #shutDown(): void {
    const { clock } = this.#parts
    this.#csts = (this.#csts & ~CSTS_SHST_COMPLETE) | CSTS_SHST_OCCURRING
    clock.arm(this.#shutdownEnds, clock.nowNs + this.#settings.shutdownNs)
  }
}
