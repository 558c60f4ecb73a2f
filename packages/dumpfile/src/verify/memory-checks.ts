// Checks that follow the kernel's own pointers through the pages of the dump: page tables, module list, KDDEBUGGER_DATA64.
// The pointers are documented (wdbgexts.h, public types of the kernel); a dump whose pages are not those of the crash shows
// here, and a debugger that follows them reads nonsense. No genuine dump of pages was at hand.
import { type Gva, gva, hex } from '@dumpstack/bytes'
import { IMAGE_FILE_MACHINE_AMD64, KDBG_TAG, KddebuggerData64, machineName } from '@dumpstack/nt'
import type { DumpError } from '../dump-error.ts'
import { PAGE_FILL_64 } from '../layouts.ts'
import type { LoadedModule, Modules } from '../module-list.ts'
import { readUnloadedModules, walkLoadedModules } from '../modules.ts'
import type { OpenedDump } from '../open-dump.ts'
import type { VirtualSpace } from '../virtual-space.ts'
import type { Checks } from './checks.ts'
import { ENCODED_KDBG, MIN_KDBG_BYTES, readBlock } from './debugger-block.ts'
import { leadsThroughFiveLevels } from './five-levels.ts'
import { checkBugcheckData, checkPhysicalMemoryBlock, checkProcessorBlock } from './kernel-checks.ts'
import { fileOffset, isLive } from './memory-places.ts'

const NO_MODULES: Modules = { loaded: [], unloaded: [] }

export function checkMemory(checks: Checks, dump: OpenedDump): Modules {
  const { machine, directoryTableBase, psLoadedModuleList, kdDebuggerDataBlock } = dump.header
  const cannotSay = (say: (id: string) => void): Modules => {
    for (const id of ['page-tables', 'kdbg', 'module-list']) say(id)
    return NO_MODULES
  }
  if (machine !== IMAGE_FILE_MACHINE_AMD64) {
    const name = machineName(machine) ?? `machine ${hex(machine)}`
    return cannotSay((id) => checks.notRead(id, `page tables of ${name}, only those of x64 are`))
  }
  if ([psLoadedModuleList, kdDebuggerDataBlock].includes(gva(PAGE_FILL_64))) {
    const what = 'the header does not say where module list and debugger data are'
    return cannotSay((id) => checks.inconclusive(id, what, { offset: 0x20, found: 'PAGE fill' }))
  }
  const space = dump.virtual()
  const throughFive = (address: Gva): boolean =>
    dump.physical !== undefined && leadsThroughFiveLevels(directoryTableBase, address, dump.physical)
  if (
    space.absence(psLoadedModuleList) !== null &&
    throughFive(psLoadedModuleList) &&
    throughFive(kdDebuggerDataBlock)
  ) {
    return cannotSay((id) =>
      checks.notRead(id, 'page tables of five levels (CR4.LA57), only those of four are'),
    )
  }
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
    if (damage.code === 'DUMP_TOO_LARGE') {
      checks.notRead('module-list', damage.message)
      return
    }
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
  const id = 'kdbg'
  const at = fileOffset(dump, space, kdDebuggerDataBlock)
  const { kdbg, byteLength, ownerTag, size } = readBlock((into) => space.read(kdDebuggerDataBlock, into))
  if (kdbg === null) {
    const wanted = Math.max(MIN_KDBG_BYTES, Math.min(size, KddebuggerData64.size))
    if (byteLength < MIN_KDBG_BYTES || (ownerTag === KDBG_TAG && byteLength < wanted)) {
      checks.fail(id, `KdDebuggerDataBlock ${hex(kdDebuggerDataBlock)} cannot be read whole`, {
        offset: at < 0 ? 0x80 : at,
        found: `${hex(byteLength)} bytes`,
        expected: `${hex(wanted)} bytes`,
      })
    } else if (ownerTag === KDBG_TAG) {
      checks.notRead(id, 'debugger data of this size', {
        offset: at + 0x14,
        found: size,
        expected: `at least ${hex(MIN_KDBG_BYTES)}`,
      })
    } else if (isLive(dump)) {
      checks.notRead(id, ENCODED_KDBG, {
        offset: at + 0x10,
        found: ownerTag,
        expected: KDBG_TAG,
      })
    } else {
      checks.fail(id, 'KDDEBUGGER_DATA64 tag differs', {
        offset: at + 0x10,
        found: ownerTag,
        expected: KDBG_TAG,
      })
    }
    return null
  }
  const nt = loaded[0]
  const comparisons: readonly (readonly [string, number, bigint, bigint])[] = [
    ...(nt === undefined ? [] : [['KernBase', 0x18, kdbg.kernBase, nt.base] as const]),
    ['PsLoadedModuleList', 0x48, kdbg.psLoadedModuleList, psLoadedModuleList],
    ['PsActiveProcessHead', 0x50, kdbg.psActiveProcessHead, psActiveProcessHead],
  ]
  for (const [what, offset, found, expected] of comparisons) {
    if (found === expected || expected === PAGE_FILL_64) continue
    checks.fail(id, `KDDEBUGGER_DATA64 ${what} differs`, { offset: at + offset, found, expected })
    return null
  }
  if (nt !== undefined && !isInside(psLoadedModuleList, nt)) {
    const kernel = `${hex(nt.base)}..${hex(nt.base + BigInt(nt.size))}`
    checks.remark(id, `PsLoadedModuleList lies outside the kernel ${kernel}`, {
      offset: 0x20,
      found: psLoadedModuleList,
    })
    return kdbg
  }
  checks.pass(
    id,
    `KDDEBUGGER_DATA64 of ${hex(kdbg.size)} bytes agrees with header and module list, KernBase ${hex(kdbg.kernBase)}`,
  )
  return kdbg
}

const isInside = (address: Gva, { base, size }: LoadedModule): boolean =>
  address >= base && address < base + BigInt(size)
