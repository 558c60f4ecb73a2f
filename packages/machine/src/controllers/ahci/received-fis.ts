// The received FIS area of a port (AHCI 1.3.1 section 4.2.1): what the device sends is copied there.
import { gpa } from '@dumpstack/bytes'
import {
  ATA_STATUS_DRQ,
  FIS_D,
  FIS_I,
  FIS_SDB_STATUS_MASK,
  FIS_TYPE_DMA_SETUP,
  FIS_TYPE_PIO_SETUP,
  FIS_TYPE_REG_D2H,
  FIS_TYPE_SET_DEVICE_BITS,
  FisDmaSetup,
  FisRegD2H,
  FisSetDeviceBits,
  RECEIVED_FIS_DSFIS,
  RECEIVED_FIS_PSFIS,
  RECEIVED_FIS_RFIS,
  RECEIVED_FIS_SDBFIS,
} from '@dumpstack/registers'
import type { AtaCommand } from '../../disk/ata-device.ts'
import type { DmaRam } from '../../ram.ts'

export class ReceivedFis {
  readonly #ram: DmaRam
  readonly #registerBytes = new Uint8Array(FisRegD2H.size)
  readonly #register = FisRegD2H.of(this.#registerBytes)
  readonly #deviceBitsBytes = new Uint8Array(FisSetDeviceBits.size)
  readonly #deviceBits = FisSetDeviceBits.of(this.#deviceBitsBytes)
  readonly #dmaSetupBytes = new Uint8Array(FisDmaSetup.size)
  readonly #dmaSetup = FisDmaSetup.of(this.#dmaSetupBytes)
  /** Base of the area, as PxFB and PxFBU hold it. */
  base = 0

  constructor(ram: DmaRam) {
    this.#ram = ram
  }

  /** Each method answers whether the area is RAM. */
  registerD2H(status: number, error: number, interrupt: boolean, command: AtaCommand, lba: number): boolean {
    const fis = this.#fill(FIS_TYPE_REG_D2H, interrupt ? FIS_I : 0, status, error)
    this.#place(lba, command.device, command.answer)
    fis.eStatus = 0
    fis.transferCount = 0
    return this.#post(RECEIVED_FIS_RFIS, this.#registerBytes)
  }

  /** The device's signature after a reset: Count and LBA as ACS-3 table 206 has them for ATA devices. */
  signature(status: number, diagnostic: number): boolean {
    const fis = this.#fill(FIS_TYPE_REG_D2H, 0, status, diagnostic)
    this.#place(1, 0, 1)
    fis.eStatus = 0
    fis.transferCount = 0
    return this.#post(RECEIVED_FIS_RFIS, this.#registerBytes)
  }

  pioSetupIn(status: number, byteLength: number, command: AtaCommand): boolean {
    const fis = this.#fill(FIS_TYPE_PIO_SETUP, FIS_I | FIS_D, status | ATA_STATUS_DRQ, 0)
    this.#place(command.lba, command.device, command.sectorCount)
    fis.eStatus = status
    fis.transferCount = byteLength
    return this.#post(RECEIVED_FIS_PSFIS, this.#registerBytes)
  }

  setDeviceBits(status: number, error: number, sActive: number): boolean {
    const fis = this.#deviceBits
    fis.fisType = FIS_TYPE_SET_DEVICE_BITS
    fis.flags = FIS_I
    fis.status = status & FIS_SDB_STATUS_MASK
    fis.error = error
    fis.sActive = sActive
    return this.#post(RECEIVED_FIS_SDBFIS, this.#deviceBitsBytes)
  }

  dmaSetup(tag: number, deviceSends: boolean, byteLength: number): boolean {
    const fis = this.#dmaSetup
    fis.fisType = FIS_TYPE_DMA_SETUP
    fis.flags = deviceSends ? FIS_D : 0
    this.#dmaSetupBytes[FisDmaSetup.fields.dmaBufferId.offset] = tag
    fis.dmaTransferCount = byteLength
    return this.#post(RECEIVED_FIS_DSFIS, this.#dmaSetupBytes)
  }

  #fill(fisType: number, flags: number, status: number, error: number): FisRegD2H {
    const fis = this.#register
    fis.fisType = fisType
    fis.flags = flags
    fis.status = status
    fis.error = error
    return fis
  }

  #place(lba: number, device: number, count: number): void {
    const fis = this.#register
    const high = Math.floor(lba / 2 ** 24)
    fis.lba7to0 = lba & 0xff
    fis.lba15to8 = (lba >>> 8) & 0xff
    fis.lba23to16 = (lba >>> 16) & 0xff
    fis.device = device
    fis.lba31to24 = high & 0xff
    fis.lba39to32 = (high >>> 8) & 0xff
    fis.lba47to40 = (high >>> 16) & 0xff
    fis.count = count & 0xff
    fis.countExp = (count >>> 8) & 0xff
  }

  #post(offset: number, bytes: Uint8Array): boolean {
    const at = gpa(this.base + offset)
    if (!this.#ram.has(at, bytes.byteLength)) return false
    this.#ram.write(at, bytes)
    return true
  }
}
