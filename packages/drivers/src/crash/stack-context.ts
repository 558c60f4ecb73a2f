// DUMP_STACK_CONTEXT: laid out in guest RAM when the stack loads, read back from there by the dump port at the crash.
import { type Gva, gpa, gva } from '@dumpstack/bytes'
import { type Machine, Owner } from '@dumpstack/machine'
import {
  DEVICE_USAGE_TYPE_DUMP_FILE,
  DUMP_EX_FLAG_SUPPORT_64BITMEMORY,
  DumpInitializationContext,
  DumpPointersEx,
  DumpStackContext,
  MappedAddress,
  PortConfigurationInformation,
  type Profile,
  ScsiAddress,
} from '@dumpstack/nt'
import { DriversError } from '../errors.ts'
import { fillBlock, guestBlock } from '../guest-block.ts'
import { checkRam, GuestFault } from '../guest-fault.ts'
import type { KernelMemory, KernelServices, LoadedImage } from '../kernel-services.ts'
import type { GuestBlock } from '../miniport.ts'
import { routineAddress } from '../port-configuration.ts'
import type { DiskIdentity } from './disk-identity.ts'
import { DUMP_MEMORY_PATTERN } from './dump-memory-pattern.ts'
import type { SavedWindow } from './environment.ts'
import type { ScsiPlace } from './ports/polled-srb.ts'

const CONTEXT_BYTES = 0x1000
const SCSI_ADDRESS_AT = 0x180
const MODULE_PREFIX_AT = 0x190
const MODULE_PREFIX = 'dump_'
const KERNEL = 'ntoskrnl.exe'
const STALL_ROUTINE = 'KeStallExecutionProcessor'
const MAXIMUM_WINDOWS = 16

/** Allocates what the dump port will need and lays the context that says where it is. */
export function layStackContext(
  machine: Machine,
  kernel: KernelServices,
  profile: Profile,
  pointersMemory: KernelMemory,
  partitionOffset: number,
  disk: DiskIdentity,
): KernelMemory {
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

/** The context as the dump port finds it at the crash. */
export class StackContext {
  readonly memoryBlock: KernelMemory
  readonly commonBuffers: readonly [KernelMemory, KernelMemory]
  readonly windows: readonly SavedWindow[]
  readonly saved: PortConfigurationInformation
  readonly place: ScsiPlace
  readonly partitionOffset: number
  /** Bytes of one SRB: what this system and the runtime port's dump pointers allow. */
  readonly maximumTransferSize: number
  readonly #context: DumpStackContext
  readonly #machine: Machine
  readonly #kernel: KernelServices
  readonly #port: LoadedImage

  constructor(
    machine: Machine,
    kernel: KernelServices,
    profile: Profile,
    memory: KernelMemory,
    port: LoadedImage,
  ) {
    this.#machine = machine
    this.#kernel = kernel
    this.#port = port
    this.#context = DumpStackContext.at(guestBlock(machine.ram, memory).view)
    const { init } = this.#context
    this.memoryBlock = this.#memory(gva(init.memoryBlock), profile.limits.memoryBlockSize)
    this.commonBuffers = [
      this.#memory(gva(init.commonBuffer.get(0)), init.commonBufferSize),
      this.#memory(gva(init.commonBuffer.get(1)), init.commonBufferSize),
    ]
    this.windows = this.#mappedAddresses(gva(init.mappedRegisterBase))
    const saved = this.#block(gva(init.portConfiguration), PortConfigurationInformation.size)
    this.saved = PortConfigurationInformation.at(saved.view)
    const { pathId, targetId, lun } = ScsiAddress.at(
      this.#block(gva(init.targetAddress), ScsiAddress.size).view,
    )
    this.place = { pathId, targetId, lun }
    this.partitionOffset = this.#context.partitionOffset
    this.maximumTransferSize = init.maximumTransferSize
  }

  /** What the dump port's DriverEntry leaves for the broker. */
  fillRoutines(): void {
    const { init } = this.#context
    init.openRoutine = routineAddress(this.#port, 'DiskDumpOpen')
    init.writeRoutine = routineAddress(this.#port, 'DiskDumpWrite')
    init.finishRoutine = routineAddress(this.#port, 'DiskDumpFinish')
    init.initDumpStackInvoked = 1
  }

  #mappedAddresses(first: Gva): SavedWindow[] {
    const windows: SavedWindow[] = []
    for (let va = first; va !== 0n; ) {
      if (windows.length === MAXIMUM_WINDOWS) {
        throw new DriversError(
          'DUMP_POINTERS',
          `the MAPPED_ADDRESS list has more than ${MAXIMUM_WINDOWS} entries`,
        )
      }
      const entry = MappedAddress.at(this.#block(va, MappedAddress.size).view)
      windows.push({
        va: gva(entry.mappedAddress),
        gpa: gpa(entry.ioAddress),
        byteLength: entry.numberOfBytes,
      })
      va = gva(entry.nextMappedAddress)
    }
    return windows
  }

  #memory(va: Gva, byteLength: number): KernelMemory {
    const address = this.#kernel.vaToGpa(va)
    if (address === null) throw new GuestFault(this.#port.baseName, 'read', va)
    checkRam(this.#machine.ram, va, address, byteLength)
    return { va, gpa: address, byteLength }
  }

  #block(va: Gva, byteLength: number): GuestBlock {
    return guestBlock(this.#machine.ram, this.#memory(va, byteLength))
  }
}
