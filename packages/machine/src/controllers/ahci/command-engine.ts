// The part of a port that runs commands: fetches headers and FISes from the command list (AHCI 1.3.1 section 4.2.2),
// hands them to the device, finds the memory of their data when it is about to move, and reports their ends (section 5.6).
import { fromHalves, gpa } from '@dumpstack/bytes'
import {
  AHCI_MAX_SLOTS,
  ATA_STATUS_BSY,
  ATA_STATUS_DRQ,
  COMMAND_HEADER_B,
  COMMAND_HEADER_C,
  COMMAND_HEADER_CFL_MASK,
  COMMAND_HEADER_PRDTL_SHIFT,
  COMMAND_HEADER_W,
  COMMAND_TABLE_PRDT,
  CommandHeader,
  FIS_CONTROL_SRST,
  FIS_REG_H2D_C,
  FIS_TYPE_REG_H2D,
  FisRegH2D,
  PRDT_DBC_MASK,
  PrdtEntry,
  PxIS_DHRS,
  PxIS_DPS,
  PxIS_HBFS,
  PxIS_IFS,
  PxIS_OFS,
  PxIS_PSS,
  PxIS_SDBS,
  PxIS_TFES,
  RECEIVED_FIS_BYTES,
} from '@dumpstack/registers'
import { AtaCommand, type AtaDevice, type AtaHost, Protocol, STATUS_GOOD } from '../../disk/ata-device.ts'
import type { BlockStatus } from '../../disk/block-device.ts'
import type { BeyondLimit } from '../../evidence.ts'
import type { DmaRam } from '../../ram.ts'
import { MemoryClaims } from '../memory-claims.ts'
import type { SegmentList } from '../segment-list.ts'
import { Gather, Prdt } from './prdt.ts'
import type { ReceivedFis } from './received-fis.ts'
import type { AhciSettings } from './settings.ts'

const FIS_DWORDS = FisRegH2D.size / 4
const NO_SLOT = -1
/** What overlaps is looked for among these; the table of slot n is `TABLES + n`. */
const COMMAND_LIST = 0
const RECEIVED_FIS = 1
const TABLES = 2
const CLAIMS = [
  'the command list (PxCLB)',
  'the received FIS structure (PxFB)',
  ...Array.from({ length: AHCI_MAX_SLOTS }, (_, slot) => `the command table of slot ${slot}`),
]
/** Fatal errors that are the driver's (section 6.1.2); a task file error is the device's. */
const DRIVER_ERRORS: Readonly<Record<number, string>> = {
  [PxIS_HBFS]: 'host bus fatal error (PxIS.HBFS): a command structure or data outside RAM',
  [PxIS_IFS]: 'interface fatal error (PxIS.IFS): a command header or FIS that does not fit its command',
}

/** What the commands of a port need from its HBA. */
export interface CommandHost {
  readonly ram: DmaRam
  readonly isBusMaster: boolean
  note(register: string, access: 'read' | 'write'): void
  /** Of the host, for a command with so many PRDT entries. */
  commandWork(entryCount: number): void
  /** The end of a command was reported. */
  onCompletion(): void
  onStopped(reason: string): void
  onRefused(refused: BeyondLimit): void
  onOverlap(message: string): void
  readonly settings: AhciSettings
}

/** The registers of a port that commands read and change. */
export interface CommandPort {
  readonly host: CommandHost
  readonly received: ReceivedFis
  readonly commandList: number
  /** PxCMD.CR: the list is processed, or was until an error. */
  readonly isRunning: boolean
  /** PxTFD.STS */
  readonly status: number
  ci: number
  sact: number
  /** Slot that was fetched last: PxCMD.CCS. */
  currentSlot: number
  setTaskFile(status: number, error: number): void
  /** Sets causes in PxIS. */
  raise(causes: number): void
  /** A software reset has begun. */
  deviceResets(): void
}

