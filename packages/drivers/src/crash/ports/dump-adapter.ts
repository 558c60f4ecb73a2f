// The start-up of a dump miniport as the dump port runs it inside its own DriverEntry: DriverEntry(NULL, NULL),
// HwFindAdapter with dump=1 and the saved configuration, HwInitialize; then one poll with nothing pending.
import { gva, hex, PAGE_SIZE } from '@dumpstack/bytes'
import {
  DUMP_MODE_CRASH,
  ntSuccess,
  ntstatusText,
  PortConfigurationInformation,
  type Profile,
  SP_RETURN_FOUND,
  SP_UNINITIALIZED_VALUE,
  STATUS_DEVICE_NOT_CONNECTED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
} from '@dumpstack/nt'
import { fillBlock } from '../../guest-block.ts'
import type { GuestBlock, HwInitializationData, PortExports } from '../../miniport.ts'
import { mapsAllBuffers, prefillConfiguration, reaches64Bit } from '../../port-configuration.ts'
import { DUMP_MEMORY_PATTERN } from '../dump-memory-pattern.ts'
import type { CrashEnvironment } from '../environment.ts'
import type { DumpContext } from './dump-context.ts'
import type { PortMemory } from './port-memory.ts'

const ARGUMENT_STRING = 'dump=1;'
// DM-46: MINIPORT_DUMP_POINTERS allows these; elements are whole pages, which satisfy all of them.
const ALIGNMENT_MASKS = [0, 1, 3, 7]

export class DumpAdapter {
  readonly configBlock: GuestBlock
  /** One line: why start-up failed. */
  failure = ''
  data!: HwInitializationData
  deviceExtension!: GuestBlock
  srbExtension!: GuestBlock
  /** The extension of the one logical unit; null where the miniport wants none. */
  logicalUnit: GuestBlock | null = null
  /** Bytes of one SRB: what port, miniport and its physical breaks allow, whole pages. */
  maximumTransfer = 0
  /** Whether the miniport reads and writes data through DataBuffer. */
  mapsBuffers = false
  /** Whole pages below 4 GiB for data above it, as much as one SRB moves; null where the controller reaches all memory. */
  bounceBuffer: GuestBlock | null = null
  /** The miniport asked for passive initialisation, which never comes. */
  wantedPassiveInitialization = false
  readonly #environment: CrashEnvironment
  readonly #memory: PortMemory
  readonly #context: DumpContext
  readonly #profile: Profile
  readonly #config: PortConfigurationInformation
  #isInitialized = false
  #status: number = STATUS_UNSUCCESSFUL

  constructor(environment: CrashEnvironment, memory: PortMemory, context: DumpContext, profile: Profile) {
    this.#environment = environment
    this.#profile = profile
    this.#memory = memory
    this.#context = context
    this.configBlock = memory.need(PortConfigurationInformation.size)
    this.#config = PortConfigurationInformation.at(this.configBlock.view)
  }

