// The ATA device on one port: decodes commands, hands them to the block device, and says how they end (ACS-3 sections 6 and 7, and 4.14
// for NCQ).
import { highHalf } from '@dumpstack/bytes'
import {
  ATA_CHECK_POWER_MODE,
  ATA_DEVICE_LBA,
  ATA_ERROR_ABRT,
  ATA_ERROR_ICRC,
  ATA_ERROR_IDNF,
  ATA_ERROR_UNC,
  ATA_FLUSH_CACHE,
  ATA_FLUSH_CACHE_EXT,
  ATA_IDENTIFY_DEVICE,
  ATA_IDENTIFY_PACKET_DEVICE,
  ATA_IDLE,
  ATA_IDLE_IMMEDIATE,
  ATA_LOG_NCQ_COMMAND_ERROR,
  ATA_LOG_PAGE_BYTES,
  ATA_NCQ_TAG_SHIFT,
  ATA_POWER_ACTIVE,
  ATA_READ_DMA,
  ATA_READ_DMA_EXT,
  ATA_READ_FPDMA_QUEUED,
  ATA_READ_LOG_EXT,
  ATA_READ_VERIFY,
  ATA_READ_VERIFY_EXT,
  ATA_SET_FEATURES,
  ATA_STANDBY,
  ATA_STANDBY_IMMEDIATE,
  ATA_STATUS_DF,
  ATA_STATUS_DRDY,
  ATA_STATUS_DSC,
  ATA_STATUS_ERR,
  ATA_WRITE_DMA,
  ATA_WRITE_DMA_EXT,
  ATA_WRITE_FPDMA_QUEUED,
  type FisRegH2D,
  NCQ_ERROR_NQ,
  NcqCommandErrorLog,
  SET_FEATURES_DISABLE_READ_LOOK_AHEAD,
  SET_FEATURES_DISABLE_WRITE_CACHE,
  SET_FEATURES_ENABLE_READ_LOOK_AHEAD,
  SET_FEATURES_ENABLE_WRITE_CACHE,
  SET_FEATURES_TRANSFER_MODE,
} from '@dumpstack/registers'
import type { SegmentList } from '../controllers/segment-list.ts'
import type { OnRefused } from '../evidence.ts'
import type { NotModelledLog } from '../not-modelled.ts'
import { type BlockDevice, BlockOp, type BlockRequest, BlockStatus } from './block-device.ts'
import { checksum, identifyDevice } from './identify.ts'

const MAX_SECTORS = 0x10000
const MAX_SECTORS_28BIT = 0x100
const DEVICE_LBA_27_TO_24 = 0xf

export const STATUS_GOOD = ATA_STATUS_DRDY | ATA_STATUS_DSC
const STATUS_FAILED = STATUS_GOOD | ATA_STATUS_ERR

/** How a command's data moves. */
export const Protocol = { nonData: 0, pioIn: 1, dmaIn: 2, dmaOut: 3, unsupported: 4 } as const
export type Protocol = (typeof Protocol)[keyof typeof Protocol]

/** What a command asks of the controller that fetched it. */
export interface AtaHost {
  /** As BlockRequest.memory. */
  memoryOf(command: AtaCommand): SegmentList | null
  commandDone(command: AtaCommand, status: BlockStatus, lba: number): void
}

/** A command inside the device; one per command slot, reused. */
export class AtaCommand implements BlockRequest {
  readonly slot: number
  isDurable = false
  readonly #host: AtaHost
  opcode = 0
  protocol: Protocol = Protocol.nonData
  isQueued = false
  tag = 0
  features = 0
  device = 0
  lba = 0
  sectorCount = 0
  byteLength = 0
  /** Count field of the FIS that reports the end. */
  answer = 0
  op: BlockOp = BlockOp.other
  /** It will be aborted when it is due. */
  isRefused = false
  isPending = false
  dueNs = 0

  constructor(slot: number, host: AtaHost) {
    this.slot = slot
    this.#host = host
  }

