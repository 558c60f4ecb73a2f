// Checks that follow the kernel's own pointers through the pages of the dump: page tables, KDDEBUGGER_DATA64, module list,
// physical memory descriptor, bugcheck data, processors.
import { type Gva, gva, hex, PAGE_SIZE, type Pfn, pagesInRuns } from '@dumpstack/bytes'
import {
  IMAGE_FILE_MACHINE_AMD64,
  KDBG_TAG,
  KddebuggerData64,
  PhysicalMemoryDescriptor64,
  PhysicalMemoryRun64,
} from '@dumpstack/nt'
import { DumpError } from '../dump-error.ts'
import {
  type LoadedModule,
  type Modules,
  readU64,
  readUnloadedModules,
  walkLoadedModules,
} from '../modules.ts'
import type { OpenedDump } from '../open-dump.ts'
import { readHeaderRuns } from '../run-body.ts'
import type { VirtualSpace } from '../virtual-space.ts'
import type { Checks } from './checks.ts'

/** Bounds what a damaged descriptor can cost. */
const MAX_DESCRIPTOR_RUNS = 4096

export function checkMemory(checks: Checks, dump: OpenedDump): Modules {
  if (dump.header.machine !== IMAGE_FILE_MACHINE_AMD64) {
    for (const id of ['page-tables', 'kdbg', 'module-list']) {
      checks.inconclusive(id, `page tables of machine ${hex(dump.header.machine)} are not read, only x64`)
    }
    return { loaded: [], unloaded: [] }
  }
  const space = dump.virtual()
  const { loaded, damage } = walkLoadedModules(dump, space)
  checkPageTables(checks, dump, space, loaded)
  checkModuleList(checks, dump, space, loaded, damage)
  const kdbg = checkKdbg(checks, dump, space, loaded)
  if (kdbg !== null) {
    checkPhysicalMemoryBlock(checks, dump, space, kdbg)
    checkBugcheckData(checks, dump, space, kdbg)
    checkProcessorBlock(checks, dump, space, kdbg)
  }
  return { loaded, unloaded: readUnloadedModules(dump, space) }
}

/** File offset of a virtual address; -1 where it leads to none. */
function fileOffset(dump: OpenedDump, space: VirtualSpace, address: Gva): number {
  const place = space.translate(address)
  if (place === null) return -1
  const inPage = place % PAGE_SIZE
  const offset = dump.body?.offsetOf(((place - inPage) / PAGE_SIZE) as Pfn) ?? -1 // a quotient by the page size is a PFN
  return offset < 0 ? -1 : offset + inPage
}

function checkPageTables(
  checks: Checks,
  dump: OpenedDump,
  space: VirtualSpace,
  loaded: readonly LoadedModule[],
): void {
  const { psLoadedModuleList, kdDebuggerDataBlock } = dump.header
  const kernel = loaded[0]
  const addresses: readonly (readonly [string, Gva])[] = [
    ['PsLoadedModuleList', psLoadedModuleList],
    ['KdDebuggerDataBlock', kdDebuggerDataBlock],
    ...(kernel === undefined ? [] : [['kernel base', kernel.base] as const]),
  ]
  for (const [what, address] of addresses) {
    const absence = space.absence(address)
    if (absence === null) continue
    checks.fail(
      'page-tables',
      `${what} ${hex(address)} cannot be reached through the page tables at ${hex(dump.header.directoryTableBase)}`,
      { offset: 0x10, found: absence, expected: 'a page of the dump' },
    )
    return
  }
  checks.pass(
    'page-tables',
    `page tables at ${hex(dump.header.directoryTableBase)} reach kernel, list and debugger data`,
  )
}

