// A virtio device on PCI as its driver finds it: the structures that its capabilities name and the registers in them (VIRTIO 1.2
// section 4.1.4), reset and feature negotiation (3.1.1). The modern interface only.
import { fromHalves, highHalf, lowHalf } from '@dumpstack/bytes'
import type { PortConfigurationInformation } from '@dumpstack/nt'
import {
  PCI_CAPABILITIES_POINTER,
  PCI_CAPABILITY_ID_VENDOR_SPECIFIC,
  PCI_CONFIG_BYTES,
  PCI_DEVICE_ID,
  PCI_VENDOR_ID,
  VIRTIO_F_VERSION_1_HIGH,
  VIRTIO_PCI_CAP_COMMON_CFG,
  VIRTIO_PCI_CAP_DEVICE_CFG,
  VIRTIO_PCI_CAP_EXTRA,
  VIRTIO_PCI_CAP_ISR_CFG,
  VIRTIO_PCI_CAP_NOTIFY_CFG,
  VIRTIO_PCI_COMMON_CFGGENERATION,
  VIRTIO_PCI_COMMON_DF,
  VIRTIO_PCI_COMMON_DFSELECT,
  VIRTIO_PCI_COMMON_GF,
  VIRTIO_PCI_COMMON_GFSELECT,
  VIRTIO_PCI_COMMON_Q_AVAILHI,
  VIRTIO_PCI_COMMON_Q_AVAILLO,
  VIRTIO_PCI_COMMON_Q_DESCHI,
  VIRTIO_PCI_COMMON_Q_DESCLO,
  VIRTIO_PCI_COMMON_Q_ENABLE,
  VIRTIO_PCI_COMMON_Q_NOFF,
  VIRTIO_PCI_COMMON_Q_SELECT,
  VIRTIO_PCI_COMMON_Q_SIZE,
  VIRTIO_PCI_COMMON_Q_USEDHI,
  VIRTIO_PCI_COMMON_Q_USEDLO,
  VIRTIO_PCI_COMMON_STATUS,
  VIRTIO_PCI_DEVICE_ID_BLOCK,
  VIRTIO_PCI_DEVICE_ID_BLOCK_TRANSITIONAL,
  VIRTIO_PCI_VENDOR_ID,
  VIRTIO_STATUS_ACKNOWLEDGE,
  VIRTIO_STATUS_DEVICE_NEEDS_RESET,
  VIRTIO_STATUS_DRIVER,
  VIRTIO_STATUS_DRIVER_OK,
  VIRTIO_STATUS_FEATURES_OK,
  VirtioPciCap,
} from '@dumpstack/registers'
import type { DeviceRegisters, GuestBlock, PortExports } from '../../miniport.ts'

const RESET_STEP_US = 100
/** 2.4.2 sets no limit to a reset; a second is more than any device needs. */
const RESET_STEPS = 10_000
const GENERATION_TRIES = 100
/** A list of capabilities holds no more than fits after the header. */
const MAX_CAPABILITIES = 48

interface Structure {
  readonly registers: DeviceRegisters
  readonly at: number
}

export class VirtioPci {
  readonly #port: PortExports
  readonly #common: Structure
  readonly #isr: Structure
  readonly #device: Structure
  readonly #notify: Structure
  readonly #notifyMultiplier: number
  #queueNotifyAt = 0

  /** Null when the function is no virtio block device, or has no modern interface. */
  static find(
    port: PortExports,
    extension: GuestBlock,
    { systemIoBusNumber, slotNumber }: PortConfigurationInformation,
  ): VirtioPci | null {
    const bytes = port.getBusData(extension, systemIoBusNumber, slotNumber, 0, PCI_CONFIG_BYTES)
    if (bytes.byteLength < PCI_CONFIG_BYTES) return null
    const config = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const deviceId = config.getUint16(PCI_DEVICE_ID, true)
    const isBlock =
      deviceId === VIRTIO_PCI_DEVICE_ID_BLOCK || deviceId === VIRTIO_PCI_DEVICE_ID_BLOCK_TRANSITIONAL
    if (config.getUint16(PCI_VENDOR_ID, true) !== VIRTIO_PCI_VENDOR_ID || !isBlock) return null
    const structures = new Map<number, Structure>()
    let multiplier = 0
    let at = config.getUint8(PCI_CAPABILITIES_POINTER)
    for (
      let count = 0;
      at !== 0 && at + VirtioPciCap.size <= PCI_CONFIG_BYTES && count < MAX_CAPABILITIES;
      count++
    ) {
      const cap = VirtioPciCap.at(config, at)
      if (cap.capVndr === PCI_CAPABILITY_ID_VENDOR_SPECIFIC) {
        // the first of a kind that can be mapped is the one to use (4.1.4.1)
        const registers = structures.has(cap.cfgType) ? null : port.getDeviceBase(extension, cap.bar)
        if (registers !== null) {
          structures.set(cap.cfgType, { registers, at: cap.offset })
          if (cap.cfgType === VIRTIO_PCI_CAP_NOTIFY_CFG) {
            multiplier = config.getUint32(at + VIRTIO_PCI_CAP_EXTRA, true)
          }
        }
      }
      at = cap.capNext
    }
    const common = structures.get(VIRTIO_PCI_CAP_COMMON_CFG)
    const isr = structures.get(VIRTIO_PCI_CAP_ISR_CFG)
    const device = structures.get(VIRTIO_PCI_CAP_DEVICE_CFG)
    const notify = structures.get(VIRTIO_PCI_CAP_NOTIFY_CFG)
    if (!common || !isr || !device || !notify) return null
    return new VirtioPci(port, { common, isr, device, notify }, multiplier)
  }