export class CommandEngine implements AtaHost {
  readonly #port: CommandPort
  readonly #device: AtaDevice | null
  readonly #prdt: Prdt
  readonly #claims: MemoryClaims
  /** Since the start, up to the last slot: a driver of one slot may use the memory after its header for something else. */
  #headersUsed = 0
  readonly #has64: boolean
  readonly #commands = Array.from({ length: AHCI_MAX_SLOTS }, (_, slot) => new AtaCommand(slot, this))
  /**
   * Tags that the device holds and the HBA has forgotten: clearing PxCMD.ST empties PxCI and PxSACT (sections 3.3.13 and
   * 3.3.14) but sends nothing over the link. unverified: such a command never ends, the HBA takes none of its data FISes.
   */
  #forgottenTags = 0
  /** The same of a command that is not queued: it keeps BSY. */
  #forgotBusy = false
  readonly #headerBytes = new Uint8Array(CommandHeader.size)
  readonly #header = CommandHeader.of(this.#headerBytes)
  /** Of each slot, as they were when it was fetched: header and table address, PRDT entries, direction. */
  readonly #headers = new Float64Array(AHCI_MAX_SLOTS)
  readonly #tables = new Float64Array(AHCI_MAX_SLOTS)
  readonly #entryCounts = new Uint16Array(AHCI_MAX_SLOTS)
  readonly #writes = new Uint8Array(AHCI_MAX_SLOTS)
  readonly #entryBytes = new Uint8Array(PrdtEntry.size)
  readonly #entry = PrdtEntry.of(this.#entryBytes)
  readonly #fisBytes = new Uint8Array(FisRegH2D.size)
  readonly #fis = FisRegH2D.of(this.#fisBytes)
  /** An error stopped the list; only clearing PxCMD.ST goes on (section 5.3.8, ERR:WaitForClear). */
  #isStopped = false
  /** Slot of the control FIS that ended a software reset. */
  #resetSlot = NO_SLOT
  /** pSlotLoc: starts at the last slot, so that slot 0 comes first (section 5.3.2). */
  #lastSlot = AHCI_MAX_SLOTS - 1

  constructor(port: CommandPort, device: AtaDevice | null) {
    this.#port = port
    this.#device = device
    const { host } = port
    this.#has64 = host.settings.addresses64 === 'on'
    this.#prdt = new Prdt(host.ram, this.#has64, (refused) => host.onRefused(refused))
    this.#claims = new MemoryClaims(CLAIMS, (message) => host.onOverlap(message))
  }

  /** PxCMD.ST was set, and FISes are received. */
  start(): void {
    this.#headersUsed = 0
    this.#claims.claim(RECEIVED_FIS, this.#port.received.base, RECEIVED_FIS_BYTES)
    this.fetch()
  }

  /** PxCMD.ST was cleared: nothing that was accepted will end, no data of it will move. */
  drop(): void {
    this.#forget()
    this.#claims.releaseAll()
    this.#isStopped = false
    this.#resetSlot = NO_SLOT
    this.#lastSlot = AHCI_MAX_SLOTS - 1
  }

