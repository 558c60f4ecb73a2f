// One AHCI port: its registers (AHCI 1.3.1 section 3.3), the link, and the state machine of section 5.3, simplified:
// NotRunning, Idle (fetch commands), and Err, which only clearing PxCMD.ST leaves. Data moves when a command ends, so
// what a stop or a reset drops has changed nothing.
import { fromHalves } from '@dumpstack/bytes'
import {
  ATA_SIGNATURE,
  ATA_STATUS_BSY,
  ATA_STATUS_DRQ,
  PxCI,
  PxCLB,
  PxCLBU,
  PxCMD,
  PxCMD_ATAPI,
  PxCMD_CCS_MASK,
  PxCMD_CCS_SHIFT,
  PxCMD_CLO,
  PxCMD_CR,
  PxCMD_DLAE,
  PxCMD_FR,
  PxCMD_FRE,
  PxCMD_POD,
  PxCMD_ST,
  PxCMD_SUD,
  PxDEVSLP,
  PxFB,
  PxFBS,
  PxFBU,
  PxIE,
  PxIS,
  PxIS_CPDS,
  PxIS_DHRS,
  PxIS_DMPS,
  PxIS_DPS,
  PxIS_DSS,
  PxIS_HBDS,
  PxIS_HBFS,
  PxIS_IFS,
  PxIS_INFS,
  PxIS_IPMS,
  PxIS_OFS,
  PxIS_PCS,
  PxIS_PRCS,
  PxIS_PSS,
  PxIS_SDBS,
  PxIS_TFES,
  PxIS_UFS,
  PxSACT,
  PxSCTL,
  PxSERR,
  PxSERR_DIAG_N,
  PxSERR_DIAG_X,
  PxSIG,
  PxSIG_RESET,
  PxSNTF,
  PxSSTS,
  PxTFD,
  PxTFD_ERR_SHIFT,
  PxTFD_RESET,
  PxVS,
} from '@dumpstack/registers'
import { type AtaDevice, STATUS_GOOD } from '../../disk/ata-device.ts'
import type { BlockHost } from '../../disk/block-device.ts'
import { merge } from '../../pci.ts'
import { CommandEngine, type CommandHost, type CommandPort } from './command-engine.ts'
import { ReceivedFis } from './received-fis.ts'
import { type LinkEnd, type LinkHost, SataLink } from './sata-link.ts'

/** What a port needs from its HBA. */
export interface PortHost extends LinkHost, CommandHost {
  /** PxIS or PxIE changed. */
  interruptChanged(): void
}

/** SATA 3: 6 Gb/s, 8b/10b coded. */
const LINK_BYTES_PER_SECOND = 600e6
/** Diagnostic code of the signature FIS: passed (ACS-3 section 9.1). */
const DIAGNOSTIC_PASSED = 0x01

/** Read-only 1: PxCMD.CPD is 0, and SUD unless CAP.SSS is 1. */
const CMD_RESET = PxCMD_SUD | PxCMD_POD
/** How long PxCMD.CR stays 1 after ST is cleared. Our choice; section 10.1.2 has software wait for half a second. */
const STOP_NS = 10_000
/** ICC ends where it began: the link is always active, requests are done at once. */
const CMD_WRITABLE = PxCMD_ST | PxCMD_FRE | PxCMD_ATAPI | PxCMD_DLAE
const IE_WRITABLE =
  PxIS_DHRS |
  PxIS_PSS |
  PxIS_DSS |
  PxIS_SDBS |
  PxIS_UFS |
  PxIS_DPS |
  PxIS_PCS |
  PxIS_DMPS |
  PxIS_PRCS |
  PxIS_IPMS |
  PxIS_OFS |
  PxIS_INFS |
  PxIS_IFS |
  PxIS_HBDS |
  PxIS_HBFS |
  PxIS_TFES |
  PxIS_CPDS

const NAMES: Readonly<Record<number, string>> = {
  [PxSNTF]: 'PxSNTF',
  [PxFBS]: 'PxFBS',
  [PxDEVSLP]: 'PxDEVSLP',
}

