// What any port driver does with a miniport's tables: the copy of HW_INITIALIZATION_DATA in RAM and the configuration that
// HwFindAdapter gets, prefilled (storport.h).
import { type Gva, PAGE_SIZE } from '@dumpstack/bytes'
import {
  HwInitializationDataLayout,
  PortConfigurationInformation,
  SCSI_DMA64_MINIPORT_FULL64BIT_SUPPORTED,
  SCSI_DMA64_MINIPORT_SUPPORTED,
  SCSI_DMA64_SYSTEM_SUPPORTED,
  SP_UNINITIALIZED_VALUE,
  SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK,
  SRB_TYPE_SCSI_REQUEST_BLOCK,
  SRB_TYPE_STORAGE_REQUEST_BLOCK,
  STOR_MAP_ALL_BUFFERS,
  STOR_MAP_ALL_BUFFERS_INCLUDING_READ_WRITE,
} from '@dumpstack/nt'
import { DriversError } from './errors.ts'
import type { LoadedImage } from './kernel-services.ts'
import type { GuestBlock, HwInitializationData, MiniportImage } from './miniport.ts'

/** Address of a driver's routine, for RAM and reports. Throws DriversError ROUTINE_NOT_EXPORTED. */
export function routineAddress(image: LoadedImage, name: string): Gva {
  const address = image.exportAddress(name)
  if (address !== null) return address
  const { baseName, nameOnDisk } = image
  throw new DriversError(
    'ROUTINE_NOT_EXPORTED',
    `${baseName} exports no ${name}, expected one in its image ${nameOnDisk} by the symbolPrefix of its driver`,
    { image: nameOnDisk, routine: name },
  )
}

/**
 * Address of a miniport's routine by the kit's name. No driver exports its DriverEntry, and code that runs tells the port of its routines
 * from there only: until then the image stands for them.
 */
export function miniportRoutine(image: LoadedImage, miniport: MiniportImage, name: string): Gva {
  if (miniport.code !== undefined) return miniport.code.routine(image, name) ?? image.base
  return name === 'DriverEntry' ? image.base : routineAddress(image, miniport.symbolPrefix + name)
}

/** The miniport's table as RAM shows it. */
export function copyInitializationData(
  block: GuestBlock,
  data: HwInitializationData,
  image: LoadedImage,
  miniport: MiniportImage,
): void {
  const address = (name: string): Gva => miniportRoutine(image, miniport, name)
  const copy = HwInitializationDataLayout.at(block.view)
  copy.hwInitializationDataSize = data.hwInitializationDataSize
  copy.adapterInterfaceType = data.adapterInterfaceType
  copy.hwInitialize = address('HwInitialize')
  copy.hwStartIo = address('HwStartIo')
  copy.hwInterrupt = address('HwInterrupt')
  copy.hwFindAdapter = address('HwFindAdapter')
  copy.hwResetBus = address('HwResetBus')
  copy.hwAdapterControl = data.hwAdapterControl ? address('HwAdapterControl') : 0n
  copy.hwBuildIo = data.hwBuildIo ? address('HwBuildIo') : 0n
  copy.deviceExtensionSize = data.deviceExtensionSize
  copy.specificLuExtensionSize = data.specificLuExtensionSize
  copy.srbExtensionSize = data.srbExtensionSize
  copy.numberOfAccessRanges = data.numberOfAccessRanges
  copy.mapBuffers = data.mapBuffers
  copy.needPhysicalAddresses = data.needPhysicalAddresses ? 1 : 0
  copy.taggedQueuing = data.taggedQueuing ? 1 : 0
  copy.autoRequestSense = data.autoRequestSense ? 1 : 0
  copy.multipleRequestPerLu = data.multipleRequestPerLu ? 1 : 0
  copy.featureSupport = data.featureSupport
  copy.srbTypeFlags = data.srbTypeFlags
  copy.addressTypeFlags = data.addressTypeFlags
}

