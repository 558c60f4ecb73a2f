// Builds crash dumps byte by byte, from the public descriptions of the format: offsets are literals here and shared with
// nobody, so that a wrong one in the reader cannot agree with itself. x64, build 19041.

const PAGE = 4096

export interface BuiltModule {
  readonly name: string
  readonly base: bigint
  readonly size: number
  readonly timeDateStamp?: number
}

export interface BuiltUnloaded {
  readonly name: string
  readonly start: bigint
  readonly end: bigint
}

export interface DumpRecipe {
  readonly type: 1 | 5 | 6
  /** [first PFN, pages], ascending. */
  readonly runs?: ReadonlyArray<readonly [number, number]>
  /** What nt!MmPhysicalMemoryBlock says; the runs when absent. */
  readonly physicalMemory?: ReadonlyArray<readonly [number, number]>
  readonly modules?: readonly BuiltModule[]
  readonly unloaded?: readonly BuiltUnloaded[]
  readonly bugcheck?: number
  readonly processors?: number
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

const KERNEL_BASE = 0xfffff80312400000n
const KERNEL_PAGES = 8
const POOL_BASE = 0xffffc40e11000000n
const LARGE_BASE = 0xfffff80440000000n
const DEFAULT_RUNS: ReadonlyArray<readonly [number, number]> = [
  [0x1, 0x9e],
  [0x100, 0x300],
  [0x100000, 0x40],
]
export const DEFAULT_MODULES: readonly BuiltModule[] = [
  { name: 'ntoskrnl.exe', base: KERNEL_BASE, size: KERNEL_PAGES * PAGE, timeDateStamp: 0x5f3c1a2b },
  { name: 'hal.dll', base: 0xfffff80311f00000n, size: 0x6000, timeDateStamp: 0x11223344 },
  { name: 'storahci.sys', base: 0xfffff80316e00000n, size: 0x30000, timeDateStamp: 0xdeadbeef },
  { name: 'dump_storahci.sys', base: 0xfffff80316f00000n, size: 0x30000, timeDateStamp: 0xdeadbeef },
]

/** Guest memory while it is being laid out: physical pages, page tables, things at virtual addresses. */
class Memory {
  readonly pages = new Map<number, Uint8Array>()
  readonly mapped = new Map<bigint, number>()
  readonly #free: number[]
  readonly root: number

  constructor(runs: ReadonlyArray<readonly [number, number]>) {
    const all = runs.flatMap(([base, count]) => Array.from({ length: count }, (_, i) => base + i))
    for (const pfn of all) this.pages.set(pfn, pattern(pfn))
    // From both ends in turn: neighbours in virtual memory are strangers in physical memory.
    this.#free = all.map((_, i) => all[i % 2 === 0 ? i >> 1 : all.length - 1 - (i >> 1)] as number)
    this.root = this.take()
  }

  take(): number {
    const pfn = this.#free.shift()
    if (pfn === undefined) throw new Error('the recipe has too few pages')
    this.pages.get(pfn)?.fill(0)
    return pfn
  }

  /** Sets the entry that maps `va` at the level of `shift`, making tables on the way. */
  setEntry(va: bigint, shift: 12 | 21, entry: bigint): void {
    let table = this.root
    for (let level = 39; level > shift; level -= 9) {
      const view = this.#view(table)
      const at = Number((va >> BigInt(level)) & 0x1ffn) * 8
      let next = view.getBigUint64(at, true)
      if (next === 0n) {
        next = (BigInt(this.take()) << 12n) | 0x63n
        view.setBigUint64(at, next, true)
      }
      table = Number((next >> 12n) & 0xfffffffffn)
    }
    this.#view(table).setBigUint64(Number((va >> BigInt(shift)) & 0x1ffn) * 8, entry, true)
  }

  map(va: bigint, pageCount: number): void {
    for (let i = 0; i < pageCount; i++) {
      const pfn = this.take()
      const page = va + BigInt(i * PAGE)
      this.setEntry(page, 12, (1n << 63n) | (BigInt(pfn) << 12n) | 0x63n)
      this.mapped.set(page, pfn)
    }
  }

