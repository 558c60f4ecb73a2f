// A virtio block device (VIRTIO 1.2 sections 2, 5.2), as QEMU 7.2's virtio-blk: status, features, device configuration and its split
// virtqueues. Its registers reach it through pci-function.ts. Data moves when a request ends.
import {
  VIRTIO_BLK_F_CONFIG_WCE,
  VIRTIO_BLK_F_FLUSH,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_INDIRECT_DESC,
  VIRTIO_F_NOTIFY_ON_EMPTY,
  VIRTIO_F_UNUSED,
  VIRTIO_F_VERSION_1_HIGH,
  VIRTIO_PCI_ISR_CONFIG,
  VIRTIO_PCI_ISR_QUEUE,
  VIRTIO_STATUS_DEVICE_NEEDS_RESET,
  VIRTIO_STATUS_DRIVER_OK,
  VIRTIO_STATUS_FEATURES_OK,
  VirtioBlkConfig,
} from '@dumpstack/registers'
import { ClockEvent, type VirtualClock } from '../../clock.ts'
import type { BlockDevice } from '../../disk/block-device.ts'
import type { BeyondLimit, OnRefused } from '../../evidence.ts'
import type { PlannedFaults } from '../../faults.ts'
import type { ControllerState, PciConfig } from '../../pci.ts'
import type { ControllerParts } from '../controller-parts.ts'
import type { MemoryClaims } from '../memory-claims.ts'
import { BlockBackend } from './backend.ts'
import { deviceConfig, OFFERED_BY_LEGACY, OFFERED_HIGH, offeredFeatures } from './identity.ts'
import { VirtioMsix } from './msix.ts'
import type { VirtioBlkSettings } from './settings.ts'
import { queueClaims, Virtqueue } from './virtqueue.ts'

/** The order of 3.1.1, without which QEMU works as well. */
const STARTED_EARLY: BeyondLimit = {
  limit: 'FEATURES_OK of device_status',
  allowed: 0,
  found: 1,
  what: 'DRIVER_OK',
  isTolerated: true,
}
const ENABLED_LATE: BeyondLimit = {
  limit: 'DRIVER_OK of device_status',
  allowed: 1,
  found: 1,
  what: 'queue_enable',
  isTolerated: true,
}

export class VirtioBlk implements ControllerState {
  readonly queues: readonly Virtqueue[]
  readonly msix: VirtioMsix
  /** Bits 0 to 31 that the legacy interface offers. */
  readonly offeredLegacy: number
  /** Registers that only the driver looks at again. */
  deviceFeatureSelect = 0
  driverFeatureSelect = 0
  queueSelect = 0
  generation = 0
  readonly #settings: VirtioBlkSettings
  readonly #claims: MemoryClaims
  readonly #name: string
  readonly #clock: VirtualClock
  readonly #faults: PlannedFaults
  readonly #offered: readonly [number, number]
  resetCount = 0
  readonly #backend: BlockBackend
  readonly #onRefused: OnRefused
  readonly #onStopped: (reason: string) => void
  readonly #deviceConfig: VirtioBlkConfig
  readonly #driverFeatures: [number, number] = [0, 0]
  #status = 0
  #isr = 0
  /** The driver broke a rule; only a reset helps. */
  #isBroken = false

  readonly #resetEnds = new ClockEvent(() => this.reset())
  /** Since the last configuration interrupt that came with one. */
  #completions = 0

  constructor(settings: VirtioBlkSettings, block: BlockDevice, parts: ControllerParts, config: PciConfig) {
    this.#settings = settings
    this.#name = parts.name
    this.#clock = parts.clock
    this.#faults = parts.faults
    this.#onRefused = parts.onRefused
    this.#onStopped = parts.onStopped
    const features = offeredFeatures(settings)
    this.#offered = [features, OFFERED_HIGH]
    this.offeredLegacy = features | OFFERED_BY_LEGACY
    this.msix = new VirtioMsix(config, settings, parts.onMessage)
    this.#claims = queueClaims(settings.queues, parts.onOverlap)
    this.queues = Array.from(
      { length: settings.queues },
      (_, index) => new Virtqueue(parts.ram, this.#claims, parts.onStore, index, settings.queueSize),
    )
    for (const queue of this.queues) queue.offersIndirect = settings.indirect === 'on'
    this.#deviceConfig = deviceConfig(block.disk, settings)
    const { segMax, sizeMax } = this.#deviceConfig
    this.#backend = new BlockBackend(
      block,
      parts,
      this.queues,
      { segMax, sizeMax },
      {
        isReady: () => this.#isProcessing && config.isBusMaster,
        isWriteback: () => this.#deviceConfig.writeback !== 0,
        onUsed: (queue) => this.#used(queue),
        onReset: () => this.#needsReset(),
        onBroken: (reason) => this.fail(reason),
      },
    )
    this.reset()
  }

