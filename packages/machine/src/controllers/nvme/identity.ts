// What an NVMe function says of itself: PCI configuration space (NVM Express 1.4 section 2.1), the window of its registers, and the data
// of Identify (5.15). Identity and numbers are those of QEMU 7.2's nvme device where nothing speaks against them.
import { highHalf, lowHalf } from '@dumpstack/bytes'
import {
  NVME_CNTRLTYPE_IO,
  NVME_CQES,
  NVME_DESCRIPTOR_HEADER_BYTES,
  NVME_DOORBELL_BYTES,
  NVME_DOORBELLS,
  NVME_FR_BYTES,
  NVME_IDENTIFY_BYTES,
  NVME_LBA_FORMATS,
  NVME_LBAF_LBADS_SHIFT,
  NVME_LPA_EXTENDED,
  NVME_MN_BYTES,
  NVME_NIDT_EUI64,
  NVME_ONCS_DSM,
  NVME_ONCS_WRITE_ZEROES,
  NVME_SN_BYTES,
  NVME_SQES,
  NVME_VS_1_4_0,
  NVME_VWC_PRESENT,
  NvmeIdentifyController,
  NvmeIdentifyNamespace,
  PCI_CLASS_NVME,
} from '@dumpstack/registers'
import type { DiskMedium } from '../../disk/disk.ts'
import { type PciIdentity, powerManagement } from '../../pci.ts'
import { type MsixPlace, msixCapability } from '../msix.ts'
import type { NvmeSettings } from './settings.ts'

export const REGISTERS_BAR = 0
/** The one namespace. */
export const NSID = 1
/** Asynchronous event requests that may be outstanding, less one; log entries likewise. */
export const AERL = 3
const ACL = 3
const ELPE = 3
const PART_BYTES = 0x1000
const VENDOR_ID = 0x1b36
const DEVICE_ID = 0x0010
const SUBSYSTEM_VENDOR_ID = 0x1af4
const SUBSYSTEM_ID = 0x1100
const IEEE = [0x00, 0x54, 0x52]
/** Ten firmware slots less nine, the first one read only. */
const FRMW = 0x03
const WARNING_KELVIN = 343
const CRITICAL_KELVIN = 373
const RAB = 6
const POWER_CENTIWATTS = 0x9c4
const ENTRY_LATENCY_US = 16
const EXIT_LATENCY_US = 4
const SHIFT_512 = 9
const SHIFT_4096 = 12

export const doorbellStride = ({ doorbellStride }: NvmeSettings): number =>
  NVME_DOORBELL_BYTES << doorbellStride

/** Doorbells, MSI-X table and pending bits begin on pages of their own. */
export function msixPlace(settings: NvmeSettings): MsixPlace {
  const vectors = settings.queues + 1
  const doorbellsEnd = NVME_DOORBELLS + 2 * vectors * doorbellStride(settings)
  const tableAt = Math.ceil(doorbellsEnd / PART_BYTES) * PART_BYTES
  return {
    at: 0x40,
    bar: REGISTERS_BAR,
    tableAt,
    pendingAt: tableAt + PART_BYTES,
    vectorCount: settings.msix === 'on' ? vectors : 0,
  }
}

export function pciIdentity(settings: NvmeSettings): PciIdentity {
  const place = msixPlace(settings)
  const byteLength = 2 ** Math.ceil(Math.log2(place.pendingAt + PART_BYTES))
  return {
    vendorId: VENDOR_ID,
    deviceId: DEVICE_ID,
    revisionId: 2,
    classCode: PCI_CLASS_NVME,
    subsystemVendorId: SUBSYSTEM_VENDOR_ID,
    subsystemId: SUBSYSTEM_ID,
    windows: [{ bar: REGISTERS_BAR, kind: 'memory64', byteLength }],
    capabilities: [...(settings.msix === 'on' ? [msixCapability(place)] : []), powerManagement(0x60)],
  }
}

export function identifyController(disk: DiskMedium, settings: NvmeSettings): Uint8Array {
  const data = new Uint8Array(NVME_IDENTIFY_BYTES)
  const id = NvmeIdentifyController.of(data)
  id.vid = VENDOR_ID
  id.ssvid = SUBSYSTEM_VENDOR_ID
  id.sn = ascii(disk.serialNumber, NVME_SN_BYTES)
  id.mn = ascii(disk.model, NVME_MN_BYTES)
  id.fr = FIRMWARE_REVISION
  id.rab = RAB
  id.ieee = Uint8Array.from(IEEE)
  id.mdts = settings.mdts
  id.ver = NVME_VS_1_4_0
  id.cntrltype = NVME_CNTRLTYPE_IO
  id.acl = ACL
  id.aerl = AERL
  id.frmw = FRMW
  id.lpa = NVME_LPA_EXTENDED
  id.elpe = ELPE
  id.wctemp = WARNING_KELVIN
  id.cctemp = CRITICAL_KELVIN
  id.sqes = (NVME_SQES << 4) | NVME_SQES
  id.cqes = (NVME_CQES << 4) | NVME_CQES
  id.nn = NSID
  id.oncs = NVME_ONCS_DSM | NVME_ONCS_WRITE_ZEROES
  id.vwc = settings.writeCache === 'none' ? 0 : NVME_VWC_PRESENT
  id.subnqn = new TextEncoder().encode(`nqn.2019-08.org.qemu:${disk.serialNumber}`)
  id.psd0Mp = POWER_CENTIWATTS
  id.psd0Enlat = ENTRY_LATENCY_US
  id.psd0Exlat = EXIT_LATENCY_US
  return data
}

export function identifyNamespace(disk: DiskMedium, { lbaFormat }: NvmeSettings): Uint8Array {
  const data = new Uint8Array(NVME_IDENTIFY_BYTES)
  const id = NvmeIdentifyNamespace.of(data)
  id.nszeLow = id.ncapLow = id.nuseLow = lowHalf(disk.sectorCount)
  id.nszeHigh = id.ncapHigh = id.nuseHigh = highHalf(disk.sectorCount)
  id.nlbaf = Math.max(lbaFormat, 1)
  id.flbas = lbaFormat
  id.eui64 = eui64(disk)
  const [own, other] = disk.logicalSectorBytes === 512 ? [SHIFT_512, SHIFT_4096] : [SHIFT_4096, SHIFT_512]
  for (let format = 0; format < NVME_LBA_FORMATS && format <= id.nlbaf; format++)
    id.lbaf.set(format, (format === lbaFormat ? own : other) << NVME_LBAF_LBADS_SHIFT)
  return data
}

/** The list of namespace identification descriptors: one. */
export function identificationDescriptors(disk: DiskMedium): Uint8Array {
  const data = new Uint8Array(NVME_IDENTIFY_BYTES)
  const identifier = eui64(disk)
  data.set([NVME_NIDT_EUI64, identifier.byteLength])
  data.set(identifier, NVME_DESCRIPTOR_HEADER_BYTES)
  return data
}

/** Of the same company as the controller, with the end of the serial number. */
function eui64({ serialNumber }: DiskMedium): Uint8Array {
  const end = serialNumber.slice(-5).padStart(5)
  return Uint8Array.from([...IEEE].reverse().concat([...end].map((one) => one.charCodeAt(0))))
}

const ascii = (text: string, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i < text.length ? text.charCodeAt(i) : 0x20))

export const FIRMWARE_REVISION = ascii('1.0', NVME_FR_BYTES)
