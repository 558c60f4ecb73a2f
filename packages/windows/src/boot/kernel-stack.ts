// Kernel stacks: 24 KiB of system PTEs above a guard page (KERNEL_STACK_SIZE on x64, Windows Internals chapter 5).
import { type Gva, gva, PAGE_SIZE } from '@dumpstack/bytes'
import { Owner } from '@dumpstack/machine'
import type { AddressSpace } from './address-space.ts'
import { KERNEL_READ_WRITE } from './page-tables.ts'
import type { VirtualRegion } from './virtual-region.ts'

const KERNEL_STACK_PAGES = 6

export interface KernelStack {
  /** Highest address, not part of the stack. */
  readonly base: Gva
  /** Lowest address. */
  readonly limit: Gva
}

export function allocateKernelStack(space: AddressSpace, region: VirtualRegion): KernelStack {
  const guard = region.take((KERNEL_STACK_PAGES + 1) * PAGE_SIZE)
  const limit = gva(guard + BigInt(PAGE_SIZE))
  space.commitZeroed(limit, KERNEL_STACK_PAGES, Owner.kernel, KERNEL_READ_WRITE)
  return { limit, base: gva(limit + BigInt(KERNEL_STACK_PAGES * PAGE_SIZE)) }
}