  write(va: bigint, bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) {
      const at = va + BigInt(i)
      const page = this.pages.get(this.mapped.get(at & ~0xfffn) ?? -1)
      if (page === undefined) throw new Error(`${at.toString(16)} is not mapped`)
      page[Number(at & 0xfffn)] = bytes[i] as number
    }
  }

  u16(va: bigint, value: number): void {
    this.write(va, littleEndian(BigInt(value), 2))
  }
  u32(va: bigint, value: number): void {
    this.write(va, littleEndian(BigInt(value), 4))
  }
  u64(va: bigint, value: bigint): void {
    this.write(va, littleEndian(value, 8))
  }

  #view(pfn: number): DataView {
    const page = this.pages.get(pfn)
    if (page === undefined) throw new Error(`page ${pfn} is no RAM`)
    return new DataView(page.buffer)
  }
}

export function buildDump(recipe: DumpRecipe): BuiltDump {
  const runs = recipe.runs ?? DEFAULT_RUNS
  const modules = recipe.modules ?? DEFAULT_MODULES
  const unloaded = recipe.unloaded ?? [
    { name: 'dump_storpor', start: 0xfffff80315000000n, end: 0xfffff80315021000n },
    { name: 'dump_dumpfve', start: 0xfffff80315100000n, end: 0xfffff8031511d000n },
  ]
  const processors = recipe.processors ?? 1
  const bugcheck = recipe.bugcheck ?? 0xe2
  const memory = new Memory(runs)

  memory.map(KERNEL_BASE, KERNEL_PAGES)
  const kdbg = KERNEL_BASE + 0xb20n
  const moduleListHead = KERNEL_BASE + 0x2390n
  const processHead = KERNEL_BASE + 0x2200n
  const variables = KERNEL_BASE + 0x3000n // eight bytes each
  const processorBlock = KERNEL_BASE + 0x4000n

  // Pool: module entries of 0xa0 bytes, names behind them, unloaded rows, descriptor.
  memory.map(POOL_BASE, 16)
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
  memory.u32(kdbg + 0x14n, 0x380)
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

/** A kernel dump leaves out every seventh page of those that nobody wrote. */
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
  const bits = type === 1 ? 0 : roundBits ? Math.ceil(highest / 64) * 64 : highest
  const firstPage = type === 1 ? 0x2000 : Math.ceil((0x2038 + Math.ceil(bits / 8)) / PAGE) * PAGE
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
  if (type !== 1) {
    bytes.fill(0, 0x2000, firstPage)
    bytes.set(ascii(type === 6 ? 'SDMPDUMP' : 'FDMPDUMP'), 0x2000)
    view.setBigUint64(0x2020, BigInt(firstPage), true)
    view.setBigUint64(0x2028, BigInt(held.length), true)
    view.setBigUint64(0x2030, BigInt(bits), true)
    for (const pfn of held)
      bytes[0x2038 + (pfn >> 3)] = (bytes[0x2038 + (pfn >> 3)] as number) | (1 << (pfn & 7))
  }
  for (const [index, pfn] of held.entries()) {
    bytes.set(memory.pages.get(pfn) as Uint8Array, firstPage + index * PAGE)
  }
  return { bytes, firstPage }
}

