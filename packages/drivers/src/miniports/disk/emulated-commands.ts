// SCSI commands that a disk miniport answers itself, from what it knows of its disk: SPC-4 and SBC-3.
import { highHalf, lowHalf } from '@dumpstack/bytes'
import {
  CDB_INQUIRY_EVPD,
  CDB_SERVICE_ACTION_MASK,
  Cdb6Inquiry,
  Cdb16,
  DIRECT_ACCESS_DEVICE,
  INQUIRY_CMDQUE,
  INQUIRY_RESPONSE_DATA_FORMAT,
  INQUIRY_VERSION_SPC_3,
  InquiryData,
  LunList,
  ReadCapacity16Data,
  ReadCapacityData,
  SCSIOP_INQUIRY,
  SCSIOP_READ_CAPACITY,
  SCSIOP_REPORT_LUNS,
  SCSIOP_SERVICE_ACTION_IN16,
  SERVICE_ACTION_READ_CAPACITY16,
  VPD_SERIAL_NUMBER,
  VPD_SUPPORTED_PAGES,
  VpdPageHeader,
} from '@dumpstack/registers'

export interface DiskGeometry {
  readonly sectorBytes: number
  readonly sectorCount: number
  readonly logicalPerPhysicalExponent: number
}

export interface DiskIdentity {
  /** The device takes more than one command at a time. */
  readonly isQueued: boolean
  readonly vendorId: string
  readonly productId: string
  readonly productRevision: string
  /** As long as its VPD page is to be. */
  readonly serialNumber: string
}

/** The data of the command in `cdb`; null when command or page is not one that these disks answer. */
export function emulatedData(cdb: DataView, disk: DiskGeometry, identity: DiskIdentity): Uint8Array | null {
  switch (cdb.getUint8(0)) {
    case SCSIOP_INQUIRY:
      return inquiry(Cdb6Inquiry.at(cdb), identity)
    case SCSIOP_READ_CAPACITY: {
      const data = new Uint8Array(ReadCapacityData.size)
      const capacity = ReadCapacityData.of(data)
      capacity.logicalBlockAddress = Math.min(disk.sectorCount - 1, 0xffffffff)
      capacity.bytesPerBlock = disk.sectorBytes
      return data
    }
    case SCSIOP_SERVICE_ACTION_IN16: {
      if ((Cdb16.at(cdb).flags & CDB_SERVICE_ACTION_MASK) !== SERVICE_ACTION_READ_CAPACITY16) return null
      const data = new Uint8Array(ReadCapacity16Data.size)
      const capacity = ReadCapacity16Data.of(data)
      const last = disk.sectorCount - 1
      capacity.logicalBlockAddressHigh = highHalf(last)
      capacity.logicalBlockAddressLow = lowHalf(last)
      capacity.bytesPerBlock = disk.sectorBytes
      capacity.logicalPerPhysicalExponent = disk.logicalPerPhysicalExponent
      return data
    }
    case SCSIOP_REPORT_LUNS: {
      const data = new Uint8Array(LunList.size)
      LunList.of(data).lunListLength = LunList.size - 8
      return data
    }
    default:
      return null
  }
}

function inquiry(cdb: Cdb6Inquiry, identity: DiskIdentity): Uint8Array | null {
  if ((cdb.flags & CDB_INQUIRY_EVPD) !== 0) {
    if (cdb.pageCode === VPD_SUPPORTED_PAGES) {
      return vpdPage(VPD_SUPPORTED_PAGES, [VPD_SUPPORTED_PAGES, VPD_SERIAL_NUMBER])
    }
    return cdb.pageCode === VPD_SERIAL_NUMBER
      ? vpdPage(VPD_SERIAL_NUMBER, ascii(identity.serialNumber, identity.serialNumber.length))
      : null
  }
  if (cdb.pageCode !== 0) return null
  const data = new Uint8Array(InquiryData.size)
  const view = InquiryData.of(data)
  view.deviceType = DIRECT_ACCESS_DEVICE
  view.version = INQUIRY_VERSION_SPC_3
  view.responseDataFormat = INQUIRY_RESPONSE_DATA_FORMAT
  view.additionalLength = InquiryData.size - 5
  if (identity.isQueued) view.flags7 = INQUIRY_CMDQUE
  view.vendorId = ascii(identity.vendorId, 8)
  view.productId = ascii(identity.productId, 16)
  view.productRevisionLevel = ascii(identity.productRevision, 4)
  return data
}

function vpdPage(pageCode: number, content: ArrayLike<number>): Uint8Array {
  const data = new Uint8Array(VpdPageHeader.size + content.length)
  const header = VpdPageHeader.of(data)
  header.deviceType = DIRECT_ACCESS_DEVICE
  header.pageCode = pageCode
  header.pageLength = content.length
  data.set(content, VpdPageHeader.size)
  return data
}

function ascii(text: string, length: number): Uint8Array {
  const field = new Uint8Array(length).fill(0x20)
  for (let i = 0; i < Math.min(text.length, length); i++) field[i] = text.charCodeAt(i)
  return field
}