  /**
   * Both engines have stopped. A port in that state can be given to another list without a reset (section 10.1.2), so what the device
   * held is over, and so is its BSY. unverified: how a device finds out; no FIS of it gets through, since the HBA receives none. QEMU's
   * ends the command.
   */
  portIsIdle(): void {
    this.#forgottenTags = 0
    if (this.#forgotBusy && this.#device?.block.isHung === false && !this.#device.block.isBusy)
      this.#port.setTaskFile(STATUS_GOOD, 0)
    this.#forgotBusy = false
  }

  /**
   * The link went down: the device's queue is empty, and a device that hung works again. What a running list had issued will not end, and
   * nothing is fetched until software clears PxCMD.ST.
   */
  linkLost(): void {
    this.drop()
    this.#forgottenTags = 0
    this.#forgotBusy = false
    this.#device?.block.reset()
    this.#isStopped = this.#port.isRunning
  }

  /** A fault keeps the device busy, or does no longer: PxTFD shows it, but for a command that keeps BSY itself. */
  busyChanged(isBusy: boolean): void {
    const port = this.#port
    const hasBusy = isBusy || this.#commands.some(({ isPending, isQueued }) => isPending && !isQueued)
    port.setTaskFile(hasBusy ? port.status | ATA_STATUS_BSY : port.status & ~ATA_STATUS_BSY, 0)
    if (!hasBusy) this.fetch()
  }

  resume(): void {
    this.#device?.block.resume()
    this.fetch()
  }

  /** Takes commands from the list while the device accepts them. */
  fetch(): void {
    const port = this.#port
    const device = this.#device
    while (device !== null && port.isRunning && !this.#isStopped && port.ci !== 0 && port.host.isBusMaster) {
      if (device.block.isBusy) port.setTaskFile(port.status | ATA_STATUS_BSY, 0)
      if ((port.status & (ATA_STATUS_BSY | ATA_STATUS_DRQ)) !== 0) return
      const slot = nextSlot(port.ci, this.#lastSlot)
      this.#lastSlot = slot
      port.currentSlot = slot
      if (!this.#readCommand(slot)) return
      if (device.block.isHung) {
        port.setTaskFile(port.status | ATA_STATUS_BSY, 0)
        return
      }
      if ((this.#fis.flags & FIS_REG_H2D_C) !== 0) this.#issue(slot, device)
      else this.#control(slot)
    }
  }

  /** Clears BSY and the slot of the control FIS that ended a software reset. */
  softwareResetEnds(): void {
    if (this.#resetSlot === NO_SLOT) return
    this.#clearSlot(this.#resetSlot)
    this.#resetSlot = NO_SLOT
    this.fetch()
  }

  #readCommand(slot: number): boolean {
    const { ram } = this.#port.host
    const header = gpa(this.#port.commandList + slot * CommandHeader.size)
    this.#headers[slot] = header
    this.#port.host.commandWork(0)
    if (slot >= this.#headersUsed) {
      this.#headersUsed = slot + 1
      this.#claims.claim(COMMAND_LIST, this.#port.commandList, this.#headersUsed * CommandHeader.size)
    }
    if (ram.read(header, this.#headerBytes) < CommandHeader.size) return this.#stopWith(PxIS_HBFS)
    const { di } = this.#header
    if ((di & COMMAND_HEADER_CFL_MASK) < FIS_DWORDS) return this.#stopWith(PxIS_IFS)
    if ((di & COMMAND_HEADER_B) !== 0) {
      this.#port.host.note('BIST FIS', 'write')
      return this.#stopWith(PxIS_IFS)
    }
    if (!this.#has64 && this.#header.ctbau !== 0) {
      this.#port.host.onRefused({
        limit: 'CAP.S64A',
        allowed: 0,
        found: 1,
        what: 'a command table above 4 GiB',
      })
      return this.#stopWith(PxIS_HBFS)
    }
    const table = fromHalves(this.#header.ctbau, (this.#header.ctba & ~0x7f) >>> 0)
    if (ram.read(gpa(table), this.#fisBytes) < FisRegH2D.size) return this.#stopWith(PxIS_HBFS)
    this.#tables[slot] = table
    this.#entryCounts[slot] = di >>> COMMAND_HEADER_PRDTL_SHIFT
    this.#writes[slot] = (di & COMMAND_HEADER_W) === 0 ? 0 : 1
    this.#claims.claim(TABLES + slot, table, COMMAND_TABLE_PRDT + this.#entryCounts[slot]! * PrdtEntry.size)
    // another FIS type: the device answers R_ERR (Serial ATA 3.0 section 9.4.2)
    return this.#fis.fisType === FIS_TYPE_REG_H2D || this.#stopWith(PxIS_IFS)
  }

  #issue(slot: number, device: AtaDevice): void {
    const port = this.#port
    const command = this.#commands[slot]!
    const isOutstanding = command.isPending
    device.decode(this.#fis, command)
    if (this.#writes[slot] === 0) this.#claimBuffers(slot, command.byteLength)
    const isHeld = (this.#forgottenTags & (command.isQueued ? 1 << command.tag : -1)) !== 0
    if (isOutstanding || isHeld || (!command.isQueued && device.block.pendingCount > 0)) {
      device.abortQueue()
      this.#fail(command, device)
      return
    }
    if (command.isQueued) {
      // accepted: the device frees the interface with a FIS that asks for no interrupt (ACS-3 section 4.14.2)
      if (!port.received.registerD2H(STATUS_GOOD, 0, false, command, command.lba)) {
        this.#stopWith(PxIS_HBFS)
        return
      }
      port.setTaskFile(STATUS_GOOD, 0)
      this.#clearSlot(slot)
    } else {
      port.setTaskFile(STATUS_GOOD | ATA_STATUS_BSY, 0)
    }
    device.submit(command)
  }

  /** Where the data of a read is to go. */
  #claimBuffers(slot: number, byteLength: number): void {
    const { ram } = this.#port.host
    let at = this.#tables[slot]! + COMMAND_TABLE_PRDT
    for (let left = byteLength, index = this.#entryCounts[slot]!; left > 0 && index > 0; index--) {
      if (ram.read(gpa(at), this.#entryBytes) < PrdtEntry.size) return
      const length = Math.min((this.#entry.dbc & PRDT_DBC_MASK) + 1, left)
      this.#claims.write(fromHalves(this.#entry.dbau, (this.#entry.dba & ~1) >>> 0), length)
      left -= length
      at += PrdtEntry.size
    }
  }

  /** A FIS with C clear carries the Control register: SRST set begins a reset, SRST clear ends it. */
  #control(slot: number): void {
    const port = this.#port
    this.#claims.release(TABLES + slot)
    if ((this.#fis.control & FIS_CONTROL_SRST) !== 0) {
      this.#giveUpQueue()
      const clearsBusy = (this.#header.di & COMMAND_HEADER_C) !== 0
      port.setTaskFile(clearsBusy ? STATUS_GOOD : STATUS_GOOD | ATA_STATUS_BSY, 0)
      if (clearsBusy) this.#clearSlot(slot)
      return
    }
    port.setTaskFile(STATUS_GOOD | ATA_STATUS_BSY, 0)
    this.#resetSlot = slot
    port.deviceResets()
  }

  // AtaHost

  commandDone(command: AtaCommand, status: BlockStatus, lba: number): void {
    const device = this.#device!
    this.#claims.release(TABLES + command.slot)
    if (!device.end(command, status, lba)) this.#fail(command, device)
    else if (command.protocol !== Protocol.pioIn || this.#sendPage(command, device)) this.#succeed(command)
    this.fetch()
  }

  /** The memory that the PRD table names; null when a fatal error stopped the port instead. */
  memoryOf(command: AtaCommand): SegmentList | null {
    const { host } = this.#port
    const { slot, byteLength } = command
    // section 4.2.2; unverified: what an HBA does that was told the other direction
    if ((this.#writes[slot] === 1) !== (command.protocol === Protocol.dmaOut)) {
      host.note('command header W against the command', 'read')
      return this.#stopMoving(PxIS_IFS)
    }
    const table = gpa(this.#tables[slot]! + COMMAND_TABLE_PRDT)
    host.commandWork(this.#entryCounts[slot]!)
    const gathered = this.#prdt.gather(table, this.#entryCounts[slot]!, byteLength)
    if (gathered === Gather.notRam) return this.#stopMoving(PxIS_HBFS)
    if (gathered === Gather.badEntry)
      return this.#stopMoving(
        PxIS_HBFS,
        'host bus fatal error (PxIS.HBFS): a PRD entry that the HBA cannot do',
      )
    // unverified: what an HBA does for a table that is too short for data to the device
    if (gathered === Gather.tooShort) {
      const { byteLength: described } = this.#prdt.segments
      return this.#stopMoving(
        PxIS_OFS,
        `overflow (PxIS.OFS): a PRD table of ${described} bytes, the command has ${byteLength}`,
      )
    }
    if (command.isQueued) {
      const deviceSends = command.protocol === Protocol.dmaIn
      if (!this.#port.received.dmaSetup(command.tag, deviceSends, byteLength)) {
        return this.#stopMoving(PxIS_HBFS)
      }
    }
    return this.#prdt.segments
  }

  /** Data that is not of the medium; false when a fatal error stopped the port instead. */
  #sendPage(command: AtaCommand, device: AtaDevice): boolean {
    const memory = this.memoryOf(command)
    if (memory === null) return false
    const page = device.page(command)
    let at = 0
    for (const part of memory.parts(true)) {
      part.set(page.subarray(at, at + part.byteLength))
      at += part.byteLength
    }
    return true
  }

  #succeed(command: AtaCommand): void {
    const port = this.#port
    const { received } = port
    if (command.protocol !== Protocol.nonData) {
      // PRDBC is for commands that are not queued (section 5.4.1)
      if (!command.isQueued) {
        const header = this.#headers[command.slot]!
        port.host.ram.setU32(gpa(header + CommandHeader.fields.prdbc.offset), command.byteLength)
      }
      if (this.#prdt.wantsInterrupt) port.raise(PxIS_DPS)
    }
    if (command.isQueued) {
      if (!received.setDeviceBits(STATUS_GOOD, 0, (1 << command.tag) >>> 0)) {
        this.#stopWith(PxIS_HBFS)
        return
      }
      port.sact = (port.sact & ~(1 << command.tag)) >>> 0
      // Set Device Bits does not touch BSY and DRQ
      port.setTaskFile((port.status & (ATA_STATUS_BSY | ATA_STATUS_DRQ)) | STATUS_GOOD, 0)
      port.host.onCompletion()
      port.raise(PxIS_SDBS)
      return
    }
    const isPio = command.protocol === Protocol.pioIn
    const posted = isPio
      ? received.pioSetupIn(STATUS_GOOD, command.byteLength, command)
      : received.registerD2H(STATUS_GOOD, 0, true, command, command.lba)
    if (!posted) {
      this.#stopWith(PxIS_HBFS)
      return
    }
    port.setTaskFile(STATUS_GOOD, 0)
    this.#clearSlot(command.slot)
    port.host.onCompletion()
    port.raise(isPio ? PxIS_PSS : PxIS_DHRS)
  }

  /**
   * ERR:FatalTaskfile (section 5.3.8): TFES, beside the cause that the FIS sets by its I bit (5.3.6 and 5.3.12), as adapters and QEMU
   * have it and as drivers that poll for the FIS alone need it. CI and SACT keep their bits for software.
   */
  #fail(command: AtaCommand, device: AtaDevice): void {
    const port = this.#port
    const posted = command.isQueued
      ? port.received.setDeviceBits(device.failedStatus, device.error, 0)
      : port.received.registerD2H(device.failedStatus, device.error, true, command, device.errorLba)
    port.setTaskFile(device.failedStatus, device.error)
    // the device has given up what was queued (ACS-3 section 4.14.4)
    this.#giveUpQueue()
    if (posted) port.host.onCompletion()
    const cause = command.isQueued ? PxIS_SDBS : PxIS_DHRS
    this.#stopWith(posted ? PxIS_TFES | cause : PxIS_HBFS)
  }

  #clearSlot(slot: number): void {
    this.#port.ci = (this.#port.ci & ~(1 << slot)) >>> 0
  }

  /** `error`: why, where it is the driver's. */
  #stopWith(cause: number, error = DRIVER_ERRORS[cause]): false {
    if (error !== undefined) this.#port.host.onStopped(error)
    this.#isStopped = true
    this.#forget()
    this.#port.raise(cause)
    return false
  }

  /** The HBA stops in the middle of a command that the device has not ended. */
  #stopMoving(cause: number, error?: string): null {
    this.#stopWith(cause, error)
    return null
  }

  /** The HBA lets go of its commands; queued ones stay with the device. */
  #forget(): void {
    for (const command of this.#commands) {
      if (!command.isPending) continue
      this.#claims.release(TABLES + command.slot)
      if (command.isQueued) this.#forgottenTags |= 1 << command.tag
      else this.#forgotBusy = true
    }
    this.#device?.block.cancel()
  }

  /** The device lets go of its commands too. */
  #giveUpQueue(): void {
    this.#forget()
    this.#forgottenTags = 0
    this.#forgotBusy = false
  }
}

/** Slots take turns, from the one after the last (section 5.3.2, pSlotLoc). */
function nextSlot(ci: number, last: number): number {
  for (let step = 1; step <= AHCI_MAX_SLOTS; step++) {
    const slot = (last + step) % AHCI_MAX_SLOTS
    if ((ci & (1 << slot)) !== 0) return slot
  }
  return last
}