  memory(): SegmentList | null {
    return this.#host.memoryOf(this)
  }

  done(status: BlockStatus, lba: number): void {
    this.#host.commandDone(this, status, lba)
  }
}

/** What the device says of native command queuing. */
export interface Queueing {
  readonly ncq: 'on' | 'off'
  readonly queueDepth: number
}
interface AtaDeviceParts {
  /** Of its controller. */
  readonly name: string
  readonly notModelled: NotModelledLog
  readonly onRefused: OnRefused
}

export class AtaDevice {
  readonly block: BlockDevice
  readonly #queueing: Queueing
  readonly #parts: AtaDeviceParts
  #settings = { writeCache: true, readLookAhead: true }
  /** Set by the error of a queued command until the log is read (section 4.14.4). */
  #queueError = false
  readonly #errorLog = new Uint8Array(ATA_LOG_PAGE_BYTES)
  /** Status, error field and LBA of the command that failed last. */
  failedStatus = STATUS_FAILED
  error = 0
  errorLba = 0

  constructor(block: BlockDevice, queueing: Queueing, parts: AtaDeviceParts) {
    this.block = block
    this.#queueing = queueing
    this.#parts = parts
  }

  powerOn(): void {
    this.#settings = { writeCache: true, readLookAhead: true }
    this.reset()
  }

  /** COMRESET and software reset: settings stay, the queue and its error do not. */
  reset(): void {
    this.#queueError = false
    this.#errorLog.fill(0)
  }

  decode(fis: FisRegH2D, into: AtaCommand): void {
    into.opcode = fis.command
    into.features = fis.features
    into.device = fis.device
    into.isQueued = false
    into.lba =
      fis.lba7to0 +
      fis.lba15to8 * 0x100 +
      fis.lba23to16 * 0x10000 +
      fis.lba31to24 * 0x1000000 +
      fis.lba39to32 * 0x100000000 +
      fis.lba47to40 * 0x10000000000
    into.sectorCount = fis.count | (fis.countExp << 8) || MAX_SECTORS
    into.byteLength = 0
    into.answer = 0
    switch (fis.command) {
      case ATA_READ_FPDMA_QUEUED:
      case ATA_WRITE_FPDMA_QUEUED:
        if (this.#queueing.ncq === 'off') {
          const what = 'a queued command'
          this.#parts.onRefused({ limit: 'CAP.SNCQ', allowed: 0, found: 1, what })
          into.protocol = Protocol.unsupported
          break
        }
        into.protocol = fis.command === ATA_READ_FPDMA_QUEUED ? Protocol.dmaIn : Protocol.dmaOut
        into.isQueued = true
        into.tag = fis.count >>> ATA_NCQ_TAG_SHIFT
        into.sectorCount = fis.features | (fis.featuresExp << 8) || MAX_SECTORS
        into.byteLength = into.sectorCount * this.block.disk.logicalSectorBytes
        break
      case ATA_READ_DMA_EXT:
      case ATA_WRITE_DMA_EXT:
        into.protocol = fis.command === ATA_READ_DMA_EXT ? Protocol.dmaIn : Protocol.dmaOut
        into.byteLength = into.sectorCount * this.block.disk.logicalSectorBytes
        break
      case ATA_READ_DMA:
      case ATA_WRITE_DMA:
        take28Bits(fis, into)
        into.protocol = fis.command === ATA_READ_DMA ? Protocol.dmaIn : Protocol.dmaOut
        into.byteLength = into.sectorCount * this.block.disk.logicalSectorBytes
        break
      case ATA_READ_VERIFY:
        take28Bits(fis, into)
        into.protocol = Protocol.nonData
        break
      case ATA_IDENTIFY_DEVICE:
      case ATA_READ_LOG_EXT:
        into.protocol = Protocol.pioIn
        into.byteLength = ATA_LOG_PAGE_BYTES
        break
      case ATA_FLUSH_CACHE:
      case ATA_FLUSH_CACHE_EXT:
      case ATA_READ_VERIFY_EXT:
      case ATA_SET_FEATURES:
      case ATA_STANDBY_IMMEDIATE:
      case ATA_IDLE_IMMEDIATE:
      case ATA_STANDBY:
      case ATA_IDLE:
        into.protocol = Protocol.nonData
        break
      case ATA_CHECK_POWER_MODE:
        into.protocol = Protocol.nonData
        into.answer = ATA_POWER_ACTIVE
        break
      case ATA_IDENTIFY_PACKET_DEVICE: // the ordinary probe for ATAPI: a disk aborts it (section 7.13.3)
        into.protocol = Protocol.unsupported
        break
      default:
        into.protocol = Protocol.unsupported
        this.#parts.notModelled.note(this.#parts.name, `ATA command 0x${fis.command.toString(16)}`, 'write')
    }
  }

