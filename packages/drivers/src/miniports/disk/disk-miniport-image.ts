// DriverEntry of a disk miniport: what it tells the port of itself is the same for each of them, but for sizes and features.
import {
  ADDRESS_TYPE_FLAG_BTL8,
  HwInitializationDataLayout,
  INTERFACE_TYPE_PCI_BUS,
  SRB_TYPE_FLAG_SCSI_REQUEST_BLOCK,
  STOR_MAP_NON_READ_WRITE_BUFFERS,
} from '@dumpstack/nt'
import type { GuestBlock, MiniportImage } from '../../miniport.ts'
import type { AdapterOptions, DiskAdapter } from './disk-adapter.ts'
import { DiskMiniport } from './disk-miniport.ts'
import { DiskExtension } from './layouts.ts'
import { RequestTable } from './request-table.ts'
import type { ScsiRequest } from './scsi-request.ts'

const ACCESS_RANGES = 6

export interface DiskMiniportParts<R extends ScsiRequest> {
  readonly fileName: string
  readonly symbolPrefix: string
  readonly featureSupport: number
  readonly srbExtensionSize: number
  readonly Request: new (srb: GuestBlock, extension: GuestBlock) => R
  readonly Adapter: new (options: AdapterOptions<R>) => DiskAdapter<R>
}

export function diskMiniportImage<R extends ScsiRequest>(parts: DiskMiniportParts<R>): MiniportImage {
  const { fileName, symbolPrefix, featureSupport, srbExtensionSize, Request, Adapter } = parts
  return {
    fileName,
    symbolPrefix,
    load: () => (port, driverObject, registryPath) => {
      const requests = new RequestTable(port, (srb, extension) => new Request(srb, extension))
      const adapter = new Adapter({
        port,
        isDump: driverObject === null && registryPath === null,
        requests,
        ended: (request, isGood) => miniport.finish(request, isGood),
      })
      const miniport = new DiskMiniport(port, requests, adapter)
      // DM-05a: the port may call HwFindAdapter before initialize returns.
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
        deviceExtensionSize: DiskExtension.size,
        specificLuExtensionSize: 0,
        srbExtensionSize,
        numberOfAccessRanges: ACCESS_RANGES,
        mapBuffers: STOR_MAP_NON_READ_WRITE_BUFFERS,
        needPhysicalAddresses: true,
        taggedQueuing: true,
        autoRequestSense: true,
        multipleRequestPerLu: true,
        featureSupport,
        srbTypeFlags: SRB_TYPE_FLAG_SCSI_REQUEST_BLOCK,
        addressTypeFlags: ADDRESS_TYPE_FLAG_BTL8,
      })
    },
  }
}
