// A KPCR with its KPRCB for each processor, the idle thread that it runs, and its descriptor tables.
import { type Gva, gva, PAGE_SIZE } from '@dumpstack/bytes'
import { Owner } from '@dumpstack/machine'
import { ContextX64 } from '@dumpstack/nt'
import type { KernelMemoryManager } from './memory-manager.ts'
import { KERNEL_READ_WRITE } from './page-tables.ts'
import type { KernelThread } from './threads-and-processes.ts'

export interface Processor {
  readonly number: number
  /** Address of the KPCR; the KPRCB is inside. */
  readonly kpcr: Gva
  readonly kprcb: Gva
  /** Address of the CONTEXT that a freeze fills (KPRCB.Context). */
  readonly context: Gva
  readonly idleThread: KernelThread
  /** What the processor runs now. */
  currentThread: KernelThread
}

export interface ProcessorOptions {
  readonly number: number
  readonly idleThread: KernelThread
  readonly kdVersionBlock: Gva
  /** nt!KiSystemCall64, where the kernel has it. */
  readonly systemCall: Gva | null
}

/** Offsets inside the page of descriptor tables that each processor has. */
const GDT_OFFSET = 0
const TSS_OFFSET = 0x100
const IDT_OFFSET = PAGE_SIZE
const TABLE_PAGES = 2
const GDT_BYTES = 0x58
const IDT_BYTES = 0x1000
const TSS_BYTES = 0x68
const TSS_SELECTOR = 0x40

// Segment descriptors of x64 Windows by selector (a debugger's `dg` shows them).
const GDT: readonly (readonly [selector: number, descriptor: bigint])[] = [
  [0x10, 0x00209b0000000000n],
  [0x18, 0x0040930000000000n],
  [0x20, 0x00cffb000000ffffn],
  [0x28, 0x00cff3000000ffffn],
  [0x30, 0x0020fb0000000000n],
  [0x50, 0x0040f30000003c00n],
]

const INITIAL_MXCSR = 0x1f80
/** The time stamp counter of the machine runs at 1 GHz. */
const PROCESSOR_MHZ = 1000
const XCR0_X87_SSE_AVX = 7n

export function createProcessor(memory: KernelMemoryManager, options: ProcessorOptions): Processor {
  const { space, regions, pool, profile } = memory
  const { Kpcr } = profile.layouts
  const { number, idleThread } = options
  const kpcr = regions.systemPtes.take(Kpcr.size)
  space.commitZeroed(kpcr, Math.ceil(Kpcr.size / PAGE_SIZE), Owner.kernel, KERNEL_READ_WRITE)
  const kprcb = gva(kpcr + BigInt(Kpcr.fields.prcb.offset))
  const tables = layDescriptorTables(memory, idleThread.stack.base)
  const context = pool.allocate(ContextX64.size, 'KeCt')

  const bytes = new Uint8Array(Kpcr.size)
  const pcr = Kpcr.of(bytes)
  pcr.self = kpcr
  pcr.currentPrcb = kprcb
  pcr.gdtBase = tables.gdt
  pcr.tssBase = tables.tss
  pcr.idtBase = tables.idt
  pcr.majorVersion = 1
  pcr.minorVersion = 1
  pcr.stallScaleFactor = PROCESSOR_MHZ
  pcr.kdVersionBlock = options.kdVersionBlock
  const { prcb } = pcr
  prcb.mxCsr = INITIAL_MXCSR
  prcb.legacyNumber = number
  prcb.number = number
  prcb.groupIndex = number
  prcb.groupSetMember = 1n << BigInt(number)
  prcb.initialApicId = number
  prcb.currentThread = idleThread.va
  prcb.idleThread = idleThread.va
  prcb.rspBase = idleThread.stack.base
  prcb.cpuType = 6
  prcb.cpuId = 1
  prcb.mhz = PROCESSOR_MHZ
  prcb.majorVersion = 1
  prcb.minorVersion = 1
  prcb.vendorString = new TextEncoder().encode('GenuineIntel')
  prcb.context = context
  const special = prcb.processorState.specialRegisters
  special.cr0 = profile.controlRegisters.cr0
  special.cr3 = BigInt(memory.tables.directoryTableBase)
  special.cr4 = profile.controlRegisters.cr4
  special.gdtrBase = tables.gdt
  special.gdtrLimit = GDT_BYTES - 1
  special.idtrBase = tables.idt
  special.idtrLimit = IDT_BYTES - 1
  special.tr = TSS_SELECTOR
  special.mxCsr = INITIAL_MXCSR
  special.msrGsBase = kpcr
  special.msrLStar = options.systemCall ?? 0n
  special.xcr0 = XCR0_X87_SSE_AVX
  space.write(kpcr, bytes)
  return { number, kpcr, kprcb, context, idleThread, currentThread: idleThread }
}

/** The interrupt table has no present gate: the one interrupt that reaches guest code is the freeze, and the host enters it. */
function layDescriptorTables(memory: KernelMemoryManager, rsp0: Gva): { gdt: Gva; tss: Gva; idt: Gva } {
  const { space, regions } = memory
  const base = regions.systemPtes.take(TABLE_PAGES * PAGE_SIZE)
  space.commitZeroed(base, TABLE_PAGES, Owner.kernel, KERNEL_READ_WRITE)
  const gdt = gva(base + BigInt(GDT_OFFSET))
  const tss = gva(base + BigInt(TSS_OFFSET))
  for (const [selector, descriptor] of GDT) space.setU64(gva(gdt + BigInt(selector)), descriptor)
  // A busy 64-bit TSS (type 0xb, present) takes two entries; its base is scattered over them (SDM volume 3, 7.2.3).
  const low =
    BigInt(TSS_BYTES - 1) | ((tss & 0xffffffn) << 16n) | (0x8bn << 40n) | (((tss >> 24n) & 0xffn) << 56n)
  space.setU64(gva(gdt + BigInt(TSS_SELECTOR)), low)
  space.setU64(gva(gdt + BigInt(TSS_SELECTOR + 8)), tss >> 32n)
  space.setU64(gva(tss + 4n), rsp0)
  return { gdt, tss, idt: gva(base + BigInt(IDT_OFFSET)) }
}
