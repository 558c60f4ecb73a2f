// storahci: the miniport of AHCI controllers, from SRB to ATA command and back. Our own code after AHCI 1.3.1, SAT-3 and the
// public rules for boot drive miniports; dump mode is recognised by NULL arguments, dump=1 or DumpMode (DM-01 to DM-04).
import {
  ADDRESS_TYPE_FLAG_BTL8,
  HwInitializationDataLayout,
  INTERFACE_TYPE_PCI_BUS,
  type MiniportDumpPointers,
  SRB_TYPE_FLAG_SCSI_REQUEST_BLOCK,
  STOR_FEATURE_DUMP_POINTERS,
  STOR_MAP_NON_READ_WRITE_BUFFERS,
} from '@dumpstack/nt'
import {
  ATA_FLUSH_CACHE_EXT,
  ATA_READ_DMA_EXT,
  ATA_READ_FPDMA_QUEUED,
  ATA_STANDBY_IMMEDIATE,
  ATA_WRITE_DMA_EXT,
  ATA_WRITE_FPDMA_QUEUED,
  IdentifyDevice,
} from '@dumpstack/spec'
import type { MiniportImage, PortExports, ScatterGatherList } from '../../miniport.ts'
import { type DiskEngine, DiskMiniport } from '../disk/disk-miniport.ts'
import type { DiskFacts } from '../disk/emulated-commands.ts'
import { RequestTable } from '../disk/request-table.ts'
import { AhciAdapter } from './adapter.ts'
import { ataString } from './identify.ts'
import { AdapterExtension, SRB_EXTENSION_BYTES } from './layouts.ts'
import { AhciRequest } from './request.ts'

const ACCESS_RANGES = 6
const VENDOR_ID = 'ATA' // SAT-3 8.1.1
const SERIAL_NUMBER_LENGTH = 20

export const storahci: MiniportImage = {
  fileName: 'storahci.sys',
  symbolPrefix: 'Ahci',
  load: () => (port, driverObject, registryPath) => {
    // DM-05a: the port may call HwFindAdapter before initialize returns.
    const driver = new Storahci(port, driverObject === null && registryPath === null)
    const { adapter, miniport } = driver
    return port.initialize(driverObject, registryPath, {
      hwInitializationDataSize: HwInitializationDataLayout.size,
      adapterInterfaceType: INTERFACE_TYPE_PCI_BUS,
      hwFindAdapter: (extension, _context, _bus, argumentString, config) =>
        adapter.findAdapter(extension, argumentString, config),
      hwInitialize: () => adapter.initialize(),
      hwBuildIo: (extension, srb) => miniport.buildIo(extension, srb),
      hwStartIo: (_extension, srb) => miniport.startIo(srb),
      hwInterrupt: () => adapter.interrupt(),
      hwResetBus: () => miniport.resetBus(),
      deviceExtensionSize: AdapterExtension.size,
      specificLuExtensionSize: 0,
      srbExtensionSize: SRB_EXTENSION_BYTES,
      numberOfAccessRanges: ACCESS_RANGES,
      mapBuffers: STOR_MAP_NON_READ_WRITE_BUFFERS,
      needPhysicalAddresses: true,
      taggedQueuing: true,
      autoRequestSense: true,
      multipleRequestPerLu: true,
      featureSupport: STOR_FEATURE_DUMP_POINTERS,
      srbTypeFlags: SRB_TYPE_FLAG_SCSI_REQUEST_BLOCK,
      addressTypeFlags: ADDRESS_TYPE_FLAG_BTL8,
    })
  },
}

class Storahci implements DiskEngine<AhciRequest> {
  readonly adapter: AhciAdapter
  readonly miniport: DiskMiniport<AhciRequest>
  readonly maximumSectors = 0x10000

  constructor(port: PortExports, isDump: boolean) {
    const requests = new RequestTable(port, (srb, extension) => new AhciRequest(srb, extension))
    this.adapter = new AhciAdapter(port, isDump, requests, (request, isGood) =>
      this.miniport.finish(request, isGood),
    )
    this.miniport = new DiskMiniport(port, requests, this)
  }

  get isDump(): boolean {
    return this.adapter.isDump
  }

  get isReady(): boolean {
    return this.adapter.extension.isReady === 1
  }

  get sectorBytes(): number {
    return this.adapter.extension.sectorBytes
  }

  get sectorCount(): number {
    return this.adapter.extension.sectorCount
  }

  get facts(): DiskFacts {
    const { extension } = this.adapter
    const identify = IdentifyDevice.at(this.adapter.identify)
    return {
      sectorBytes: extension.sectorBytes,
      sectorCount: extension.sectorCount,
      logicalPerPhysicalExponent: extension.logicalPerPhysicalExponent,
      isQueued: extension.supportsNcq === 1,
      vendorId: VENDOR_ID,
      productId: ataString(identify.modelNumber),
      productRevision: ataString(identify.firmwareRevision),
      serialNumber: ataString(identify.serialNumber).padEnd(SERIAL_NUMBER_LENGTH),
    }
  }

  composeTransfer(
    { table }: AhciRequest,
    isWrite: boolean,
    sector: number,
    count: number,
    list: ScatterGatherList,
  ): void {
    if (this.adapter.extension.supportsNcq === 1 && !this.adapter.isDump) {
      const command = isWrite ? ATA_WRITE_FPDMA_QUEUED : ATA_READ_FPDMA_QUEUED
      table.composeQueued(command, isWrite, sector, count)
    } else {
      table.composeDma(isWrite ? ATA_WRITE_DMA_EXT : ATA_READ_DMA_EXT, isWrite, sector, count)
    }
    table.describe(list)
  }

  composeFlush({ table }: AhciRequest): boolean {
    table.compose(ATA_FLUSH_CACHE_EXT)
    return true
  }

  composeShutdown({ table }: AhciRequest): boolean {
    table.compose(ATA_STANDBY_IMMEDIATE)
    return true
  }

  issue(request: AhciRequest): boolean {
    return this.adapter.issue(request)
  }

  reset(): void {
    this.adapter.reset()
  }

  describeDump(pointers: MiniportDumpPointers): void {
    this.adapter.describeDump(pointers, 'storahci')
  }
}
