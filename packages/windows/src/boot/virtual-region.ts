// Kernel virtual addresses. The shared user page has its PML4 slot in every Windows for x64; the rest lies where the profile says, or where
// Windows draws it at boot (since Windows 10 1607), here from the seed.
import { type Gva, gva, PAGE_SIZE } from '@dumpstack/bytes'
import type { AddressRange, KernelPlaces } from '@dumpstack/nt'
import { WindowsError } from '../errors.ts'
import { slotAddress, slotOf } from './page-tables.ts'
import { SeededChoice } from './seeded-choice.ts'

/** KUSER_SHARED_DATA as the kernel sees it; at 0x7ffe0000 in every process. */
export const KUSER_SHARED_DATA_KERNEL = gva(0xfffff78000000000n)
export const KUSER_SHARED_DATA_USER = gva(0x7ffe0000n)

const SHARED_DATA_SLOT = 0x1ef
const SYSTEM_IMAGES_SLOT = 0x1f0
const FIRST_DRAWN_SLOT = 0x110
const TWO_MEGABYTES = 0x200000
const GIGABYTE = 0x4000_0000n

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

/** The places of a kernel, to be handed out. */
export interface KernelRegions
  extends Readonly<Record<Exclude<keyof KernelPlaces, 'selfMapSlot'>, VirtualRegion>> {
  readonly selfMapSlot: number
  /** PML4 slots whose next level exists from the start, so that all processes share it. */
  readonly sharedSlots: readonly number[]
}

/** Where Windows has put them by chance, in this start: the same for each seed. */
export function drawKernelPlaces(seed: number): KernelPlaces {
  const choice = new SeededChoice(seed, 'kernel address space')
  const drawn = new Set<number>()
  while (drawn.size < 4) drawn.add(FIRST_DRAWN_SLOT + choice.below(SHARED_DATA_SLOT - FIRST_DRAWN_SLOT))
  const [selfMapSlot, poolSlot, ptesSlot, pfnSlot] = [...drawn] as [number, number, number, number] // four were drawn
  const slot = (index: number): AddressRange => ({ start: slotAddress(index), byteLength: 1n << 39n })
  // Windows places the kernel by chance in 2 MiB steps and the drivers some GiB away.
  const kernelOffset = BigInt(4 + choice.below(28)) * GIGABYTE + BigInt(choice.below(256) * TWO_MEGABYTES)
  const driverOffset = kernelOffset + BigInt(2 + choice.below(16)) * GIGABYTE
  const images = slotAddress(SYSTEM_IMAGES_SLOT)
  return {
    selfMapSlot,
    kernelImages: { start: gva(images + kernelOffset), byteLength: GIGABYTE },
    driverImages: { start: gva(images + driverOffset), byteLength: GIGABYTE },
    nonpagedPool: slot(poolSlot),
    systemPtes: slot(ptesSlot),
    pfnDatabase: slot(pfnSlot),
  }
}

export function kernelRegions({ selfMapSlot, ...places }: KernelPlaces): KernelRegions {
  const region = ({ start, byteLength }: AddressRange): VirtualRegion => new VirtualRegion(start, byteLength)
  const { kernelImages, driverImages, nonpagedPool, systemPtes, pfnDatabase } = places
  const regions = [kernelImages, nonpagedPool, systemPtes, pfnDatabase, driverImages]
  return {
    selfMapSlot,
    sharedSlots: [...new Set([SHARED_DATA_SLOT, ...regions.map(({ start }) => slotOf(start))])],
    kernelImages: region(kernelImages),
    driverImages: region(driverImages),
    nonpagedPool: region(nonpagedPool),
    systemPtes: region(systemPtes),
    pfnDatabase: region(pfnDatabase),
  }
}
