// Composes an ATA command in a command table: the register FIS, the physical region descriptors and the command header.
// Serial ATA AHCI 1.3.1, section 4.2; field use per command from ACS-3, section 7. All that is known of a command lies in guest
// RAM: what was composed is read back from there when a slot is found.
import { type Gpa, gpa, setHalves } from '@dumpstack/bytes'
import {
  ATA_DEVICE_LBA,
  ATA_NCQ_TAG_SHIFT,
  ATA_READ_FPDMA_QUEUED,
  ATA_WRITE_FPDMA_QUEUED,
  COMMAND_HEADER_PRDTL_SHIFT,
  COMMAND_HEADER_W,
  COMMAND_TABLE_CFIS,
  COMMAND_TABLE_PRDT,
  CommandHeader,
  FIS_REG_H2D_C,
  FIS_TYPE_REG_H2D,
  FisRegH2D,
  PrdtEntry,
} from '@dumpstack/registers'
import type { GuestBlock, ScatterGatherList } from '../../miniport.ts'
import { COMMAND_TABLE_ALIGNMENT } from './layouts.ts'

const FIS_DWORDS = FisRegH2D.size / 4
const DBA = PrdtEntry.fields.dba.offset
const DBC = PrdtEntry.fields.dbc.offset
const TWO_TO_24 = 0x1000000

/** DW0 of the command header waits in front of the table until the command has a slot. */
const PENDING_HEADER_BYTES = 4

/** A command table in guest RAM, aligned inside the block that it was given. */
export class CommandTable {
  readonly gpa: Gpa
  readonly #view: DataView
  readonly #at: number
  readonly #fis: FisRegH2D

  constructor(block: GuestBlock) {
    const first = block.gpa + PENDING_HEADER_BYTES
    this.#at = Math.ceil(first / COMMAND_TABLE_ALIGNMENT) * COMMAND_TABLE_ALIGNMENT - block.gpa
    this.gpa = gpa(block.gpa + this.#at)
    this.#view = block.view
    this.#fis = FisRegH2D.at(block.view, this.#at + COMMAND_TABLE_CFIS)
  }

  get isQueued(): boolean {
    const { command } = this.#fis
    return command === ATA_READ_FPDMA_QUEUED || command === ATA_WRITE_FPDMA_QUEUED
  }

  /** A command without sectors: IDENTIFY, FLUSH CACHE EXT, STANDBY IMMEDIATE. */
  compose(command: number): void {
    this.#begin(command, 0, false)
  }

  /** READ or WRITE DMA EXT. */
  composeDma(command: number, isWrite: boolean, sector: number, count: number): void {
    this.#begin(command, ATA_DEVICE_LBA, isWrite)
    this.#lba(sector)
    this.#fis.count = count & 0xff
    this.#fis.countExp = (count >>> 8) & 0xff
  }

  /** READ or WRITE FPDMA QUEUED: the count is in Features, the tag follows with the slot. */
  composeQueued(command: number, isWrite: boolean, sector: number, count: number): void {
    this.#begin(command, ATA_DEVICE_LBA, isWrite)
    this.#lba(sector)
    this.#fis.features = count & 0xff
    this.#fis.featuresExp = (count >>> 8) & 0xff
  }

  /** Physical regions of the data. */
  describe(list: ScatterGatherList): void {
    const count = list.numberOfElements
    for (let i = 0; i < count; i++) this.#region(i, list.physicalAddress(i), list.length(i))
    this.#pendingHeader |= count << COMMAND_HEADER_PRDTL_SHIFT
  }

  describeOne(address: number, byteLength: number): void {
    this.#pendingHeader |= 1 << COMMAND_HEADER_PRDTL_SHIFT
    this.#region(0, address, byteLength)
  }

  /** Writes the command header of `slot`; a queued command takes the slot as its tag. */
  place(commandList: DataView, slot: number): void {
    if (this.isQueued) this.#fis.count = slot << ATA_NCQ_TAG_SHIFT
    const at = slot * CommandHeader.size
    commandList.setUint32(at, this.#pendingHeader >>> 0, true)
    commandList.setUint32(at + 0x4, 0, true)
    setHalves(commandList, at + 0x8, this.gpa)
  }

  get #pendingHeader(): number {
    return this.#view.getUint32(this.#at - PENDING_HEADER_BYTES, true)
  }

  set #pendingHeader(value: number) {
    this.#view.setUint32(this.#at - PENDING_HEADER_BYTES, value >>> 0, true)
  }

  #begin(command: number, device: number, isWrite: boolean): void {
    const at = this.#at + COMMAND_TABLE_CFIS
    for (let i = 0; i < FisRegH2D.size; i += 4) this.#view.setUint32(at + i, 0, true)
    this.#fis.fisType = FIS_TYPE_REG_H2D
    this.#fis.flags = FIS_REG_H2D_C
    this.#fis.command = command
    this.#fis.device = device
    this.#pendingHeader = FIS_DWORDS | (isWrite ? COMMAND_HEADER_W : 0)
  }

  #lba(sector: number): void {
    const low = sector % TWO_TO_24
    const high = Math.floor(sector / TWO_TO_24)
    this.#fis.lba7to0 = low & 0xff
    this.#fis.lba15to8 = (low >>> 8) & 0xff
    this.#fis.lba23to16 = low >>> 16
    this.#fis.lba31to24 = high & 0xff
    this.#fis.lba39to32 = (high >>> 8) & 0xff
    this.#fis.lba47to40 = (high >>> 16) & 0xff
  }

  #region(index: number, address: number, byteLength: number): void {
    const at = this.#at + COMMAND_TABLE_PRDT + index * PrdtEntry.size
    setHalves(this.#view, at + DBA, address)
    this.#view.setUint32(at + 8, 0, true)
    this.#view.setUint32(at + DBC, byteLength - 1, true)
  }
}