  submit(command: AtaCommand): void {
    command.isRefused = this.#refuses(command)
    command.op = command.isRefused ? BlockOp.other : blockOp(command)
    command.isDurable = command.op === BlockOp.write && !this.#settings.writeCache
    this.block.submit(command)
  }

  /** Whether a command that is done ended well; does what SET FEATURES asks. */
  end(command: AtaCommand, status: BlockStatus, lba: number): boolean {
    if (command.isRefused) return this.#fail(command, ATA_ERROR_ABRT, command.lba)
    switch (status) {
      case BlockStatus.good:
        // STANDBY flushes (section 7.47), and so does turning the cache off (7.45.6)
        if (command.opcode === ATA_STANDBY || command.opcode === ATA_STANDBY_IMMEDIATE)
          this.block.disk.emptyCache()
        return (
          command.opcode !== ATA_SET_FEATURES ||
          this.#setFeatures(command.features) ||
          this.#fail(command, ATA_ERROR_ABRT, command.lba)
        )
      case BlockStatus.outOfRange:
        return this.#fail(command, ATA_ERROR_IDNF, lba)
      case BlockStatus.badSector:
        return this.#fail(command, command.op === BlockOp.write ? ATA_ERROR_IDNF : ATA_ERROR_UNC, lba)
      case BlockStatus.transferError:
        return this.#fail(command, ATA_ERROR_ICRC | ATA_ERROR_ABRT, lba)
      case BlockStatus.deviceFault:
        return this.#fail(command, ATA_ERROR_ABRT, lba, STATUS_FAILED | ATA_STATUS_DF)
    }
  }

  /** A tag that is in use, or a command that is not queued among queued ones, ends them all (section 4.14.4). */
  abortQueue(): void {
    this.failedStatus = STATUS_FAILED
    this.error = ATA_ERROR_ABRT
    this.#queueError = true
    this.#logError(NCQ_ERROR_NQ, ATA_ERROR_ABRT, 0)
  }