/** A minidump with a driver list and nothing that a debugger would want. */
export function buildTriageDump(
  modules: readonly BuiltModule[] = DEFAULT_MODULES,
  unloaded: readonly BuiltUnloaded[] = [
    { name: 'dump_dumpfve', start: 0xfffff8031510_0000n, end: 0xfffff8031511_d000n },
  ],
): Uint8Array {
  const unloadedAt = 0x20d0
  const kdbgAt = unloadedAt + 8 + unloaded.length * 0x38
  const listAt = kdbgAt + 0x380
  const poolAt = listAt + modules.length * 0x90
  const names = modules.map(({ name }) => `\\SystemRoot\\system32\\${name}`)
  const nameAt: number[] = []
  let end = poolAt
  for (const name of names) {
    nameAt.push(end)
    end = (end + 4 + name.length * 2 + 2 + 7) & ~7
  }
  const bytes = new Uint8Array(end + 4)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < 0x2000; i += 4) bytes.set(ascii('PAGE'), i)
  bytes.set(ascii('PAGEDU64'), 0)
  view.setUint32(0x8, 0xf, true)
  view.setUint32(0xc, 19041, true)
  view.setBigUint64(0x20, KERNEL_BASE + 0x2390n, true)
  view.setUint32(0x30, 0x8664, true)
  view.setUint32(0x34, 2, true)
  view.setUint32(0x38, 0xe2, true)
  for (let i = 0; i < 4; i++) view.setBigUint64(0x40 + i * 8, BigInt(i), true)
  view.setBigUint64(0x80, KERNEL_BASE + 0xb20n, true)
  bytes.fill(0, 0x348, 0xf00)
  view.setUint32(0x378, 0x10001f, true)
  view.setUint32(0x37c, 0x1f80, true)
  view.setUint32(0x460, 0x1f80, true)
  view.setBigUint64(0x3e0, 0xffffa00012345678n, true)
  view.setBigUint64(0x440, KERNEL_BASE + 0x1234n, true)
  view.setUint32(0xf98, 4, true)
  view.setBigUint64(0xfa8, 0x1da3c5f12345678n, true)
  view.setBigUint64(0x1030, 0x23bc1e9n, true)
  view.setUint32(0x1048, 0, true)
  view.setUint32(0x2004, bytes.length, true)
  view.setUint32(0x2008, end, true)
  view.setUint32(0x2018, unloadedAt, true)
  view.setUint32(0x2030, listAt, true)
  view.setUint32(0x2034, modules.length, true)
  view.setUint32(0x2038, poolAt, true)
  view.setUint32(0x203c, end - poolAt, true)
  view.setUint32(0x2070, kdbgAt, true)
  view.setUint32(0x2074, 0x380, true)
  view.setUint32(unloadedAt, unloaded.length, true)
  for (const [i, driver] of unloaded.entries()) {
    const at = unloadedAt + 8 + i * 0x38
    view.setUint16(at, driver.name.length * 2, true)
    view.setUint16(at + 2, driver.name.length * 2, true)
    bytes.set(utf16(driver.name).subarray(0, 24), at + 0x10)
    view.setBigUint64(at + 0x28, driver.start, true)
    view.setBigUint64(at + 0x30, driver.end, true)
  }
  bytes.set(ascii('KDBG'), kdbgAt + 0x10)
  view.setUint32(kdbgAt + 0x14, 0x380, true)
  view.setBigUint64(kdbgAt + 0x18, KERNEL_BASE, true)
  view.setBigUint64(kdbgAt + 0x48, KERNEL_BASE + 0x2390n, true)
  for (const [i, module] of modules.entries()) {
    const at = listAt + i * 0x90
    view.setUint32(at, nameAt[i] as number, true)
    view.setBigUint64(at + 0x38, module.base, true)
    view.setUint32(at + 0x48, module.size, true)
    view.setUint32(at + 0x88, module.timeDateStamp ?? 0, true)
    const name = names[i] as string
    view.setUint32(nameAt[i] as number, name.length, true)
    bytes.set(utf16(name), (nameAt[i] as number) + 4)
  }
  bytes.set(ascii('TRGD'), end)
  return bytes
}

/** Every page tells its number: its PFN in each eight bytes, mixed with the offset. */
function pattern(pfn: number): Uint8Array {
  const page = new Uint8Array(PAGE)
  const view = new DataView(page.buffer)
  for (let i = 0; i < PAGE; i += 8) {
    view.setUint32(i, pfn, true)
    view.setUint32(i + 4, (pfn * 2654435761 + i) >>> 0, true)
  }
  return page
}

function littleEndian(value: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(i * 8)) & 0xffn))
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0))

function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2)
  for (let i = 0; i < text.length; i++) new DataView(bytes.buffer).setUint16(i * 2, text.charCodeAt(i), true)
  return bytes
}
