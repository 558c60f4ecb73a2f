// A virtio block device (VIRTIO 1.2 sections 2, 5.2), as QEMU 7.2's virtio-blk: status, features, device configuration and one split
// virtqueue. Its registers reach it through pci-function.ts. Data moves when a request ends.
import {
  VIRTIO_BLK_F_CONFIG_WCE,
  VIRTIO_BLK_F_FLUSH,
  VIRTIO_F_EVENT_IDX,
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
import type { BlockDevice } from '../../disk/block-device.ts'
import type { PciConfig } from '../../pci.ts'
import type { ControllerParts } from '../controller-parts.ts'
import { BlockBackend } from './backend.ts'
import { deviceConfig, OFFERED, OFFERED_LEGACY } from './identity.ts'
import { Msix } from './msix.ts'
import { Virtqueue } from './virtqueue.ts'

export class VirtioBlk {
  readonly queue: Virtqueue
  readonly msix: Msix
  /** Registers that only the driver looks at again. */
  deviceFeatureSelect = 0
  driverFeatureSelect = 0
  queueSelect = 0
  generation = 0
  readonly #backend: BlockBackend
  readonly #onStopped: (reason: string) => void
  readonly #deviceConfig: VirtioBlkConfig
  readonly #driverFeatures: [number, number] = [0, 0]
  #status = 0
  #isr = 0
  /** The driver broke a rule; only a reset helps. */
  #isBroken = false

  constructor(segMax: number, block: BlockDevice, parts: ControllerParts, config: PciConfig) {
    this.#onStopped = parts.onStopped
    this.msix = new Msix(config, parts.onMessage)
    this.queue = new Virtqueue(parts.ram)
    this.#deviceConfig = deviceConfig(block.disk, segMax)
    this.#backend = new BlockBackend(block, parts, this.queue, {
      isReady: () => this.#isProcessing && config.isBusMaster,
      isWriteback: () => this.#deviceConfig.writeback !== 0,
      onUsed: () => this.#used(),
      onBroken: (reason) => this.fail(reason),
    })
    this.reset()
  }

  powerOn(): void {
    this.msix.powerOn()
    this.reset()
  }

  /** Device reset (2.4): nothing of a request that was in flight happens. */
  reset(): void {
    this.#backend.drop()
    this.queue.reset()
    this.msix.reset()
    this.#deviceConfig.writeback = 1
    this.#driverFeatures.fill(0)
    this.deviceFeatureSelect = this.driverFeatureSelect = this.queueSelect = 0
    this.#status = this.#isr = this.generation = 0
    this.#isBroken = false
  }

  get isInterrupting(): boolean {
    return this.#isr !== 0 && !this.msix.isEnabled
  }

  /** Configuration space was written: messages may leave, requests may begin. */
  configWritten(): void {
    this.msix.release()
    this.#backend.resume()
  }

  get status(): number {
    return this.#status
  }

  setStatus(value: number): void {
    if (value === 0) {
      this.reset()
      return
    }
    // 2.2.2: what was not offered cannot be agreed on; FEATURES_OK reads 0 then
    const isAgreed = OFFERED.every((offered, i) => (this.#driverFeatures[i]! & ~offered) === 0)
    const isAsked = (value & ~this.#status & VIRTIO_STATUS_FEATURES_OK) !== 0
    const isStarted = (value & ~this.#status & VIRTIO_STATUS_DRIVER_OK) !== 0
    this.#status = isAsked && !isAgreed ? value & ~VIRTIO_STATUS_FEATURES_OK : value
    // 5.2.5.2: a driver that cannot flush gets a cache that needs no flush
    if (isStarted && !this.#has(VIRTIO_BLK_F_CONFIG_WCE)) {
      this.#deviceConfig.writeback = this.#has(VIRTIO_BLK_F_FLUSH) ? 1 : 0
    }
    this.#backend.resume() // what the driver made available before DRIVER_OK begins now
  }

  deviceFeatures(): number {
    return OFFERED[this.deviceFeatureSelect] ?? 0
  }

  driverFeatures(select: number): number {
    return (this.#driverFeatures[select] ?? 0) >>> 0
  }

  /** Once FEATURES_OK is set the bits stay (3.1.1). */
  setDriverFeatures(value: number): void {
    const isAgreed = (this.#status & VIRTIO_STATUS_FEATURES_OK) !== 0
    if (isAgreed || this.driverFeatureSelect > 1) return
    this.#driverFeatures[this.driverFeatureSelect] = value
    this.queue.hasEventIndex = this.#has(VIRTIO_F_EVENT_IDX)
  }

  /** Legacy: what is not offered is ignored; a driver that takes the unused bit takes anything and gets nothing. */
  setLegacyFeatures(value: number): void {
    this.#driverFeatures[0] = (value & VIRTIO_F_UNUSED) !== 0 ? 0 : (value & OFFERED_LEGACY) >>> 0
    this.queue.hasEventIndex = this.#has(VIRTIO_F_EVENT_IDX)
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
    const inField = VirtioBlkConfig.fields.writeback.offset - offset
    if (inField >= 0 && inField < size) {
      this.#deviceConfig.writeback = ((value >>> (inField * 8)) & 0xff) === 0 ? 0 : 1
    }
  }

  /** queue_enable. */
  enableQueue(): void {
    if (!this.queue.enable()) this.fail(this.queue.refusal)
  }

  /** Legacy queue address; 0 resets the device. */
  placeLegacyQueue(address: number): void {
    if (address === 0) this.reset()
    else if (!this.queue.enableLegacy(address)) this.fail(this.queue.refusal)
  }

  notify(queueIndex: number): void {
    if (queueIndex === 0) this.#backend.notified()
  }

  /** The driver broke a rule of the queue (2.1.2): the device stops and, to a modern driver, says so. */
  fail(reason: string): void {
    if (this.#isBroken) return
    this.#isBroken = true
    this.#onStopped(reason)
    this.#backend.drop()
    if (!this.#isModern) return
    this.#status |= VIRTIO_STATUS_DEVICE_NEEDS_RESET
    if ((this.#status & VIRTIO_STATUS_DRIVER_OK) === 0) return
    this.generation = (this.generation + 1) & 0xff
    this.#isr |= VIRTIO_PCI_ISR_QUEUE | VIRTIO_PCI_ISR_CONFIG
    if (this.msix.isEnabled) this.msix.signal(this.msix.configVector)
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
    return isOn && this.queue.isEnabled && !this.#isBroken
  }

  /** A request is on the used ring. */
  #used(): void {
    const isDrained = this.#has(VIRTIO_F_NOTIFY_ON_EMPTY) && this.#backend.isIdle && this.queue.isEmpty
    const isWanted = this.queue.wantsInterrupt()
    if (!isDrained && !isWanted) return
    this.#isr |= VIRTIO_PCI_ISR_QUEUE
    if (this.msix.isEnabled) this.msix.signal(this.msix.queueVector)
  }
}
