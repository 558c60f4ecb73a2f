// Sizes and offsets as the reference states them: measured in miniport binaries, computed or from public type dumps.
import { expect, it } from 'vitest'
import * as layouts from '../profile/win10-19041/layouts.ts'
import * as nt from './index.ts'

it.each([
  [nt.PortConfigurationInformation, 0xe0],
  [nt.HwInitializationDataLayout, 0xd0],
  [nt.ScsiRequestBlock, 0x58],
  [nt.AccessRange, 0x10],
  [nt.MemoryRegion, 0x18],
  [nt.Mdl, 0x30],
  [nt.DumpPointersEx, 0x68],
  [layouts.DumpInitializationContext, 0x108],
  [layouts.DumpStackContext, 0x178],
  [nt.MappedAddress, 0x28],
  [nt.DmaAdapter, 0x10],
  [nt.MiniportDumpPointers, 0x70],
  [nt.FilterExtension, 0x58],
  [nt.FilterInitializationDataLayout, 0x48],
])('%o has the size of its x64 layout', (type, size) => {
  expect(type.size).toBe(size)
})

it.each([
  [
    'PORT_CONFIGURATION_INFORMATION.MiniportDumpData',
    nt.PortConfigurationInformation,
    'miniportDumpData',
    0x40,
  ],
  [
    'PORT_CONFIGURATION_INFORMATION.SrbExtensionSize',
    nt.PortConfigurationInformation,
    'srbExtensionSize',
    0x8c,
  ],
  ['PORT_CONFIGURATION_INFORMATION.DumpRegion', nt.PortConfigurationInformation, 'dumpRegion', 0xa8],
  ['PORT_CONFIGURATION_INFORMATION.DumpMode', nt.PortConfigurationInformation, 'dumpMode', 0xc5],
  ['PORT_CONFIGURATION_INFORMATION.FeatureSupport', nt.PortConfigurationInformation, 'featureSupport', 0xdc],
  ['HW_INITIALIZATION_DATA.HwFindAdapter', nt.HwInitializationDataLayout, 'hwFindAdapter', 0x20],
  ['HW_INITIALIZATION_DATA.HwBuildIo', nt.HwInitializationDataLayout, 'hwBuildIo', 0x80],
  ['HW_INITIALIZATION_DATA.FeatureSupport', nt.HwInitializationDataLayout, 'featureSupport', 0xb8],
  ['SCSI_REQUEST_BLOCK.DataBuffer', nt.ScsiRequestBlock, 'dataBuffer', 0x18],
  ['SCSI_REQUEST_BLOCK.SrbExtension', nt.ScsiRequestBlock, 'srbExtension', 0x38],
  ['SCSI_REQUEST_BLOCK.Cdb', nt.ScsiRequestBlock, 'cdb', 0x48],
  ['MDL.MappedSystemVa', nt.Mdl, 'mappedSystemVa', 0x18],
  ['DUMP_INITIALIZATION_CONTEXT.WriteRoutine', layouts.DumpInitializationContext, 'writeRoutine', 0x40],
  [
    'DUMP_INITIALIZATION_CONTEXT.CommonBufferSize',
    layouts.DumpInitializationContext,
    'commonBufferSize',
    0x70,
  ],
  ['DUMP_STACK_CONTEXT.PartitionOffset', layouts.DumpStackContext, 'partitionOffset', 0x108],
  ['DUMP_STACK_CONTEXT.UsageType', layouts.DumpStackContext, 'usageType', 0x170],
  ['DUMP_POINTERS_EX.MappedRegisterBase', nt.DumpPointersEx, 'mappedRegisterBase', 0x48],
  [
    'MINIPORT_DUMP_POINTERS.MiniportPrivateDumpData',
    nt.MiniportDumpPointers,
    'miniportPrivateDumpData',
    0x40,
  ],
  ['MINIPORT_DUMP_POINTERS.MaximumTransferLength', nt.MiniportDumpPointers, 'maximumTransferLength', 0x50],
  ['FILTER_INITIALIZATION_DATA.Flags', nt.FilterInitializationDataLayout, 'flags', 0x34],
  ['FILTER_EXTENSION.DiskSize', nt.FilterExtension, 'diskSize', 0x28],
])('%s is where the kit puts it', (_name, type, field, offset) => {
  const fields: Record<string, { offset: number }> = type.fields
  expect(fields[field]?.offset).toBe(offset)
})
