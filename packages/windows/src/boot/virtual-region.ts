// Kernel virtual addresses of a 19041 machine. System images and the shared user page have fixed PML4 slots; the other
// regions sit in slots that Windows draws at boot (since 1607), here from the seed.
import { type Gva, gva, PAGE_SIZE } from '@dumpstack/bytes'
import { WindowsError } from '../errors.ts'
import { slotAddress } from './page-tables.ts'
import { SeededChoice } from './seeded-choice.ts'

/** KUSER_SHARED_DATA as the kernel sees it; at 0x7ffe0000 in every process. */
export const KUSER_SHARED_DATA_KERNEL = gva(0xfffff78000000000n)
export const KUSER_SHARED_DATA_USER = gva(0x7ffe0000n)

const SHARED_DATA_SLOT = 0x1ef
const SYSTEM_IMAGES_SLOT = 0x1f0
const FIRST_DRAWN_SLOT = 0x110
const TWO_MEGABYTES = 0x200000

/** Addresses handed out upwards, never twice. */
export class VirtualRegion {
  readonly start: Gva
  readonly end: Gva
  #next: bigint

  constructor(start: Gva, byteLength: bigint) {
    this.start = start
    this.end = gva(start + byteLength)
    this.#next = start
  }

  /** `alignment` is a power of two, at least a page. */
  take(byteLength: number, alignment: number = PAGE_SIZE): Gva {
    const mask = BigInt(alignment - 1)
    const base = (this.#next + mask) & ~mask
    this.#next = base + ((BigInt(byteLength) + 0xfffn) & ~0xfffn)
    if (this.#next > this.end) {
      throw new WindowsError('OUT_OF_ADDRESSES', 'a region of the kernel address space is full', {
        byteLength,
      })
    }
    return gva(base)
  }
}

export interface KernelRegions {
  readonly selfMapSlot: number
  /** PML4 slots whose next level exists from the start, so that all processes share it. */
  readonly sharedSlots: readonly number[]
  /** ntoskrnl and hal, then drivers. */
  readonly kernelImages: VirtualRegion
  readonly driverImages: VirtualRegion
  readonly nonpagedPool: VirtualRegion
  /** Stacks, register windows, drivers' mapped memory. */
  readonly systemPtes: VirtualRegion
  readonly pfnDatabase: VirtualRegion
}

export function drawKernelRegions(seed: number): KernelRegions {
  const choice = new SeededChoice(seed, 'kernel address space')
  const drawn = new Set<number>()
  while (drawn.size < 4) drawn.add(FIRST_DRAWN_SLOT + choice.below(SHARED_DATA_SLOT - FIRST_DRAWN_SLOT))
  const [selfMapSlot, poolSlot, ptesSlot, pfnSlot] = [...drawn] as [number, number, number, number] // four were drawn
  const slotBytes = 1n << 39n
  // Windows places the kernel by chance in 2 MiB steps and the drivers some GiB away.
  const kernelOffset = BigInt(4 + choice.below(28)) * 0x40000000n + BigInt(choice.below(256) * TWO_MEGABYTES)
  const driverOffset = kernelOffset + BigInt(2 + choice.below(16)) * 0x40000000n
  const images = slotAddress(SYSTEM_IMAGES_SLOT)
  return {
    selfMapSlot,
    sharedSlots: [SHARED_DATA_SLOT, SYSTEM_IMAGES_SLOT, poolSlot, ptesSlot, pfnSlot],
    kernelImages: new VirtualRegion(gva(images + kernelOffset), 0x40000000n),
    driverImages: new VirtualRegion(gva(images + driverOffset), 0x40000000n),
    nonpagedPool: new VirtualRegion(slotAddress(poolSlot), slotBytes),
    systemPtes: new VirtualRegion(slotAddress(ptesSlot), slotBytes),
    pfnDatabase: new VirtualRegion(slotAddress(pfnSlot), slotBytes),
  }
}
