// Builds crash dumps byte by byte, from the public descriptions of the format: offsets are literals here and not shared,
// so that a wrong one in the reader cannot agree with itself. x64, build 19041.

import {
  ascii,
  type BuiltModule,
  type BuiltUnloaded,
  DEFAULT_MODULES,
  KERNEL_BASE,
  KERNEL_PAGES,
  PAGE,
  utf16,
} from './built-modules.ts'
import { Memory, pattern } from './dump-memory.ts'

export interface DumpRecipe {
  /** 2 is the summary dump of Windows 7 and before; 8, 9 and 10 are those of debuggers. */
  readonly type: 1 | 2 | 5 | 6 | 8 | 9 | 10
  /** [first PFN, pages], ascending. */
  readonly runs?: ReadonlyArray<readonly [number, number]>
  /** What nt!MmPhysicalMemoryBlock says; the runs when absent. */
  readonly physicalMemory?: ReadonlyArray<readonly [number, number]>
  readonly modules?: readonly BuiltModule[]
  readonly unloaded?: readonly BuiltUnloaded[]
  readonly bugcheck?: number
  readonly processors?: number
  /** Levels of the page tables: 4 when absent. */
  readonly levels?: 4 | 5
  /** KDDEBUGGER_DATA64.Size, and nothing after it: 0x380 when absent. */
  readonly debuggerDataSize?: number
  /** False: the bitmap ends with its last page, whatever multiple that is. */
  readonly roundBits?: boolean
}

export interface BuiltDump {
  readonly bytes: Uint8Array
  /** PFNs in the file, in file order. */
  readonly pfns: readonly number[]
  readonly firstPage: number
  readonly dtb: number
  readonly kernelBase: bigint
  readonly kdbg: bigint
  readonly moduleListHead: bigint
  /** Virtual page -> PFN of everything that is mapped by 4 KiB pages. */
  readonly mapped: ReadonlyMap<bigint, number>
  /** A virtual address inside a 2 MiB page, and where it leads. */
  readonly large: { readonly va: bigint; readonly gpa: number }
  /** A virtual page whose entry is in transition, and its PFN. */
  readonly transition: { readonly va: bigint; readonly pfn: number }
  readonly pagedOut: bigint
  /** Mapped, but its page is in no dump. */
  readonly absent: bigint
  /** File offset of a virtual address. */
  fileOffset(va: bigint): number
}

