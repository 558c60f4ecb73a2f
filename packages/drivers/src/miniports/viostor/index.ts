// viostor: the miniport of virtio block devices, from SRB to block request and back. Our own code after VIRTIO 1.2 and the public
// rules for boot drive miniports; the name is the field's, where the driver comes from a third party. Like that one it has no
// STOR_FEATURE_DUMP_POINTERS: the dump instance finds its device through the bus again (DM-35).
import {
  ADDRESS_TYPE_FLAG_BTL8,
  HwInitializationDataLayout,
  INTERFACE_TYPE_PCI_BUS,
  SRB_TYPE_FLAG_SCSI_REQUEST_BLOCK,
  STOR_MAP_NON_READ_WRITE_BUFFERS,
} from '@dumpstack/nt'
import type { MiniportImage, PortExports, ScatterGatherList } from '../../miniport.ts'
import { type DiskEngine, DiskMiniport } from '../disk/disk-miniport.ts'
import type { DiskFacts } from '../disk/emulated-commands.ts'
import { RequestTable } from '../disk/request-table.ts'
import { VirtioBlkAdapter } from './adapter.ts'
import { BlkRequest } from './blk-command.ts'
import { AdapterExtension, MAXIMUM_TRANSFER_LENGTH, SRB_EXTENSION_BYTES } from './layouts.ts'

const ACCESS_RANGES = 6
// As the field's driver answers INQUIRY
const VENDOR_ID = 'Red Hat'
const PRODUCT_ID = 'VirtIO'
const PRODUCT_REVISION = '0001'

export const viostor: MiniportImage = {
  fileName: 'viostor.sys',
  symbolPrefix: 'VirtIo',
  load: () => (port, driverObject, registryPath) => {
    // DM-05a: the port may call HwFindAdapter before initialize returns.
    const driver = new Viostor(port, driverObject === null && registryPath === null)
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
      featureSupport: 0,
      srbTypeFlags: SRB_TYPE_FLAG_SCSI_REQUEST_BLOCK,
      addressTypeFlags: ADDRESS_TYPE_FLAG_BTL8,
    })
  },
}

class Viostor implements DiskEngine<BlkRequest> {
  readonly adapter: VirtioBlkAdapter
  readonly miniport: DiskMiniport<BlkRequest>

  constructor(port: PortExports, isDump: boolean) {
    const requests = new RequestTable(port, (srb, extension) => new BlkRequest(srb, extension))
    this.adapter = new VirtioBlkAdapter(port, isDump, requests, (request, isGood) =>
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

  get maximumSectors(): number {
    return MAXIMUM_TRANSFER_LENGTH / this.sectorBytes
  }

  get facts(): DiskFacts {
    const { extension } = this.adapter
    return {
      sectorBytes: extension.sectorBytes,
      sectorCount: extension.sectorCount,
      logicalPerPhysicalExponent: extension.logicalPerPhysicalExponent,
      isQueued: true,
      vendorId: VENDOR_ID,
      productId: PRODUCT_ID,
      productRevision: PRODUCT_REVISION,
      serialNumber: String.fromCharCode(...extension.serialNumber.filter((byte) => byte !== 0)),
    }
  }

  composeTransfer(
    { command }: BlkRequest,
    isWrite: boolean,
    sector: number,
    _count: number,
    list: ScatterGatherList,
  ): void {
    command.composeTransfer(isWrite, sector * this.sectorBytes, list)
  }

  composeFlush({ command }: BlkRequest): boolean {
    if (this.adapter.extension.hasFlush === 0) return false
    command.composeFlush()
    return true
  }

  /** A virtio disk has no power of its own: what was written must not stay in its cache. */
  composeShutdown(request: BlkRequest): boolean {
    return this.composeFlush(request)
  }

  issue(request: BlkRequest): boolean {
    return this.adapter.issue(request)
  }

  reset(): void {
    this.adapter.reset()
  }
}