function checkModuleList(
  checks: Checks,
  dump: OpenedDump,
  space: VirtualSpace,
  loaded: readonly LoadedModule[],
  damage: DumpError | null,
): void {
  const head = dump.header.psLoadedModuleList
  if (damage !== null) {
    const address = gva(BigInt(damage.fields['address'] ?? head))
    checks.fail('module-list', `${damage.message}, after ${loaded.length} modules`, {
      offset: fileOffset(dump, space, address),
    })
  } else if (loaded.length === 0) {
    checks.fail('module-list', 'the list of loaded modules is empty', {
      offset: fileOffset(dump, space, head),
    })
  } else {
    const nameless = loaded.filter((module) => module.baseName === '').length
    checks.pass(
      'module-list',
      `${loaded.length} modules${nameless > 0 ? `, ${nameless} names are not in the dump` : ''}`,
    )
  }
}

function checkKdbg(
  checks: Checks,
  dump: OpenedDump,
  space: VirtualSpace,
  loaded: readonly LoadedModule[],
): KddebuggerData64 | null {
  const { kdDebuggerDataBlock, psLoadedModuleList, psActiveProcessHead } = dump.header
  const bytes = new Uint8Array(KddebuggerData64.size)
  const got = space.read(kdDebuggerDataBlock, bytes)
  const at = fileOffset(dump, space, kdDebuggerDataBlock)
  if (got < bytes.byteLength) {
    checks.fail('kdbg', `KdDebuggerDataBlock ${hex(kdDebuggerDataBlock)} cannot be read whole`, {
      offset: at < 0 ? 0x80 : at,
      found: `${hex(got)} bytes`,
      expected: `${hex(bytes.byteLength)} bytes`,
    })
    return null
  }
  const kdbg = KddebuggerData64.of(bytes)
  const nt = loaded[0]
  const comparisons: readonly (readonly [string, number, number | bigint, number | bigint])[] = [
    ['tag', 0x10, kdbg.ownerTag, KDBG_TAG],
    ['size', 0x14, kdbg.size, KddebuggerData64.size],
    ...(nt === undefined ? [] : [['KernBase', 0x18, kdbg.kernBase, nt.base] as const]),
    ['PsLoadedModuleList', 0x48, kdbg.psLoadedModuleList, psLoadedModuleList],
    ['PsActiveProcessHead', 0x50, kdbg.psActiveProcessHead, psActiveProcessHead],
  ]
  for (const [what, offset, found, expected] of comparisons) {
    if (BigInt(found) === BigInt(expected)) continue
    // Other builds have other sizes: the block is read as far as it is known.
    if (what === 'size' && Number(found) > 0x290 && Number(found) < 0x1000) continue
    checks.fail('kdbg', `KDDEBUGGER_DATA64 ${what} differs`, { offset: at + offset, found, expected })
    return null
  }
  if (
    nt !== undefined &&
    !(psLoadedModuleList >= nt.base && psLoadedModuleList < nt.base + BigInt(nt.size))
  ) {
    checks.fail(
      'kdbg',
      `PsLoadedModuleList lies outside the kernel ${hex(nt.base)}..${hex(nt.base + BigInt(nt.size))}`,
      {
        offset: 0x20,
        found: psLoadedModuleList,
      },
    )
    return kdbg
  }
  checks.pass('kdbg', `KDDEBUGGER_DATA64 agrees with header and module list, KernBase ${hex(kdbg.kernBase)}`)
  return kdbg
}

