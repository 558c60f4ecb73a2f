// DUMP_STACK_CONTEXT as a dump port finds it at the crash, by its address in guest RAM.
import { type Gpa, type Gva, gpa, gva, type ViewOf } from '@dumpstack/bytes'
import type { Ram } from '@dumpstack/machine'
import {
  type KernelLayouts,
  MappedAddress,
  PortConfigurationInformation,
  type Profile,
  ScsiAddress,
} from '@dumpstack/nt'
import { DriversError } from '../../errors.ts'
import { guestBlock } from '../../guest-block.ts'
import { checkRam, GuestFault } from '../../guest-fault.ts'
import type { KernelMemory, KernelServices, LoadedImage } from '../../kernel-services.ts'
import type { GuestBlock } from '../../miniport.ts'
import { routineAddress } from '../../port-configuration.ts'
import type { ScsiPlace } from '../../runtime-stack.ts'

const MAX_WINDOWS = 16
const POINTER_BYTES = 8

/** A register window that was mapped before the crash; nothing can be mapped after it. */
export interface SavedWindow {
  readonly va: Gva
  readonly gpa: Gpa
  readonly byteLength: number
}

export class DumpContext {
  readonly memoryBlock: KernelMemory
  readonly commonBuffers: readonly [KernelMemory, KernelMemory]
  readonly windows: readonly SavedWindow[]
  readonly saved: PortConfigurationInformation
  readonly place: ScsiPlace
  /** Bytes of one SRB: what this system and the runtime port's dump pointers allow. */
  readonly maximumTransferSize: number
  readonly #init: ViewOf<KernelLayouts['DumpInitializationContext']>
  readonly #ram: Ram
  readonly #kernel: KernelServices
  readonly #port: LoadedImage

  constructor(ram: Ram, kernel: KernelServices, port: LoadedImage, context: Gva, profile: Profile) {
    const { DumpStackContext } = profile.layouts
    this.#ram = ram
    this.#kernel = kernel
    this.#port = port
    const init = DumpStackContext.at(this.block(context, DumpStackContext.size).view).init
    this.#init = init
    // the context has no field for the size
    this.memoryBlock = this.#memory(gva(init.memoryBlock), profile.limits.memoryBlockSize)
    this.commonBuffers = [
      this.#memory(gva(init.commonBuffer.get(0)), init.commonBufferSize),
      this.#memory(gva(init.commonBuffer.get(1)), init.commonBufferSize),
    ]
    this.windows = this.#mappedAddresses(gva(init.mappedRegisterBase))
    const saved = this.block(gva(init.portConfiguration), PortConfigurationInformation.size)
    this.saved = PortConfigurationInformation.at(saved.view)
    const { pathId, targetId, lun } = ScsiAddress.at(
      this.block(gva(init.targetAddress), ScsiAddress.size).view,
    )
    this.place = { pathId, targetId, lun }
    this.maximumTransferSize = init.maximumTransferSize
  }

  /** What the port leaves for crashdmp: the addresses of its routines, by the names of its exports. */
  setRoutines(prefix: string): void {
    const init = this.#init
    init.openRoutine = routineAddress(this.#port, `${prefix}Open`)
    init.writeRoutine = routineAddress(this.#port, `${prefix}Write`)
    init.finishRoutine = routineAddress(this.#port, `${prefix}Finish`)
  }

  /** Memory of the system that the port reads or fills. */
  block(va: Gva, byteLength: number): GuestBlock {
    return guestBlock(this.#ram, this.#memory(va, byteLength))
  }

  /** `base`: where a pointer to the first is; null without windows. */
  #mappedAddresses(base: Gva): SavedWindow[] {
    const windows: SavedWindow[] = []
    const first = base === 0n ? base : gva(this.block(base, POINTER_BYTES).view.getBigUint64(0, true))
    for (let va = first; va !== 0n; ) {
      if (windows.length === MAX_WINDOWS) {
        throw new DriversError(
          'DUMP_POINTERS',
          `the MAPPED_ADDRESS list has more than ${MAX_WINDOWS} entries`,
        )
      }
      const entry = MappedAddress.at(this.block(va, MappedAddress.size).view)
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
    checkRam(this.#ram, va, address, byteLength)
    return { va, gpa: address, byteLength }
  }
}