  /** DriverEntry, HwFindAdapter and HwInitialize of the miniport, in that order (DM-06): NTSTATUS. */
  start(exports: PortExports): number {
    const environment = this.#environment
    const { image, miniport } = environment
    environment.enter('DriverEntry')
    const status = miniport.load(image)(exports, null, null)
    environment.leave()
    if (this.failure !== '') return this.#status
    if (!ntSuccess(status)) {
      return this.#fail(status, `DriverEntry of ${miniport.fileName} returned ${ntstatusText(status)}`)
    }
    if (!this.#isInitialized) {
      return this.#fail(STATUS_UNSUCCESSFUL, `${miniport.fileName} did not call StorPortInitialize`)
    }
    if (this.#profile.order.findAdapter === 'afterDriverEntry') this.#status = this.#findAdapter()
    if (!ntSuccess(this.#status)) return this.#status
    return this.#initializeAdapter(miniport.fileName)
  }

  onInitialize(data: HwInitializationData): number {
    if (this.#isInitialized) return STATUS_INVALID_PARAMETER
    const extension = this.#memory.takeDeviceExtension(data.deviceExtensionSize)
    if (extension === null) {
      return this.#fail(
        STATUS_INSUFFICIENT_RESOURCES,
        `a device extension of ${hex(data.deviceExtensionSize)} bytes does not fit the memory of the dump stack`,
      )
    }
    fillBlock(extension, 0)
    this.deviceExtension = extension
    this.data = data
    const { specificLuExtensionSize } = data
    if (specificLuExtensionSize > 0) {
      this.logicalUnit = this.#memory.takeLogicalUnitExtension(specificLuExtensionSize)
      if (this.logicalUnit === null) {
        return this.#fail(
          STATUS_INSUFFICIENT_RESOURCES,
          `a logical unit extension of ${hex(specificLuExtensionSize)} bytes does not fit the memory of the dump stack`,
        )
      }
      fillBlock(this.logicalUnit, 0)
    }
    this.#isInitialized = true
    if (this.#profile.order.findAdapter === 'afterDriverEntry') return STATUS_SUCCESS
    this.#status = this.#findAdapter()
    return this.#status
  }

  #findAdapter(): number {
    const { data } = this
    this.#rebuildConfiguration(data)
    const environment = this.#environment
    environment.enter('HwFindAdapter')
    const found = data.hwFindAdapter(this.deviceExtension, null, null, ARGUMENT_STRING, this.configBlock)
    environment.leave()
    if (found !== SP_RETURN_FOUND) {
      return this.#fail(
        STATUS_DEVICE_NOT_CONNECTED,
        `HwFindAdapter returned ${found}, expected ${SP_RETURN_FOUND}`,
      )
    }
    return this.#takeLimits()
  }

  /** The configuration that the runtime port saved, with limits unset as before any HwFindAdapter. */
  #rebuildConfiguration(data: HwInitializationData): void {
    const config = this.#config
    const { saved } = this.#context
    prefillConfiguration(config, data)
    config.systemIoBusNumber = saved.systemIoBusNumber
    config.busInterruptLevel = saved.busInterruptLevel
    config.busInterruptVector = saved.busInterruptVector
    config.slotNumber = saved.slotNumber
    config.numberOfAccessRanges = saved.numberOfAccessRanges
    config.accessRanges = saved.accessRanges
    config.miniportDumpData = saved.miniportDumpData
    config.dumpRegion.virtualBase = saved.dumpRegion.virtualBase
    config.dumpRegion.physicalBase = saved.dumpRegion.physicalBase
    config.dumpRegion.length = saved.dumpRegion.length
    config.dumpMode = DUMP_MODE_CRASH
    const { virtualBase, length } = config.dumpRegion
    // DM-15: the region as the dump instance finds it
    if (length > 0) fillBlock(this.#context.block(gva(virtualBase), length), DUMP_MEMORY_PATTERN)
  }

  #takeLimits(): number {
    const environment = this.#environment
    const { maximumTransferLength, numberOfPhysicalBreaks, srbExtensionSize } = this.#config
    const { maximumTransferSize } = this.#context
    const limit = Math.min(maximumTransferLength, maximumTransferSize)
    const byBreaks =
      numberOfPhysicalBreaks === SP_UNINITIALIZED_VALUE
        ? Number.POSITIVE_INFINITY
        : (numberOfPhysicalBreaks - 1) * PAGE_SIZE
    const isOneUnset =
      (maximumTransferLength === SP_UNINITIALIZED_VALUE) !==
      (numberOfPhysicalBreaks === SP_UNINITIALIZED_VALUE)
    // A length above the port's own leaves the limit to the breaks (viostor of 2012 to 2021: 0xffffff and 8); one below it is meant.
    const isMeant = maximumTransferLength <= maximumTransferSize
    if (isOneUnset || (isMeant && byBreaks < maximumTransferLength)) {
      const found = `MaximumTransferLength ${hex(maximumTransferLength)} and NumberOfPhysicalBreaks ${hex(numberOfPhysicalBreaks)} do not agree`
      const expected = isOneUnset
        ? `expected both: ${hex(SP_UNINITIALIZED_VALUE)} is unset`
        : `expected at most ${hex(byBreaks)}: data that begins inside a page touches a page more`
      environment.violate('DM-43', 'HwFindAdapter', `${found}, ${expected}`)
    }
    const allowed = Math.min(limit, byBreaks)
    this.maximumTransfer = Math.floor(allowed / PAGE_SIZE) * PAGE_SIZE
    if (allowed === 0) {
      // as the class driver of Windows does with the limits of the running instance (classpnp, HwMaxXferLen)
      this.maximumTransfer = PAGE_SIZE
      const found = `MaximumTransferLength ${hex(maximumTransferLength)} and NumberOfPhysicalBreaks ${hex(numberOfPhysicalBreaks)}`
      environment.violate(
        'DM-43',
        'HwFindAdapter',
        `${found} allow no transfer: single pages are sent`,
        'note',
      )
    }
    if (this.maximumTransfer < PAGE_SIZE) {
      return this.#fail(
        STATUS_INVALID_PARAMETER,
        'the limits of the miniport do not allow one page in a transfer',
      )
    }
    const { alignmentMask } = this.#config
    if (!ALIGNMENT_MASKS.includes(alignmentMask)) {
      const what = `AlignmentMask is ${hex(alignmentMask)}, expected 0, 1, 3 or 7`
      environment.violate('DM-46', 'HwFindAdapter', what)
      return this.#fail(STATUS_INVALID_PARAMETER, what)
    }
    this.mapsBuffers = mapsAllBuffers(this.#config)
    const extension = this.#memory.takeSrbExtension(srbExtensionSize)
    if (extension === null) {
      return this.#fail(
        STATUS_INSUFFICIENT_RESOURCES,
        `an SRB extension of ${hex(srbExtensionSize)} bytes does not fit`,
      )
    }
    this.srbExtension = extension
    if (reaches64Bit(this.#config)) return STATUS_SUCCESS
    this.bounceBuffer = this.#memory.takeBounceBuffer(this.maximumTransfer)
    if (this.bounceBuffer === null) {
      return this.#fail(
        STATUS_INSUFFICIENT_RESOURCES,
        'the common buffer has no page left to bounce data through, for a controller of 32-bit addresses',
      )
    }
    this.maximumTransfer = this.bounceBuffer.view.byteLength
    return STATUS_SUCCESS
  }

  #initializeAdapter(fileName: string): number {
    const { data } = this
    const environment = this.#environment
    environment.enter('HwInitialize')
    const isReady = data.hwInitialize(this.deviceExtension)
    environment.leave()
    if (!isReady) {
      if (this.wantedPassiveInitialization) {
        const what =
          'HwInitialize left the rest to passive initialisation, which never happens in dump mode, and returned FALSE'
        environment.violate('DM-09', 'HwInitialize', what)
      }
      return this.#fail(STATUS_UNSUCCESSFUL, `HwInitialize of ${fileName} returned FALSE`)
    }
    environment.judgeReadiness()
    const unasked = this.#memory.unaskedChange()
    if (unasked !== null)
      environment.violate(
        'stray-memory',
        'HwInitialize',
        unasked.message,
        unasked.isPromised ? 'warning' : 'fail',
      )
    // DM-20: a poll with nothing pending must be safe.
    environment.enter('HwInterrupt')
    data.hwInterrupt(this.deviceExtension)
    environment.leave()
    return STATUS_SUCCESS
  }

  #fail(status: number, failure: string): number {
    this.failure = failure
    this.#status = status
    return status
  }
}