  constructor(
    port: PortExports,
    structures: Readonly<Record<'common' | 'isr' | 'device' | 'notify', Structure>>,
    notifyMultiplier: number,
  ) {
    this.#port = port
    this.#common = structures.common
    this.#isr = structures.isr
    this.#device = structures.device
    this.#notify = structures.notify
    this.#notifyMultiplier = notifyMultiplier
  }

  /** Reading it clears it and lowers the line. */
  takeIsr(): number {
    return this.#isr.registers.read8(this.#isr.at)
  }

  get needsReset(): boolean {
    return (this.#status & VIRTIO_STATUS_DEVICE_NEEDS_RESET) !== 0
  }

  /** Section 3.1.1 steps 1 to 6: a reset, which ends whatever the device was doing, then `wanted` of bits 0 to 31. Those agreed on; null on refusal. */
  negotiate(wanted: number): number | null {
    if (!this.#reset()) return null
    this.#status = VIRTIO_STATUS_ACKNOWLEDGE
    this.#status |= VIRTIO_STATUS_DRIVER
    if ((this.#offered(1) & VIRTIO_F_VERSION_1_HIGH) === 0) return null
    const agreed = this.#offered(0) & wanted
    this.#accept(0, agreed)
    this.#accept(1, VIRTIO_F_VERSION_1_HIGH)
    this.#status |= VIRTIO_STATUS_FEATURES_OK
    return (this.#status & VIRTIO_STATUS_FEATURES_OK) === 0 ? null : agreed
  }

  /** Entries of queue 0. */
  get queueSize(): number {
    this.#write16(VIRTIO_PCI_COMMON_Q_SELECT, 0)
    return this.#common.registers.read16(this.#common.at + VIRTIO_PCI_COMMON_Q_SIZE)
  }

  /** Places queue 0, each address at its full width (DM-34), and lets the device work. */
  start(size: number, descriptors: number, avail: number, used: number): void {
    this.#write16(VIRTIO_PCI_COMMON_Q_SELECT, 0)
    this.#write16(VIRTIO_PCI_COMMON_Q_SIZE, size)
    this.#writeAddress(VIRTIO_PCI_COMMON_Q_DESCLO, VIRTIO_PCI_COMMON_Q_DESCHI, descriptors)
    this.#writeAddress(VIRTIO_PCI_COMMON_Q_AVAILLO, VIRTIO_PCI_COMMON_Q_AVAILHI, avail)
    this.#writeAddress(VIRTIO_PCI_COMMON_Q_USEDLO, VIRTIO_PCI_COMMON_Q_USEDHI, used)
    const notifyOff = this.#common.registers.read16(this.#common.at + VIRTIO_PCI_COMMON_Q_NOFF)
    this.#queueNotifyAt = this.#notify.at + notifyOff * this.#notifyMultiplier
    this.#write16(VIRTIO_PCI_COMMON_Q_ENABLE, 1)
    this.#status |= VIRTIO_STATUS_DRIVER_OK
  }

  /** Queue 0 has something new. */
  notify(): void {
    this.#notify.registers.write16(this.#queueNotifyAt, 0)
  }

  deviceConfig8(offset: number): number {
    return this.#device.registers.read8(this.#device.at + offset)
  }

  deviceConfig32(offset: number): number {
    return this.#device.registers.read32(this.#device.at + offset)
  }

  /** Fields of more than 32 bits, or that belong together, are read while the generation stays (2.5.1). */
  deviceConfig64(offset: number): number {
    for (let tries = 0; ; tries++) {
      const generation = this.#generation
      const value = fromHalves(this.deviceConfig32(offset + 4), this.deviceConfig32(offset))
      if (this.#generation === generation || tries === GENERATION_TRIES) return value
    }
  }

  get #generation(): number {
    return this.#common.registers.read8(this.#common.at + VIRTIO_PCI_COMMON_CFGGENERATION)
  }

  get #status(): number {
    return this.#common.registers.read8(this.#common.at + VIRTIO_PCI_COMMON_STATUS)
  }

  set #status(value: number) {
    this.#common.registers.write8(this.#common.at + VIRTIO_PCI_COMMON_STATUS, value)
  }

  /** DM-29, section 4.1.4.3.2: device_status reads 0 once the reset is done. */
  #reset(): boolean {
    this.#status = 0
    for (let step = 0; this.#status !== 0; step++) {
      if (step === RESET_STEPS) return false
      this.#port.stallExecution(RESET_STEP_US)
    }
    return true
  }

  #offered(select: number): number {
    const { registers, at } = this.#common
    registers.write32(at + VIRTIO_PCI_COMMON_DFSELECT, select)
    return registers.read32(at + VIRTIO_PCI_COMMON_DF)
  }

  #accept(select: number, features: number): void {
    const { registers, at } = this.#common
    registers.write32(at + VIRTIO_PCI_COMMON_GFSELECT, select)
    registers.write32(at + VIRTIO_PCI_COMMON_GF, features)
  }

  #write16(field: number, value: number): void {
    this.#common.registers.write16(this.#common.at + field, value)
  }

  #writeAddress(low: number, high: number, address: number): void {
    const { registers, at } = this.#common
    registers.write32(at + low, lowHalf(address))
    registers.write32(at + high, highHalf(address))
  }
}