// What a miniport that sets neither gets (PORT_CONFIGURATION_INFORMATION).
const SCSI_MAXIMUM_TARGETS = 8
const SCSI_MAXIMUM_LOGICAL_UNITS = 8

const DMA64_MINIPORT = SCSI_DMA64_MINIPORT_SUPPORTED | SCSI_DMA64_MINIPORT_FULL64BIT_SUPPORTED

/** Whether the controller reaches memory above 4 GiB, as its miniport says. */
export const reaches64Bit = (config: PortConfigurationInformation): boolean =>
  (config.dma64BitAddresses & DMA64_MINIPORT) !== 0

/** Whether reads and writes of the disk are to find their data mapped where DataBuffer points, as all other requests do. */
export const mapsAllBuffers = (config: PortConfigurationInformation): boolean =>
  config.mapBuffers === STOR_MAP_ALL_BUFFERS ||
  config.mapBuffers === STOR_MAP_ALL_BUFFERS_INCLUDING_READ_WRITE

/**
 * Bytes of one transfer within a miniport's limits; one that it left at 0 or unset does not count. Data that begins inside a page
 * touches a page more than its length fills, so the breaks carry one page less than their number, as the class driver of Windows
 * counts (classpnp, HwMaxXferLen).
 */
export function transferLimit(limits: {
  readonly maximumTransferLength: number
  readonly numberOfPhysicalBreaks: number
}): number {
  const { maximumTransferLength, numberOfPhysicalBreaks } = limits
  const byLength = isSet(maximumTransferLength) ? maximumTransferLength : Number.POSITIVE_INFINITY
  const byBreaks = isSet(numberOfPhysicalBreaks)
    ? (numberOfPhysicalBreaks - 1) * PAGE_SIZE
    : Number.POSITIVE_INFINITY
  return Math.min(byLength, byBreaks)
}

const isSet = (limit: number): boolean => limit !== 0 && limit !== SP_UNINITIALIZED_VALUE

/** Prefills what the port knows before HwFindAdapter; bus facts and dump facts are the caller's. */
export function prefillConfiguration(config: PortConfigurationInformation, data: HwInitializationData): void {
  config.length = PortConfigurationInformation.size
  config.adapterInterfaceType = data.adapterInterfaceType
  config.maximumTransferLength = SP_UNINITIALIZED_VALUE
  config.numberOfPhysicalBreaks = SP_UNINITIALIZED_VALUE
  config.dmaChannel = SP_UNINITIALIZED_VALUE
  config.dmaPort = SP_UNINITIALIZED_VALUE
  config.numberOfAccessRanges = data.numberOfAccessRanges
  config.maximumNumberOfTargets = SCSI_MAXIMUM_TARGETS
  config.maximumNumberOfLogicalUnits = SCSI_MAXIMUM_LOGICAL_UNITS
  for (let bus = 0; bus < 8; bus++) config.initiatorBusId.set(bus, 0xff)
  config.mapBuffers = data.mapBuffers
  config.needPhysicalAddresses = data.needPhysicalAddresses ? 1 : 0
  config.taggedQueuing = data.taggedQueuing ? 1 : 0
  config.autoRequestSense = data.autoRequestSense ? 1 : 0
  config.multipleRequestPerLu = data.multipleRequestPerLu ? 1 : 0
  config.deviceExtensionSize = data.deviceExtensionSize
  config.specificLuExtensionSize = data.specificLuExtensionSize
  config.srbExtensionSize = data.srbExtensionSize
  config.dma64BitAddresses = SCSI_DMA64_SYSTEM_SUPPORTED
  config.featureSupport = data.featureSupport
  config.srbType =
    (data.srbTypeFlags & SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK) === 0
      ? SRB_TYPE_SCSI_REQUEST_BLOCK
      : SRB_TYPE_STORAGE_REQUEST_BLOCK
}