const POOL_BASE = 0xffffc40e11000000n
const LARGE_BASE = 0xfffff80440000000n
const DEFAULT_RUNS: ReadonlyArray<readonly [number, number]> = [
  [0x1, 0x9e],
  [0x100, 0x300],
  [0x100000, 0x40],
]
export function buildDump(recipe: DumpRecipe): BuiltDump {
  const runs = recipe.runs ?? DEFAULT_RUNS
  const modules = recipe.modules ?? DEFAULT_MODULES
  const unloaded = recipe.unloaded ?? [
    { name: 'dump_storpor', start: 0xfffff80315000000n, end: 0xfffff80315021000n },
    { name: 'dump_dumpfve', start: 0xfffff80315100000n, end: 0xfffff8031511d000n },
  ]
  const processors = recipe.processors ?? 1
  const bugcheck = recipe.bugcheck ?? 0xe2
  const memory = new Memory(runs, recipe.levels)

  memory.map(KERNEL_BASE, KERNEL_PAGES)
  const kdbg = KERNEL_BASE + 0xb20n
  const moduleListHead = KERNEL_BASE + 0x2390n
  const processHead = KERNEL_BASE + 0x2200n
  const variables = KERNEL_BASE + 0x3000n // eight bytes each
  const processorBlock = KERNEL_BASE + 0x4000n

  // Pool: module entries of 0xa0 bytes, names after them, unloaded rows, descriptor.
  memory.map(POOL_BASE, 16 + Math.ceil((recipe.physicalMemory?.length ?? 0) / 256))
  let pool = POOL_BASE + 0xfd0n // entries and names cross a page boundary
  const allocate = (bytes: number): bigint => {
    const at = pool
    pool += BigInt((bytes + 15) & ~15)
    return at
  }
  const unicode = (at: bigint, text: string): void => {
    const buffer = allocate(text.length * 2 + 2)
    memory.write(buffer, utf16(text))
    memory.u16(at, text.length * 2)
    memory.u16(at + 2n, text.length * 2 + 2)
    memory.u64(at + 8n, buffer)
  }
  const entries = modules.map(() => allocate(0xa0))
  for (const [index, module] of modules.entries()) {
    const at = entries[index] as bigint
    memory.u64(at, entries[index + 1] ?? moduleListHead)
    memory.u64(at + 8n, entries[index - 1] ?? moduleListHead)
    memory.u64(at + 0x30n, module.base)
    memory.u64(at + 0x38n, module.base + 0x1000n)
    memory.u32(at + 0x40n, module.size)
    unicode(at + 0x48n, `\\SystemRoot\\System32\\drivers\\${module.name}`)
    unicode(at + 0x58n, module.name)
    memory.u32(at + 0x78n, 0x1234 + index)
    memory.u32(at + 0x9cn, module.timeDateStamp ?? 0)
  }
  memory.u64(moduleListHead, entries[0] ?? moduleListHead)
  memory.u64(moduleListHead + 8n, entries.at(-1) ?? moduleListHead)
  memory.u64(processHead, processHead)
  memory.u64(processHead + 8n, processHead)

  const rows = allocate(50 * 0x28)
  for (const [index, driver] of unloaded.entries()) {
    const at = rows + BigInt(index * 0x28)
    unicode(at, driver.name)
    memory.u64(at + 0x10n, driver.start)
    memory.u64(at + 0x18n, driver.end)
    memory.u64(at + 0x20n, 0x1da3c5f00000000n + BigInt(index))
  }
  const memoryBlock = recipe.physicalMemory ?? runs
  const descriptor = allocate(0x10 + memoryBlock.length * 0x10)
  memory.u32(descriptor, memoryBlock.length)
  memory.u64(descriptor + 8n, BigInt(memoryBlock.reduce((sum, [, count]) => sum + count, 0)))
  for (const [index, [base, count]] of memoryBlock.entries()) {
    memory.u64(descriptor + BigInt(0x10 + index * 0x10), BigInt(base))
    memory.u64(descriptor + BigInt(0x18 + index * 0x10), BigInt(count))
  }
  const parameters = [0x11n, 0x22n, 0xffffffffc0000005n, 0x44n]
  memory.u64(variables, rows) // MmUnloadedDrivers
  memory.u32(variables + 8n, unloaded.length) // MmLastUnloadedDriver
  memory.u64(variables + 0x10n, descriptor) // MmPhysicalMemoryBlock
  memory.u64(variables + 0x20n, BigInt(bugcheck)) // KiBugcheckData
  for (const [i, value] of parameters.entries()) memory.u64(variables + 0x28n + BigInt(i * 8), value)
  for (let i = 0; i < processors; i++) {
    const prcb = 0xffffa00000000000n + BigInt(i * 0x10000)
    memory.map(prcb, 1)
    memory.u64(processorBlock + BigInt(i * 8), prcb)
    memory.u32(prcb + 0x24n, i)
  }

  memory.u64(kdbg, kdbg)
  memory.u64(kdbg + 8n, kdbg)
  memory.write(kdbg + 0x10n, ascii('KDBG'))
  memory.u32(kdbg + 0x14n, recipe.debuggerDataSize ?? 0x380)
  memory.u64(kdbg + 0x18n, KERNEL_BASE)
  memory.u64(kdbg + 0x48n, moduleListHead)
  memory.u64(kdbg + 0x50n, processHead)
  memory.u64(kdbg + 0x88n, variables + 0x20n)
  memory.u64(kdbg + 0x138n, 0x1000n)
  memory.u64(kdbg + 0x218n, processorBlock)
  memory.u64(kdbg + 0x220n, variables)
  memory.u64(kdbg + 0x228n, variables + 8n)
  memory.u64(kdbg + 0x270n, variables + 0x10n)
  memory.u16(kdbg + 0x2a8n, 0xa40)
  memory.u16(kdbg + 0x2b0n, 0xaf00)
  memory.u16(kdbg + 0x2ben, 0x24)
  // What lies after the block is no part of it: other variables of the kernel.
  memory.write(kdbg + BigInt(recipe.debuggerDataSize ?? 0x380), new Uint8Array(0x20).fill(0xee))

  // Entries of every other kind: a 2 MiB page (of RAM from PFN 0x200 on), transition, page file, absent page.
  memory.setEntry(LARGE_BASE, 21, (0x200n << 12n) | 0xe3n)
  const spare = memory.take()
  memory.pages.get(spare)?.fill(0x5a)
  const odd = KERNEL_BASE + 0x100000n
  memory.setEntry(odd, 12, (BigInt(spare) << 12n) | 0x8c0n)
  memory.setEntry(odd + 0x1000n, 12, (0x77n << 32n) | 0xc0n)
  memory.setEntry(odd + 0x2000n, 12, (0xabcdefn << 12n) | 0x63n)

  const held = [...memory.pages.keys()].filter((pfn) => recipe.type !== 6 || !isUser(pfn, memory))
  const { bytes, firstPage } = layFile(recipe, runs, memory, held, (header) => {
    header.setUint32(0x34, processors, true)
    header.setUint32(0x38, bugcheck, true)
    header.setBigUint64(0x10, BigInt(memory.root * PAGE) | 2n, true) // with a PCID, as real ones can have
    header.setBigUint64(0x18, variables + 0x18n, true)
    header.setBigUint64(0x20, moduleListHead, true)
    header.setBigUint64(0x28, processHead, true)
    for (const [i, value] of parameters.entries()) header.setBigUint64(0x40 + i * 8, value, true)
    header.setBigUint64(0x80, kdbg, true)
  })
  const order = new Map(held.map((pfn, index) => [pfn, index]))
  return {
    bytes,
    pfns: held,
    firstPage,
    dtb: memory.root * PAGE,
    kernelBase: KERNEL_BASE,
    kdbg,
    moduleListHead,
    mapped: memory.mapped,
    large: { va: LARGE_BASE + 0x12345n, gpa: 0x200 * PAGE + 0x12345 },
    transition: { va: odd, pfn: spare },
    pagedOut: odd + 0x1000n,
    absent: odd + 0x2000n,
    fileOffset(va) {
      const pfn = memory.mapped.get(va & ~0xfffn) ?? -1
      return firstPage + (order.get(pfn) ?? Number.NaN) * PAGE + Number(va & 0xfffn)
    },
  }
}