  powerOn(): void {
    this.msix.powerOn()
    this.reset()
  }

  /**
   * The driver of the modern interface asked for a reset and waits until device_status reads 0 (4.1.4.3.2); until then nothing that it
   * writes is taken. A device that is reset already reads 0 at once.
   */
  beginReset(): void {
    if (this.isResetting) return
    const takesNs = this.#status === 0 ? 0 : this.#settings.resetNs + this.#faults.slowResetNs(this.#name)
    if (takesNs === 0) {
      this.reset()
      return
    }
    this.#backend.drop()
    this.#isr = 0
    this.#clock.arm(this.#resetEnds, this.#clock.nowNs + takesNs)
  }

  get takesRequests(): boolean {
    return this.#isProcessing && this.queues.some(({ isEnabled }) => isEnabled)
  }

  /** INTx needs no switch; a message needs a vector. */
  get interrupts(): ControllerState['interrupts'] {
    return this.queues.some((_, index) => this.msix.isOpen(this.msix.queueVectors[index]!))
      ? 'message'
      : 'off'
  }

  get isResetting(): boolean {
    return this.#resetEnds.isArmed
  }

  /** Something was written while a reset was under way. */
  refuseWrite(): void {
    const what = 'a write of a register before the reset has ended'
    this.#onRefused({ limit: 'device_status', allowed: 0, found: this.#status, what })
  }

  /** Device reset (2.4): nothing of a request that was in flight happens. */
  reset(): void {
    this.resetCount++
    this.#clock.disarm(this.#resetEnds)
    this.#backend.drop()
    for (const queue of this.queues) queue.reset()
    this.#claims.releaseAll()
    this.msix.reset()
    this.#deviceConfig.writeback = this.#settings.writeCache === 'on' ? 1 : 0
    this.#driverFeatures.fill(0)
    this.deviceFeatureSelect = this.driverFeatureSelect = this.queueSelect = 0
    this.#status = this.#isr = this.generation = this.#completions = 0
    this.#isBroken = false
  }

  get isInterrupting(): boolean {
    return this.#isr !== 0 && !this.msix.isEnabled
  }

  /** Whether the end of a request on some queue would interrupt; `hasLine`: unless MSI-X is enabled. */
  isInterruptEnabled(hasLine: boolean): boolean {
    const { isEnabled, queueVectors } = this.msix
    return this.queues.some(
      (queue) =>
        queue.isEnabled &&
        queue.wantsNextInterrupt() &&
        (isEnabled ? this.msix.isOpen(queueVectors[queue.index]!) : hasLine),
    )
  }

  /** Configuration space was written: messages may leave, requests may begin. */
  configWritten(): void {
    this.msix.release()
    this.#backend.resume()
  }

  get status(): number {
    return this.#status
  }