  /** The data of a pioIn command that ended well. */
  page(command: AtaCommand): Uint8Array {
    if (command.opcode === ATA_IDENTIFY_DEVICE)
      return identifyDevice(this.block.disk, this.#settings, this.#queueing)
    if ((command.lba & 0xff) === ATA_LOG_NCQ_COMMAND_ERROR) {
      this.#queueError = false
      return this.#errorLog
    }
    const directory = new Uint8Array(ATA_LOG_PAGE_BYTES) // section A.2: version 1, then the pages of each log
    directory[0] = 1
    directory[ATA_LOG_NCQ_COMMAND_ERROR * 2] = 1
    return directory
  }

  #refuses(command: AtaCommand): boolean {
    const isErrorLog =
      command.opcode === ATA_READ_LOG_EXT && (command.lba & 0xff) === ATA_LOG_NCQ_COMMAND_ERROR
    if (this.#queueError && !isErrorLog) return true
    if (command.isQueued && command.tag >= this.#queueing.queueDepth) {
      const { tag } = command
      const allowed = this.#queueing.queueDepth
      this.#parts.onRefused({
        limit: 'queue depth',
        allowed,
        found: tag + 1,
        what: `a command with tag ${tag}`,
      })
      return true
    }
    switch (blockOp(command)) {
      case BlockOp.read:
      case BlockOp.write:
      case BlockOp.verify:
        return (command.device & ATA_DEVICE_LBA) === 0
      default:
        return (
          command.protocol === Protocol.unsupported ||
          (command.opcode === ATA_READ_LOG_EXT && !isReadableLog(command))
        )
    }
  }

  #setFeatures(subcommand: number): boolean {
    switch (subcommand) {
      case SET_FEATURES_ENABLE_WRITE_CACHE:
      case SET_FEATURES_DISABLE_WRITE_CACHE:
        this.#settings.writeCache = subcommand === SET_FEATURES_ENABLE_WRITE_CACHE
        if (!this.#settings.writeCache) this.block.disk.emptyCache()
        return true
      case SET_FEATURES_ENABLE_READ_LOOK_AHEAD:
      case SET_FEATURES_DISABLE_READ_LOOK_AHEAD:
        this.#settings.readLookAhead = subcommand === SET_FEATURES_ENABLE_READ_LOOK_AHEAD
        return true
      case SET_FEATURES_TRANSFER_MODE: // SATA has one speed: accepted, no effect (section 7.45.8)
        return true
      default:
        this.#parts.notModelled.note(this.#parts.name, `SET FEATURES 0x${subcommand.toString(16)}`, 'write')
        return false
    }
  }

  #fail(command: AtaCommand, error: number, lba: number, status = STATUS_FAILED): false {
    this.failedStatus = status
    this.error = error
    this.errorLba = lba
    if (command.isQueued && !this.#queueError) {
      this.#queueError = true
      this.#logError(command.tag, error, lba)
    }
    return false
  }

  #logError(tag: number, error: number, lba: number): void {
    this.#errorLog.fill(0)
    const log = NcqCommandErrorLog.of(this.#errorLog)
    log.tag = tag
    log.status = this.failedStatus
    log.error = error
    log.device = ATA_DEVICE_LBA
    log.lba7to0 = lba & 0xff
    log.lba15to8 = (lba >>> 8) & 0xff
    log.lba23to16 = (lba >>> 16) & 0xff
    log.lba31to24 = Math.floor(lba / 2 ** 24) & 0xff
    log.lba39to32 = highHalf(lba) & 0xff
    log.lba47to40 = Math.floor(lba / 2 ** 40) & 0xff
    log.checksum = checksum(this.#errorLog)
  }
}

function blockOp({ opcode, protocol }: AtaCommand): BlockOp {
  switch (opcode) {
    case ATA_FLUSH_CACHE:
    case ATA_FLUSH_CACHE_EXT:
      return BlockOp.flush
    case ATA_READ_VERIFY:
    case ATA_READ_VERIFY_EXT:
      return BlockOp.verify
    default:
      if (protocol === Protocol.dmaIn) return BlockOp.read
      return protocol === Protocol.dmaOut ? BlockOp.write : BlockOp.other
  }
}

/** Block number and count of the commands from before 48 bits: the upper halves of the fields do not count. */
function take28Bits(fis: FisRegH2D, into: AtaCommand): void {
  const high = fis.device & DEVICE_LBA_27_TO_24
  into.lba = fis.lba7to0 + fis.lba15to8 * 0x100 + fis.lba23to16 * 0x10000 + high * 0x1000000
  into.sectorCount = fis.count || MAX_SECTORS_28BIT
}

/** The log directory and the NCQ Command Error log, their first page, one page. */
function isReadableLog(command: AtaCommand): boolean {
  const log = command.lba & 0xff
  const isPageZero = (command.lba & 0xff00) === 0
  return (log === 0 || log === ATA_LOG_NCQ_COMMAND_ERROR) && isPageZero && command.sectorCount === 1
}
