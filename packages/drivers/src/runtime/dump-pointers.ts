// IOCTL_SCSI_GET_DUMP_POINTERS: what crashdmp learns from the running stack, laid out in guest RAM. The miniport's context
// for its dump instance comes through SRB_FUNCTION_DUMP_POINTERS when it has STOR_FEATURE_DUMP_POINTERS.
import { type Gpa, type Gva, hex, PAGE_SIZE } from '@dumpstack/bytes'
import { type Machine, Owner } from '@dumpstack/machine'
import {
  DMA_ADAPTER_VERSION_1,
  DmaAdapter,
  DUMP_DRIVER_NAME_LENGTH,
  DUMP_EX_FLAG_SUPPORT_64BITMEMORY,
  DUMP_POINTERS_VERSION_4,
  DumpDriver,
  DumpPointersEx,
  MappedAddress,
  type MiniportDumpPointers,
  PortConfigurationInformation,
  STOR_FEATURE_DUMP_POINTERS,
} from '@dumpstack/nt'
import { DriversError } from '../errors.ts'
import { GuestHeap } from '../guest-block.ts'
import type { KernelMemory, KernelServices } from '../kernel-services.ts'
import type { GuestBlock } from '../miniport.ts'
import { transferLimit } from '../port-configuration.ts'
import type { BootDisk } from './boot-disk.ts'
import type { Storport } from './storport.ts'

const COMMON_BUFFER_BYTES = 0x10000
const POINTERS_BYTES = 0x1000

export function makeDumpPointers(
  machine: Machine,
  kernel: KernelServices,
  port: Storport,
  disk: BootDisk,
): KernelMemory {
  const memory = kernel.allocate(POINTERS_BYTES, { owner: Owner.dumpPath })
  const heap = new GuestHeap(machine.ram, memory)
  const take = (byteLength: number): GuestBlock => {
    const block = heap.take(byteLength)
    if (block === null)
      throw new DriversError('DUMP_POINTERS', `dump pointers need more than ${POINTERS_BYTES} bytes`)
    return block
  }
  const pointers = DumpPointersEx.at(take(DumpPointersEx.size).view)
  const saved = take(PortConfigurationInformation.size)
  const { view } = port.configBlock
  new Uint8Array(saved.view.buffer, saved.view.byteOffset, PortConfigurationInformation.size).set(
    new Uint8Array(view.buffer, view.byteOffset, PortConfigurationInformation.size),
  )
  let maximumTransfer = COMMON_BUFFER_BYTES
  if ((port.data.featureSupport & STOR_FEATURE_DUMP_POINTERS) !== 0) {
    const answer = askMiniport(port, disk)
    PortConfigurationInformation.at(saved.view).miniportDumpData = answer.miniportPrivateDumpData
    maximumTransfer = Math.min(maximumTransfer, transferLimit(answer))
  }
  const miniport = driverEntry(take(DumpDriver.size), port.image.nameOnDisk, null)
  const portDriver = driverEntry(take(DumpDriver.size), 'storport.sys', miniport)
  const windows = port.mappedAddresses
  const chain = chainMappedAddresses(take(Math.max(windows.length, 1) * MappedAddress.size), windows)

  pointers.version = DUMP_POINTERS_VERSION_4
  pointers.size = DumpPointersEx.size
  pointers.dumpData = saved.va
  pointers.commonBufferSize = COMMON_BUFFER_BYTES
  pointers.allocateCommonBuffers = 1
  pointers.driverList = portDriver.va
  pointers.dwPortFlags = port.is64Bit ? DUMP_EX_FLAG_SUPPORT_64BITMEMORY : 0
  pointers.maxTransferSize = maximumTransfer
  pointers.adapterObject = dmaAdapter(take(DmaAdapter.size)).va
  if (chain === null) return memory
  // a pointer to the first entry, and not the entry: the port of Windows Server 2003 was watched at it
  const first = take(8)
  first.view.setBigUint64(0, chain, true)
  pointers.mappedRegisterBase = first.va
  return memory
}

/** What the miniport says of its dump instance, checked as far as its documentation demands. */
function askMiniport(port: Storport, disk: BootDisk): MiniportDumpPointers {
  const { baseName } = port.image
  const answer = disk.miniportDumpPointers()
  if (answer === null) {
    throw new DriversError('DUMP_POINTERS', `${baseName} did not answer SRB_FUNCTION_DUMP_POINTERS`)
  }
  const { version, size, commonBufferSize } = answer
  const refused = (what: string): DriversError =>
    new DriversError('DUMP_POINTERS', `MINIPORT_DUMP_POINTERS of ${baseName}: ${what}`)
  if (version === 0 || size === 0) {
    throw refused(`Version is ${hex(version)} and Size is ${hex(size)}, expected both to be set`)
  }
  if (commonBufferSize > COMMON_BUFFER_BYTES) {
    const limit = `expected at most ${hex(COMMON_BUFFER_BYTES)}`
    throw refused(`CommonBufferSize is ${hex(commonBufferSize)}, ${limit}`)
  }
  if (transferLimit(answer) < PAGE_SIZE) {
    const { maximumTransferLength, numberOfPhysicalBreaks } = answer
    const limits = `MaximumTransferLength ${hex(maximumTransferLength)} and NumberOfPhysicalBreaks ${hex(numberOfPhysicalBreaks)}`
    throw refused(`${limits} do not allow one page in a transfer`)
  }
  return answer
}

/** Ports ask whether there is one. Its operations are not modelled: our controllers reach RAM by its addresses. */
function dmaAdapter(block: GuestBlock): GuestBlock {
  const adapter = DmaAdapter.at(block.view)
  adapter.version = DMA_ADAPTER_VERSION_1
  adapter.size = DmaAdapter.size
  return block
}

function driverEntry(block: GuestBlock, fileName: string, next: GuestBlock | null): GuestBlock {
  const driver = DumpDriver.at(block.view)
  driver.dumpDriverList = next?.va ?? 0n
  driver.driverName = fileName.replace(/\.sys$/i, '').slice(0, DUMP_DRIVER_NAME_LENGTH)
  driver.baseName = driver.driverName
  return block
}

/** MAPPED_ADDRESS chain in `block`, which holds one entry per window; its address, or null without windows. */
function chainMappedAddresses(
  block: GuestBlock,
  windows: readonly { readonly va: Gva; readonly gpa: Gpa; readonly byteLength: number }[],
): Gva | null {
  windows.forEach((window, index) => {
    const at = index * MappedAddress.size
    const entry = MappedAddress.at(block.view, at)
    entry.nextMappedAddress = index + 1 < windows.length ? block.va + BigInt(at + MappedAddress.size) : 0n
    entry.mappedAddress = window.va
    entry.numberOfBytes = window.byteLength
    entry.ioAddress = window.gpa
  })
  return windows.length === 0 ? null : block.va
}