  /** `value` is not 0. */
  setStatus(value: number): void {
    // 2.2.2: what was not offered cannot be agreed on; FEATURES_OK reads 0 then
    const isAgreed = this.#offered.every((offered, i) => (this.#driverFeatures[i]! & ~offered) === 0)
    const isAsked = (value & ~this.#status & VIRTIO_STATUS_FEATURES_OK) !== 0
    const isStarted = (value & ~this.#status & VIRTIO_STATUS_DRIVER_OK) !== 0
    this.#status = isAsked && !isAgreed ? value & ~VIRTIO_STATUS_FEATURES_OK : value
    if (isStarted && this.#isModern && (value & VIRTIO_STATUS_FEATURES_OK) === 0)
      this.#onRefused(STARTED_EARLY)
    // 5.2.5.2: a driver that cannot flush gets a cache that needs no flush
    if (isStarted && !this.#has(VIRTIO_BLK_F_CONFIG_WCE)) {
      this.#deviceConfig.writeback = this.#has(VIRTIO_BLK_F_FLUSH) ? 1 : 0
    }
    this.#backend.resume() // what the driver made available before DRIVER_OK begins now
  }

  deviceFeatures(): number {
    return this.#offered[this.deviceFeatureSelect] ?? 0
  }

  driverFeatures(select: number): number {
    return (this.#driverFeatures[select] ?? 0) >>> 0
  }

  /** Once FEATURES_OK is set the bits stay (3.1.1). */
  setDriverFeatures(value: number): void {
    const isAgreed = (this.#status & VIRTIO_STATUS_FEATURES_OK) !== 0
    if (isAgreed || this.driverFeatureSelect > 1) return
    this.#driverFeatures[this.driverFeatureSelect] = value
    this.#agreeOnQueues()
  }

  /** Legacy: what is not offered is ignored; a driver that takes the unused bit takes anything and gets nothing. */
  setLegacyFeatures(value: number): void {
    this.#driverFeatures[0] = (value & VIRTIO_F_UNUSED) !== 0 ? 0 : (value & this.offeredLegacy) >>> 0
    this.#agreeOnQueues()
  }

  #agreeOnQueues(): void {
    for (const queue of this.queues) {
      queue.hasEventIndex = this.#has(VIRTIO_F_EVENT_IDX)
      queue.hasIndirect = this.#has(VIRTIO_F_INDIRECT_DESC)
    }
  }

  /** Reading it clears it and lowers the line (4.1.4.5). */
  takeIsr(): number {
    const value = this.#isr
    this.#isr = 0
    return value
  }

  /** Device configuration; all ones where its fields end. */
  readDeviceConfig(offset: number, size: number): number {
    const { view } = this.#deviceConfig
    if (offset + size > VirtioBlkConfig.size) return 0xffffffff
    return size === 1
      ? view.getUint8(offset)
      : size === 2
        ? view.getUint16(offset, true)
        : view.getUint32(offset, true)
  }

  writeDeviceConfig(offset: number, size: number, value: number): void {
    if ((this.#offered[0] & VIRTIO_BLK_F_CONFIG_WCE) === 0) return
    const inField = VirtioBlkConfig.fields.writeback.offset - offset
    if (inField >= 0 && inField < size) {
      this.#deviceConfig.writeback = ((value >>> (inField * 8)) & 0xff) === 0 ? 0 : 1
    }
  }

  /** queue_enable. */
  enableQueue(queue: Virtqueue): void {
    if (this.#isModern && (this.#status & VIRTIO_STATUS_DRIVER_OK) !== 0) this.#onRefused(ENABLED_LATE)
    if (!queue.enable()) this.fail(queue.refusal)
  }

  /** Of the queue that is selected. */
  setQueueVector(value: number): void {
    if (this.queueSelect < this.queues.length)
      this.msix.queueVectors[this.queueSelect] = this.msix.vector(value)
  }

  /** Legacy address of the queue that is selected; 0 resets the device. */
  placeLegacyQueue(address: number): void {
    if (address === 0) {
      this.reset()
      return
    }
    const queue = this.queues[this.queueSelect]
    if (queue !== undefined && !queue.enableLegacy(address)) this.fail(queue.refusal)
  }

  notify(queueIndex: number): void {
    const queue = this.queues[queueIndex]
    if (queue !== undefined) this.#backend.notified(queue)
  }

  /** The driver broke a rule of the queue (2.1.2): the device stops and, to a modern driver, says so. */
  fail(reason: string): void {
    if (this.#isBroken) return
    this.#onStopped(reason)
    this.#needsReset()
  }

  #needsReset(): void {
    this.#isBroken = true
    this.#backend.drop()
    if (!this.#isModern) return
    this.#status |= VIRTIO_STATUS_DEVICE_NEEDS_RESET
    if ((this.#status & VIRTIO_STATUS_DRIVER_OK) === 0) return
    // QEMU's configuration interrupt sets both bits
    this.#signalConfiguration(VIRTIO_PCI_ISR_QUEUE | VIRTIO_PCI_ISR_CONFIG)
  }

  /** 4.1.5.4 */
  #signalConfiguration(bits: number): void {
    this.generation = (this.generation + 1) & 0xff
    this.#interrupt(bits, this.msix.configVector)
  }

  /** By message, or by the line, which shows ISR. */
  #interrupt(bits: number, vector: number): void {
    const { isEnabled } = this.msix
    if (!isEnabled || this.#settings.isrWithMsix === 'on') this.#isr |= bits
    if (isEnabled) this.msix.signal(vector)
  }

  get #isModern(): boolean {
    return (this.#driverFeatures[1] & VIRTIO_F_VERSION_1_HIGH) !== 0
  }

  /** One of bits 0 to 31. */
  #has(feature: number): boolean {
    return (this.#driverFeatures[0] & feature) !== 0
  }

  /** Legacy drivers use the queue before they set DRIVER_OK (3.1.2). */
  get #isProcessing(): boolean {
    const isOn = !this.#isModern || (this.#status & VIRTIO_STATUS_DRIVER_OK) !== 0
    return isOn && !this.#isBroken && !this.isResetting
  }

  /** A request is on the used ring. */
  #used(queue: Virtqueue): void {
    const { configInterrupts } = this.#settings
    const isDrained = this.#has(VIRTIO_F_NOTIFY_ON_EMPTY) && queue.inFlight === 0 && queue.isEmpty
    const isWanted = queue.wantsInterrupt()
    const isRunning = (this.#status & VIRTIO_STATUS_DRIVER_OK) !== 0
    if (isRunning && configInterrupts > 0 && ++this.#completions >= configInterrupts) {
      this.#completions = 0
      this.#signalConfiguration(VIRTIO_PCI_ISR_CONFIG)
    }
    if (isDrained || isWanted) this.#interrupt(VIRTIO_PCI_ISR_QUEUE, this.msix.queueVectors[queue.index]!)
  }
}