/** A kernel dump leaves out every seventh unwritten page. */
function isUser(pfn: number, memory: Memory): boolean {
  const untouched = pattern(pfn)
  return pfn % 7 === 0 && !(memory.pages.get(pfn) ?? untouched).some((byte, i) => byte !== untouched[i])
}

function layFile(
  { type, roundBits = true }: DumpRecipe,
  runs: ReadonlyArray<readonly [number, number]>,
  memory: Memory,
  held: readonly number[],
  fillHeader: (header: DataView) => void,
): { bytes: Uint8Array; firstPage: number } {
  const highest = (held.at(-1) ?? 0) + 1
  const hasBitmap = type === 2 || type === 5 || type === 6
  const bits = !hasBitmap ? 0 : roundBits ? Math.ceil(highest / 64) * 64 : highest
  const ranges = rangesOf(held)
  const bitmapAt = type === 2 ? 0x2028 : 0x2038
  const listEnd = hasBitmap ? bitmapAt + Math.ceil(bits / 8) : 0x2030 + ranges.length * 16 + 16
  const firstPage = type === 1 ? 0x2000 : Math.ceil(listEnd / PAGE) * PAGE
  const bytes = new Uint8Array(firstPage + held.length * PAGE)
  for (let i = 0; i < 0x2000; i += 4) bytes.set(ascii('PAGE'), i)
  const view = new DataView(bytes.buffer)
  bytes.set(ascii('PAGEDU64'), 0)
  view.setUint32(0x8, 0xf, true)
  view.setUint32(0xc, 19041, true)
  view.setUint32(0x30, 0x8664, true)
  view.setUint32(0x88, runs.length, true)
  view.setBigUint64(0x90, BigInt(runs.reduce((sum, [, count]) => sum + count, 0)), true)
  for (const [i, [base, count]] of runs.entries()) {
    view.setBigUint64(0x98 + i * 16, BigInt(base), true)
    view.setBigUint64(0xa0 + i * 16, BigInt(count), true)
  }
  bytes.fill(0, 0x348, 0xf00)
  view.setUint32(0x348 + 0x30, 0x10001f, true)
  view.setUint32(0x348 + 0x34, 0x1f80, true)
  view.setUint32(0x348 + 0x118, 0x1f80, true)
  view.setBigUint64(0x348 + 0x98, 0xffffa00012345678n, true)
  view.setBigUint64(0x348 + 0xf8, KERNEL_BASE + 0x1234n, true)
  view.setUint32(0xf00, 0x80000003, true)
  view.setUint32(0xf04, 1, true)
  view.setUint32(0xf18, 0, true)
  view.setUint32(0xf98, type, true)
  view.setBigUint64(0xfa0, BigInt(bytes.length), true)
  view.setBigUint64(0xfa8, 0x1da3c5f12345678n, true)
  view.setBigUint64(0x1030, 0x23bc1e9n, true)
  view.setUint32(0x1048, 0, true)
  view.setUint32(0x1050, 0, true)
  fillHeader(view)
  if (type !== 1) bytes.fill(0, 0x2000, firstPage)
  if (type === 5 || type === 6) {
    bytes.set(ascii(type === 6 ? 'SDMPDUMP' : 'FDMPDUMP'), 0x2000)
    view.setBigUint64(0x2020, BigInt(firstPage), true)
    view.setBigUint64(0x2028, BigInt(held.length), true)
    view.setBigUint64(0x2030, BigInt(bits), true)
  } else if (type === 2) {
    bytes.set(ascii('SDMPDUMP'), 0x2000)
    for (const [at, value] of [
      [0x2008, 1],
      [0x200c, firstPage],
      [0x2010, bits],
      [0x2014, held.length],
      [0x2018, bits],
    ] as const) {
      view.setUint32(at, value, true)
    }
  } else if (type !== 1) {
    view.setUint32(0x2000, 0x40, true)
    bytes.set(ascii('RDMPDUMP'), 0x2004)
    view.setBigUint64(0x2010, BigInt(firstPage - 0x2020), true)
    view.setBigUint64(0x2018, BigInt(firstPage), true)
    if (type === 10) view.setUint32(0x2020, ranges.length, true)
    if (type === 10) view.setBigUint64(0x2028, BigInt(held.length), true)
    for (const [i, [base, count]] of ranges.entries()) {
      view.setBigUint64(0x2030 + i * 16, BigInt(base), true)
      view.setBigUint64(0x2038 + i * 16, BigInt(count), true)
    }
  }
  if (hasBitmap) {
    for (const pfn of held) {
      const at = bitmapAt + (pfn >> 3)
      bytes[at] = (bytes[at] as number) | (1 << (pfn & 7))
    }
  }
  for (const [index, pfn] of held.entries()) {
    bytes.set(memory.pages.get(pfn) as Uint8Array, firstPage + index * PAGE)
  }
  return { bytes, firstPage }
}

/** Page numbers that follow each other. */
function rangesOf(held: readonly number[]): [base: number, count: number][] {
  const ranges: [number, number][] = []
  for (const pfn of held) {
    const last = ranges.at(-1)
    if (last !== undefined && last[0] + last[1] === pfn) last[1]++
    else ranges.push([pfn, 1])
  }
  return ranges
}
