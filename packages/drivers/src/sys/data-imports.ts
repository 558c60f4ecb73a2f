// Variables of the kernel that drivers import: an import slot holds the address of the variable itself. The guest kernel's own where it
// exports them, and otherwise cells of ours.
import { type Gva, gva, PAGE_SIZE } from '@dumpstack/bytes'
import { type Machine, Owner } from '@dumpstack/machine'
import { guestBlock } from '../guest-block.ts'
import type { KernelServices } from '../kernel-services.ts'

const KERNEL = 'ntoskrnl.exe'
const CELL_BYTES = 16

/** Name to first value, eight bytes each. */
const VARIABLES: ReadonlyMap<string, bigint> = new Map([
  ['KeTickCount', 0x1000n], // KSYSTEM_TIME: LowPart, High1Time; it stands still, as in dump mode
  ['KeNumberProcessors', 1n],
  ['NtBuildNumber', 0xf000_4a61n],
  ['KdDebuggerEnabled', 0n],
  ['KdDebuggerNotPresent', 1n],
  ['InitSafeBootMode', 0n],
  ['MmHighestUserAddress', 0x7fff_fffe_ffffn],
  ['MmSystemRangeStart', 0xffff_8000_0000_0000n],
  ['MmUserProbeAddress', 0x7fff_ffff_0000n],
])

/** Their names. */
export const DATA_IMPORTS: readonly string[] = Array.from(VARIABLES.keys())

export class DataImports {
  readonly #cells = new Map<string, Gva>()

  constructor(machine: Machine, kernel: KernelServices) {
    const image = kernel.loadImage(KERNEL, KERNEL)
    const memory = kernel.allocate(PAGE_SIZE, { owner: Owner.kernel })
    const { view } = guestBlock(machine.ram, memory)
    let at = 0
    for (const [name, value] of VARIABLES) {
      const own = image.exportAddress(name)
      if (own === null) {
        view.setBigUint64(at, value, true)
        this.#cells.set(name, gva(memory.va + BigInt(at)))
        at += CELL_BYTES
      } else this.#cells.set(name, own)
    }
  }

  /** Null where the name is no variable. */
  address(name: string): Gva | null {
    return this.#cells.get(name) ?? null
  }
}