export class AhciPort implements LinkEnd, CommandPort, BlockHost {
  readonly host: PortHost
  readonly bytesPerSecond = LINK_BYTES_PER_SECOND
  readonly received: ReceivedFis
  readonly #engine: CommandEngine
  readonly #device: AtaDevice | null
  readonly #link: SataLink
  readonly #isStaggered: boolean
  readonly #has64: boolean
  readonly #slotMask: number
  #clb = 0
  #clbu = 0
  #fb = 0
  #fbu = 0
  #is = 0
  #ie = 0
  #cmd = CMD_RESET
  #tfd = PxTFD_RESET
  #sig = PxSIG_RESET
  /** The device's first FIS waits for PxCMD.FRE (section 10.1.2). */
  #signaturePending = false
  sact = 0
  ci = 0
  currentSlot = 0
  isRunning = false
  /** PxCMD.CR is 1 until then, though no command runs. */
  #stopsUntilNs = 0
  /** How often its list was given up: by a stop of both engines, COMRESET or the reset of its HBA. */
  resetCount = 0

  constructor(host: PortHost, device: AtaDevice | null) {
    this.host = host
    const { staggeredSpinUp, addresses64, slots } = host.settings
    this.#isStaggered = staggeredSpinUp === 'on'
    this.#has64 = addresses64 === 'on'
    this.#slotMask = slots === 32 ? 0xffffffff : (1 << slots) - 1
    this.#device = device
    device?.block.connect(this)
    this.received = new ReceivedFis(host.ram)
    this.#engine = new CommandEngine(this, device)
    this.#link = new SataLink(host, this, device)
  }

