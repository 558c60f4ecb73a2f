// nt!MmPhysicalMemoryBlock: a pointer to the descriptor of the runs of RAM.
import { type Gva, pagesInRuns } from '@dumpstack/bytes'
import { PhysicalMemoryDescriptor64, PhysicalMemoryRun64 } from '@dumpstack/nt'
import type { KernelMemoryManager } from './memory-manager.ts'

/** Returns the address of the descriptor. */
export function layPhysicalMemoryBlock(memory: KernelMemoryManager): Gva {
  const { runs } = memory.ram
  const bytes = new Uint8Array(PhysicalMemoryDescriptor64.size + runs.length * PhysicalMemoryRun64.size)
  const descriptor = PhysicalMemoryDescriptor64.of(bytes)
  descriptor.numberOfRuns = runs.length
  descriptor.numberOfPages = BigInt(pagesInRuns(runs))
  for (const [index, run] of runs.entries()) {
    const row = PhysicalMemoryRun64.of(
      bytes,
      PhysicalMemoryDescriptor64.size + index * PhysicalMemoryRun64.size,
    )
    row.basePage = BigInt(run.basePage)
    row.pageCount = BigInt(run.pageCount)
  }
  const va = memory.pool.allocate(bytes.byteLength, 'MmPh')
  memory.space.write(va, bytes)
  return va
}