function checkPhysicalMemoryBlock(
  checks: Checks,
  dump: OpenedDump,
  space: VirtualSpace,
  kdbg: KddebuggerData64,
): void {
  const id = 'physical-memory-block'
  const pointer = kdbg.mmPhysicalMemoryBlock === 0n ? null : readU64(space, gva(kdbg.mmPhysicalMemoryBlock))
  const bytes = new Uint8Array(PhysicalMemoryDescriptor64.size)
  if (pointer === null || space.read(gva(pointer), bytes) < bytes.byteLength) {
    checks.inconclusive(id, 'nt!MmPhysicalMemoryBlock cannot be read', { found: kdbg.mmPhysicalMemoryBlock })
    return
  }
  const at = fileOffset(dump, space, gva(pointer))
  const { numberOfRuns, numberOfPages } = PhysicalMemoryDescriptor64.of(bytes)
  if (numberOfRuns === 0 || numberOfRuns > MAX_DESCRIPTOR_RUNS) {
    checks.fail(id, 'number of runs in nt!MmPhysicalMemoryBlock is out of range', {
      offset: at,
      found: numberOfRuns,
    })
    return
  }
  const runBytes = new Uint8Array(numberOfRuns * PhysicalMemoryRun64.size)
  if (space.read(gva(pointer + 0x10n), runBytes) < runBytes.byteLength) {
    checks.inconclusive(id, 'the runs of nt!MmPhysicalMemoryBlock cannot be read', { offset: at })
    return
  }
  let total = 0n
  for (let i = 0; i < numberOfRuns; i++) {
    total += PhysicalMemoryRun64.of(runBytes, i * PhysicalMemoryRun64.size).pageCount
  }
  if (total !== numberOfPages) {
    checks.fail(id, 'pages of nt!MmPhysicalMemoryBlock are not the sum of its runs', {
      offset: at + 8,
      found: numberOfPages,
      expected: total,
    })
    return
  }
  const headerRuns = safeRuns(dump)
  if (headerRuns === null) {
    checks.pass(id, `nt!MmPhysicalMemoryBlock has ${numberOfRuns} runs, ${numberOfPages} pages`)
    return
  }
  checks.equal(
    id,
    'number of pages, by nt!MmPhysicalMemoryBlock,',
    0x90,
    pagesInRuns(headerRuns),
    numberOfPages,
  )
}

function safeRuns(dump: OpenedDump): ReturnType<typeof readHeaderRuns> {
  try {
    return readHeaderRuns(dump.headerBytes)
  } catch (error) {
    if (error instanceof DumpError) return null // the check of the runs has said so
    throw error
  }
}

function checkBugcheckData(
  checks: Checks,
  dump: OpenedDump,
  space: VirtualSpace,
  kdbg: KddebuggerData64,
): void {
  const id = 'bugcheck-data'
  const { bugcheckCode, bugcheckParameters } = dump.header
  const bytes = new Uint8Array(40)
  if (kdbg.kiBugcheckData === 0n || space.read(gva(kdbg.kiBugcheckData), bytes) < bytes.byteLength) {
    checks.inconclusive(id, 'nt!KiBugCheckData cannot be read', { found: kdbg.kiBugcheckData })
    return
  }
  const view = new DataView(bytes.buffer)
  const expected = [BigInt(bugcheckCode), ...bugcheckParameters]
  for (let i = 0; i < expected.length; i++) {
    const found = view.getBigUint64(i * 8, true)
    if (found === expected[i]) continue
    const what = i === 0 ? 'code' : `parameter ${i}`
    checks.fail(id, `bugcheck ${what} in nt!KiBugCheckData differs from the header`, {
      offset: fileOffset(dump, space, gva(kdbg.kiBugcheckData + BigInt(i * 8))),
      found,
      expected: expected[i]!,
    })
    return
  }
  checks.pass(id, 'nt!KiBugCheckData agrees with the header')
}

function checkProcessorBlock(
  checks: Checks,
  dump: OpenedDump,
  space: VirtualSpace,
  kdbg: KddebuggerData64,
): void {
  const id = 'processor-block'
  const count = dump.header.processorCount
  const number = new Uint8Array(4)
  for (let i = 0; i < count; i++) {
    const prcb = readU64(space, gva(kdbg.kiProcessorBlock + BigInt(i * 8)))
    const at = prcb === null ? null : gva(prcb + BigInt(kdbg.offsetPrcbNumber))
    if (at === null || space.read(at, number) < 4) {
      checks.fail(id, `KPRCB of processor ${i} cannot be read through nt!KiProcessorBlock`, {
        offset: fileOffset(dump, space, gva(kdbg.kiProcessorBlock + BigInt(i * 8))),
        ...(prcb !== null && { found: prcb }),
      })
      return
    }
    const found = new DataView(number.buffer).getUint32(0, true)
    if (found === i) continue
    checks.fail(id, `KPRCB ${i} has another number`, {
      offset: fileOffset(dump, space, at),
      found,
      expected: i,
    })
    return
  }
  checks.pass(id, `${count} processors found through nt!KiProcessorBlock`)
}
