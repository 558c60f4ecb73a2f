// DUMP_STACK_CONTEXT: laid out in guest RAM when the stack loads, for the dump port to find at the crash.
import { type Machine, Owner } from '@dumpstack/machine'
import {
  DEVICE_USAGE_TYPE_DUMP_FILE,
  DUMP_EX_FLAG_SUPPORT_64BITMEMORY,
  DumpPointersEx,
  type Profile,
  ScsiAddress,
} from '@dumpstack/nt'
import { fillBlock, guestBlock } from '../guest-block.ts'
import type { KernelMemory, KernelServices } from '../kernel-services.ts'
import type { ScsiPlace } from '../runtime-stack.ts'
import type { DiskIdentity } from './disk-identity.ts'
import { DUMP_MEMORY_PATTERN } from './dump-memory-pattern.ts'

const CONTEXT_BYTES = 0x1000
const SCSI_ADDRESS_AT = 0x180
const MODULE_PREFIX_AT = 0x190
const MODULE_PREFIX = 'dump_'
const KERNEL = 'ntoskrnl.exe'
const STALL_ROUTINE = 'KeStallExecutionProcessor'

/** Allocates what the dump port will need and lays the context that says where it is. */
export function layStackContext(
  machine: Machine,
  kernel: KernelServices,
  profile: Profile,
  pointersMemory: KernelMemory,
  partitionOffset: number,
  disk: DiskIdentity,
  { pathId, targetId, lun }: ScsiPlace,
): KernelMemory {
  const { DumpInitializationContext, DumpStackContext } = profile.layouts
  const { commonBufferSize, memoryBlockSize, maximumTransferSize } = profile.limits
  const { ram } = machine
  const pointers = DumpPointersEx.at(guestBlock(ram, pointersMemory).view)
  // What a controller of 32-bit addresses gets by address has to be where it reaches.
  const below4GiB = (pointers.dwPortFlags & DUMP_EX_FLAG_SUPPORT_64BITMEMORY) === 0
  const patterned = (byteLength: number): KernelMemory => {
    const memory = kernel.allocate(byteLength, { owner: Owner.dumpPath, below4GiB })
    fillBlock(guestBlock(ram, memory), DUMP_MEMORY_PATTERN)
    return memory
  }
  const memory = kernel.allocate(CONTEXT_BYTES, { owner: Owner.dumpPath })
  const block = guestBlock(ram, memory)

  const address = ScsiAddress.at(block.view, SCSI_ADDRESS_AT)
  address.length = ScsiAddress.size
  address.pathId = pathId
  address.targetId = targetId
  address.lun = lun
  for (let i = 0; i < MODULE_PREFIX.length; i++) {
    block.view.setUint16(MODULE_PREFIX_AT + i * 2, MODULE_PREFIX.charCodeAt(i), true)
  }

  const context = DumpStackContext.at(block.view)
  const { init } = context
  init.length = DumpInitializationContext.size
  init.memoryBlock = patterned(memoryBlockSize).va
  for (let i = 0; i < 2; i++) {
    const buffer = patterned(commonBufferSize)
    init.commonBuffer.set(i, buffer.va)
    init.physicalAddress.set(i, BigInt(buffer.gpa))
  }
  init.adapterObject = pointers.adapterObject
  init.mappedRegisterBase = pointers.mappedRegisterBase
  init.portConfiguration = pointers.dumpData
  init.crashDump = 1
  init.maximumTransferSize = Math.min(maximumTransferSize, pointers.maxTransferSize)
  init.commonBufferSize = commonBufferSize
  init.targetAddress = block.va + BigInt(SCSI_ADDRESS_AT)
  init.partitionStyle = disk.partitionStyle
  init.diskInfo = disk.diskId
  init.stallRoutine = kernel.loadImage(KERNEL, KERNEL).exportAddress(STALL_ROUTINE) ?? 0n
  context.partitionOffset = partitionOffset
  context.dumpPointers = pointersMemory.va
  context.pointersLength = pointers.size
  context.modulePrefix = block.va + BigInt(MODULE_PREFIX_AT)
  const listHead = block.va + BigInt(DumpStackContext.fields.driverListFlink.offset)
  context.driverListFlink = listHead
  context.driverListBlink = listHead
  context.usageType = DEVICE_USAGE_TYPE_DUMP_FILE
  return memory
}