  get commandList(): number {
    return fromHalves(this.#clbu, this.#clb)
  }

  get status(): number {
    return this.#tfd & 0xff
  }

  setTaskFile(status: number, error: number): void {
    this.#tfd = status | (error << PxTFD_ERR_SHIFT)
  }

  raise(bits: number): void {
    this.#is = (this.#is | bits) >>> 0
    this.host.interruptChanged()
  }

  /** A cause is enabled in PxIE. */
  get hasInterrupts(): boolean {
    return this.#ie !== 0
  }

  get isInterrupting(): boolean {
    return (this.#interruptStatus & this.#ie) !== 0
  }

  /** Platform power-on: the firmware has brought the link up; addresses are gone. */
  powerOn(): void {
    this.#clb = this.#clbu = this.#fb = this.#fbu = 0
    this.#placeReceived()
    this.#device?.powerOn()
    this.hbaReset()
    this.#cmd = CMD_RESET
    if (this.#link.powerOn()) this.#signaturePending = true
  }

  /** GHC.HR: everything but the list and FIS base addresses; then COMRESET (section 10.4.3). */
  hbaReset(): void {
    this.resetCount++
    this.#is = this.#ie = 0
    this.#cmd = this.#isStaggered ? CMD_RESET & ~PxCMD_SUD : CMD_RESET
    this.#stop()
    this.#stopsUntilNs = 0
    this.#link.hbaReset()
    if (!this.#isStaggered) this.#link.spinUp()
  }

  read(offset: number): number {
    switch (offset) {
      case PxCLB:
        return this.#clb
      case PxCLBU:
        return this.#clbu
      case PxFB:
        return this.#fb
      case PxFBU:
        return this.#fbu
      case PxIS:
        return this.#interruptStatus
      case PxIE:
        return this.#ie
      case PxCMD:
        return this.#command
      case PxTFD:
        return this.#tfd
      case PxSIG:
        return this.#sig
      case PxSSTS:
        return this.#link.status
      case PxSCTL:
        return this.#link.control
      case PxSERR:
        return this.#link.errors
      case PxSACT:
        return this.sact
      case PxCI:
        return this.ci
      default:
        if (isNamed(offset)) this.host.note(nameOf(offset), 'read')
        return 0 // reserved
    }
  }

  write(offset: number, value: number, mask: number): void {
    const set = (value & mask) >>> 0
    switch (offset) {
      case PxCLB:
        this.#clb = merge(this.#clb, value & ~0x3ff, mask)
        break
      case PxCLBU:
        this.#clbu = merge(this.#clbu, this.#upperHalf('PxCLBU', value & mask), mask)
        break
      case PxFB:
        this.#fb = merge(this.#fb, value & ~0xff, mask)
        this.#placeReceived()
        break
      case PxFBU:
        this.#fbu = merge(this.#fbu, this.#upperHalf('PxFBU', value & mask), mask)
        this.#placeReceived()
        break
      case PxIS:
        this.#is = (this.#is & ~set) >>> 0
        this.host.interruptChanged()
        break
      case PxIE:
        this.#ie = merge(this.#ie, value & IE_WRITABLE, mask)
        this.host.interruptChanged()
        break
      case PxCMD:
        this.#writeCommand(merge(this.#cmd, value, mask))
        break
      case PxSCTL:
        this.#link.writeControl(value, mask)
        break
      case PxSERR:
        this.#link.errors = (this.#link.errors & ~set) >>> 0
        this.host.interruptChanged()
        break
      case PxSACT: // set only, while ST is 1 (section 3.3.13)
        if ((this.#cmd & PxCMD_ST) !== 0) this.sact = (this.sact | this.#slots(set)) >>> 0
        break
      case PxCI: // section 3.3.14
        if ((this.#cmd & PxCMD_ST) === 0) break
        this.ci = (this.ci | this.#slots(set)) >>> 0
        this.#engine.fetch()
        break
      case PxTFD:
      case PxSIG:
      case PxSSTS:
        break // read only
      default:
        if (isNamed(offset)) this.host.note(nameOf(offset), 'write')
    }
  }

  /** PCI bus mastering or the power state changed. */
  busMasterChanged(): void {
    this.#engine.resume()
  }

  // BlockHost

  isReady(): boolean {
    return this.host.isBusMaster
  }

  busyChanged(isBusy: boolean): void {
    this.#engine.busyChanged(isBusy)
    this.#startIfReady()
  }

  resetsItself(): void {
    this.#link.deviceRestarts()
  }

  /** A planned link fault came or went. */
  linkChanged(): void {
    this.#link.faultChanged()
  }

  deviceResets(): void {
    this.#link.deviceResets()
  }

  /** PCS and PRCS show PxSERR.DIAG.X and N until those are cleared (section 3.3.5). */
  get #interruptStatus(): number {
    let value = this.#is
    if ((this.#link.errors & PxSERR_DIAG_X) !== 0) value |= PxIS_PCS
    if ((this.#link.errors & PxSERR_DIAG_N) !== 0) value |= PxIS_PRCS
    return value >>> 0
  }

  get #command(): number {
    let value = this.#cmd
    if (this.#isStopping) value |= PxCMD_CR
    if (this.isRunning) value |= PxCMD_CR | ((this.currentSlot & PxCMD_CCS_MASK) << PxCMD_CCS_SHIFT)
    if ((this.#cmd & PxCMD_FRE) !== 0) value |= PxCMD_FR
    return value >>> 0
  }

  get #isStopping(): boolean {
    return this.host.clock.nowNs < this.#stopsUntilNs
  }

  /** Without CAP.S64A the upper halves of addresses are read only 0 (sections 3.3.2 and 3.3.4). */
  #upperHalf(register: string, value: number): number {
    if (this.#has64 || value === 0) return value
    this.host.onRefused({ limit: 'CAP.S64A', allowed: 0, found: 1, what: `${register} above 4 GiB` })
    return 0
  }

  /** Slots that the HBA has; the other bits do nothing. */
  #slots(bits: number): number {
    const beyond = bits & ~this.#slotMask
    if (beyond !== 0) {
      const slot = 31 - Math.clz32(beyond)
      const { slots: allowed } = this.host.settings
      this.host.onRefused({
        limit: 'command slots',
        allowed,
        found: slot + 1,
        what: `a command in slot ${slot}`,
      })
    }
    return bits & this.#slotMask
  }

  #writeCommand(written: number): void {
    const before = this.#cmd
    const value = this.#isStopping ? this.#writtenTooEarly(written) : written
    // once spun up, a device stays so: listen mode is not modelled
    const spunUp = this.#isStaggered ? (before | value) & PxCMD_SUD : PxCMD_SUD
    if (this.#isStaggered && (before & ~value & PxCMD_SUD) !== 0) this.host.note('PxCMD.SUD cleared', 'write')
    this.#cmd = ((CMD_RESET & ~PxCMD_SUD) | spunUp | (value & CMD_WRITABLE)) >>> 0
    if ((this.#cmd & ~before & PxCMD_SUD) !== 0) this.#link.spinUp()
    // CLO (section 3.3.7): only while ST is 0; done at once, so it reads 0
    if ((value & PxCMD_CLO) !== 0 && (before & PxCMD_ST) === 0)
      this.#tfd &= ~(ATA_STATUS_BSY | ATA_STATUS_DRQ)
    if ((this.#cmd & PxCMD_FRE) !== 0 && this.#signaturePending) this.#deliverSignature()
    if ((before & PxCMD_ST) !== 0 && (this.#cmd & PxCMD_ST) === 0) {
      if (this.isRunning) this.#stopsUntilNs = this.host.clock.nowNs + STOP_NS
      this.#stop()
    }
    if ((before & PxCMD_FRE) !== 0 && (this.#cmd & (PxCMD_ST | PxCMD_FRE)) === 0) {
      this.#engine.portIsIdle()
      this.resetCount++
    }
    this.#startIfReady()
  }

  /** PxCMD.CR is still 1: ST may not be set (section 10.3.1), and FRE is cleared afterwards (section 10.1.2). */
  #writtenTooEarly(value: number): number {
    const found = { allowed: 0, found: 1 }
    if ((this.#cmd & ~value & PxCMD_FRE) !== 0) {
      const limit = 'PxCMD.CR before FRE is cleared'
      const what = 'an end of FISes before the command engine has stopped'
      this.host.onRefused({ ...found, limit, what, isTolerated: true })
    }
    if ((value & PxCMD_ST) === 0) return value
    const what = 'a start of a command engine that has not stopped'
    this.host.onRefused({ ...found, limit: 'PxCMD.CR before ST is set', what })
    return value & ~PxCMD_ST
  }

  /** P:NotRunning to P:Idle needs a ready device (section 10.3.1). */
  #startIfReady(): void {
    const isReady = this.#link.isEstablished && (this.#tfd & (ATA_STATUS_BSY | ATA_STATUS_DRQ)) === 0
    if ((this.#cmd & PxCMD_ST) === 0 || this.isRunning || !isReady) return
    this.isRunning = true
    this.#engine.start()
  }

  /** Clearing ST clears CI and SACT (sections 3.3.13 and 3.3.14) and drops what has not ended. */
  #stop(): void {
    this.isRunning = false
    this.currentSlot = 0
    this.ci = 0
    this.sact = 0
    this.#engine.drop()
  }

  // LinkEnd

  /** PxCI and PxSACT keep their bits: only clearing PxCMD.ST clears them. */
  linkLost(): void {
    this.#signaturePending = false
    this.#engine.linkLost()
  }

  deviceGone(): void {
    this.#tfd = PxTFD_RESET
    this.#sig = PxSIG_RESET
  }

  linkUp(): void {
    // COMINIT sets BSY until the signature came; unverified: the other bits of PxTFD at this time
    this.#tfd = ATA_STATUS_BSY
  }

  deviceReady(): void {
    this.#signaturePending = true
    if ((this.#cmd & PxCMD_FRE) !== 0) this.#deliverSignature()
    this.#engine.softwareResetEnds()
    this.#startIfReady()
  }

  errorsChanged(): void {
    this.host.interruptChanged()
  }

  #deliverSignature(): void {
    this.#signaturePending = false
    if (!this.received.signature(STATUS_GOOD, DIAGNOSTIC_PASSED)) this.raise(PxIS_HBFS)
    this.setTaskFile(STATUS_GOOD, DIAGNOSTIC_PASSED)
    this.#sig = ATA_SIGNATURE
  }

  #placeReceived(): void {
    this.received.base = fromHalves(this.#fbu, this.#fb)
  }
}

const isNamed = (offset: number): boolean => offset in NAMES || offset >= PxVS
const nameOf = (offset: number): string => NAMES[offset] ?? 'PxVS'
