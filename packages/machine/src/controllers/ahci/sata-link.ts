// The Serial ATA link of one AHCI port: PxSSTS, PxSCTL and PxSERR (AHCI 1.3.1 sections 3.3.10 to 3.3.12), COMRESET (10.4.2), and the
// time until the device has sent its first FIS.
import {
  PxSCTL_DET_COMRESET,
  PxSCTL_DET_MASK,
  PxSCTL_DET_NONE,
  PxSCTL_DET_OFFLINE,
  PxSERR_DIAG_N,
  PxSERR_DIAG_X,
  PxSSTS_DET_ESTABLISHED,
  PxSSTS_DET_MASK,
  PxSSTS_DET_OFFLINE,
  PxSSTS_IPM_ACTIVE,
  PxSSTS_IPM_SHIFT,
  PxSSTS_SPD_GEN3,
  PxSSTS_SPD_SHIFT,
} from '@dumpstack/registers'
import { ClockEvent, type VirtualClock } from '../../clock.ts'
import type { AtaDevice } from '../../disk/ata-device.ts'
import { merge } from '../../pci.ts'
import type { AhciSettings } from './settings.ts'

const SSTS_ESTABLISHED =
  PxSSTS_DET_ESTABLISHED | (PxSSTS_SPD_GEN3 << PxSSTS_SPD_SHIFT) | (PxSSTS_IPM_ACTIVE << PxSSTS_IPM_SHIFT)
const SCTL_WRITABLE = 0xfff

/** What a link asks of its surroundings: faults are planned there. */
export interface LinkHost {
  readonly clock: VirtualClock
  isLinkDown(): boolean
  countComreset(): void
  /** What a fault adds to the time that the device is busy after a reset. */
  slowResetNs(): number
  /** From the end of COMRESET to an established link, and from there to the device's signature. */
  readonly settings: AhciSettings
}

/** What a link tells its port. */
export interface LinkEnd {
  /** Whatever was on its way is gone. */
  linkLost(): void
  /** COMRESET begins: the registers that show the device are as without one. */
  deviceGone(): void
  /** COMINIT has come; the device is busy. */
  linkUp(): void
  /** The device has its first FIS, the signature. */
  deviceReady(): void
  /** PxSERR changed. */
  errorsChanged(): void
}

export class SataLink {
  readonly #host: LinkHost
  readonly #end: LinkEnd
  readonly #device: AtaDevice | null
  readonly #linkEvent = new ClockEvent(() => this.#linkUp())
  readonly #readyEvent = new ClockEvent(() => this.#end.deviceReady())
  #sctl = 0
  /** PxSSTS */
  status = 0
  /** PxSERR */
  errors = 0

  constructor(host: LinkHost, end: LinkEnd, device: AtaDevice | null) {
    this.#host = host
    this.#end = end
    this.#device = device
  }

  /** PxSCTL */
  get control(): number {
    return this.#sctl
  }

  get isEstablished(): boolean {
    return (this.status & PxSSTS_DET_MASK) === PxSSTS_DET_ESTABLISHED
  }

  /** The firmware has brought the link up; false where there is none. */
  powerOn(): boolean {
    this.#host.clock.disarm(this.#linkEvent)
    if (this.#device === null || this.#host.isLinkDown()) return false
    this.status = SSTS_ESTABLISHED
    return true
  }

  /** GHC.HR: COMRESET (section 10.4.3), which ends when the port spins up its device. */
  hbaReset(): void {
    this.errors = 0
    this.#sctl = 0
    this.#comresetBegins()
  }

  /** PxCMD.SUD was set, or always is (section 10.1.1). */
  spinUp(): void {
    this.#comresetEnds()
  }

  writeControl(value: number, mask: number): void {
    const before = this.#sctl & PxSCTL_DET_MASK
    this.#sctl = merge(this.#sctl, value & SCTL_WRITABLE, mask)
    const after = this.#sctl & PxSCTL_DET_MASK
    if (after === before) return
    if (after === PxSCTL_DET_COMRESET || after === PxSCTL_DET_OFFLINE) {
      this.#comresetBegins()
      if (after === PxSCTL_DET_OFFLINE) this.status = PxSSTS_DET_OFFLINE
    } else if (after === PxSCTL_DET_NONE) {
      this.#comresetEnds()
    }
  }

  /** A planned link fault came or went. */
  faultChanged(): void {
    if (this.#device === null) return
    if (this.isEstablished && this.#host.isLinkDown()) {
      this.#linkLost()
      this.status = 0
      this.#error(PxSERR_DIAG_N)
    } else if (
      !this.isEstablished &&
      !this.#host.isLinkDown() &&
      (this.#sctl & PxSCTL_DET_MASK) === PxSCTL_DET_NONE
    ) {
      this.#arm(this.#linkEvent, this.#host.settings.linkNs)
    }
  }

  /** The device reset itself: PhyRdy changes, then its COMINIT comes (section 10.4.2 without software). */
  deviceRestarts(): void {
    this.#linkLost()
    this.status = 0
    this.#device?.reset()
    this.#error(PxSERR_DIAG_N)
    this.#arm(this.#linkEvent, this.#host.settings.linkNs)
  }

  /** Software reset by two control FISes (section 10.4.1): the device sends its signature when it is ready. */
  deviceResets(): void {
    this.#device?.reset()
    this.#armReady()
  }

  #comresetBegins(): void {
    this.#linkLost()
    this.status = 0
    this.#end.deviceGone()
  }

  #comresetEnds(): void {
    if (this.#device === null) return
    if (this.#host.isLinkDown()) this.#host.countComreset()
    if (this.#host.isLinkDown()) return
    this.#device.reset()
    this.#arm(this.#linkEvent, this.#host.settings.linkNs)
  }

  #linkLost(): void {
    this.#host.clock.disarm(this.#linkEvent)
    this.#host.clock.disarm(this.#readyEvent)
    this.#end.linkLost()
  }

  #linkUp(): void {
    this.status = SSTS_ESTABLISHED
    this.#end.linkUp()
    this.#error(PxSERR_DIAG_X | PxSERR_DIAG_N)
    this.#armReady()
  }

  #error(bits: number): void {
    this.errors |= bits
    this.#end.errorsChanged()
  }

  #armReady(): void {
    this.#arm(this.#readyEvent, this.#host.settings.busyNs + this.#host.slowResetNs())
  }

  #arm(event: ClockEvent, afterNs: number): void {
    this.#host.clock.arm(event, this.#host.clock.nowNs + afterNs)
  }
}
