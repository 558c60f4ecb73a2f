// Windows 10 2004 (build 19041). Names of the dump stack: public listings of Windows 10 modules show dump_diskdump with
// dump_storahci and dump_dumpfve. Eleven real minidumps of this build with an NVMe disk list dump_dumpstorport instead, a file
// that has been seen with stornvme and storufs only, and dump_storport among the unloaded drivers.
import { pfn } from '@dumpstack/bytes'
import { HeaderDumpType } from '../../codes/header-dump-type.ts'
import { GIVES_UP } from '../lost-request.ts'
import { type ControllerDrivers, dumpMiniport, type Profile, type StackImage } from '../profile.ts'
import * as layouts from './layouts.ts'

const DRIVERS = '\\SystemRoot\\System32\\Drivers\\'

const broker: StackImage = {
  role: 'broker',
  nameOnDisk: 'crashdmp.sys',
  baseName: 'crashdmp.sys',
  fullName: `${DRIVERS}crashdmp.sys`,
  purpose: 'crash dump broker',
}

/** The dump port takes the place of storport.sys, from which the miniport imports; `portFile` is the file that it comes from. */
const stackOn = (miniport: string, disk: string, portFile = 'diskdump.sys'): ControllerDrivers => ({
  runtimePort: 'storport.sys',
  miniport,
  dumpPort: 'diskdump',
  broker,
  images: [
    {
      role: 'port',
      nameOnDisk: portFile,
      baseName: 'dump_storport.sys',
      fullName: `${DRIVERS}dump_${portFile}`,
      purpose: 'dump port driver',
    },
    dumpMiniport(miniport, `dump miniport of ${disk}`),
    {
      role: 'filter',
      nameOnDisk: 'dumpfve.sys',
      baseName: 'dump_dumpfve.sys',
      fullName: `${DRIVERS}dump_dumpfve.sys`,
      purpose: 'dump filter of BitLocker',
    },
  ],
})

const notBuilt = (driver: string): string => `${driver} is not modelled yet`

export const win10_19041: Profile = {
  name: 'win10-19041',
  guestImages: 'bin',
  layouts,
  // The boot loader puts the first PML4 near 0x1a0000 whatever the machine: readers without symbols look for it there
  // (volatility3 scans 0x150000-0x2a0000; 0x1ad000 is CR3 of the System process in a real dump of this build).
  paging: { systemRoot: pfn(0x1ad), places: 'drawn' },
  // ProcessorState of a real dump
  controlRegisters: { cr0: 0x80050031n, cr4: 0x350ef8n },
  majorVersion: 10,
  minorVersion: 0,
  build: 19041,
  // what a developer's or a lab's machine is, and the stricter of the rules for MEMORY.DMP
  productType: 'WinNt',
  isDomainMember: false,
  dumpTypes: {
    full: HeaderDumpType.bitmapFull,
    kernel: HeaderDumpType.bitmapKernel,
    mini: HeaderDumpType.triage,
  },
  limits: {
    maxPagesPerWrite: 16,
    maximumTransferSize: 0x10000,
    commonBufferSize: 0x10000,
    memoryBlockSize: 0x10000,
    noncachedBudget: 0x8000,
    srbTimeoutSeconds: 10,
    pollMicroseconds: 10,
    sendsPerSrb: 5,
    fullDumpExtraBytes: 0x10_0000,
    // what Windows asks for
    smallDumpBytes: 0x20_0000,
  },
  lostRequest: GIVES_UP,
  order: { filterStart: 'beforePort', findAdapter: 'insideInitialize' },
  stack: {
    ahci: stackOn('storahci.sys', 'the AHCI disk'),
    nvme: stackOn('stornvme.sys', 'the NVMe disk', 'dumpstorport.sys'),
    // a third party's driver, which no installation medium has: the dump needs it all the same
    'virtio-blk': stackOn('viostor.sys', 'the virtio disk'),
    'lsi-sas': notBuilt('LSI_SAS.sys'),
    pvscsi: notBuilt('pvscsi.sys'),
    ide: notBuilt('atapi.sys under dumpata.sys'),
    buslogic: 'vmscsi.sys is a 32-bit driver of the Windows 2000 to 2003 era',
  },
}
