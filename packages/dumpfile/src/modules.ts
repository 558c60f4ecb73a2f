// Loaded and unloaded drivers of a dump: from the kernel's own lists in memory, or from a minidump's driver list.
import { type Gva, gva, hex } from '@dumpstack/bytes'
import {
  HeaderDumpType,
  KldrDataTableEntry,
  ListEntry,
  MI_UNLOADED_DRIVERS,
  UnloadedDriver,
} from '@dumpstack/nt'
import { readKdbg } from './debugger-data.ts'
import type { Dump } from './dump.ts'
import { DumpError } from './dump-error.ts'
import type { LoadedModule, Modules, UnloadedModule } from './module-list.ts'
import { readTriageModules } from './triage/triage-modules.ts'
import type { VirtualSpace } from './virtual-space.ts'

/** Real lists have some hundred entries; this bounds what a hostile one costs. */
const MAX_MODULES = 16384
const MAX_NAME_BYTES = 2048

/** Throws DumpError when a list of modules cannot be followed to its end. */
export function readModules(dump: Dump): Modules {
  const { modules, damage } = readModulesAsFarAsPossible(dump)
  if (damage !== null) throw damage
  return modules
}

/** The modules up to the first that cannot be read, and what is wrong there. */
export function readModulesAsFarAsPossible(dump: Dump): {
  readonly modules: Modules
  readonly damage: DumpError | null
} {
  if (dump.header.dumpType === HeaderDumpType.triage) return readTriageModules(dump)
  const space = dump.virtual()
  const { loaded, damage } = walkLoadedModules(dump, space)
  return { modules: { loaded, unloaded: readUnloadedModules(dump, space) }, damage }
}

/** The modules up to the first broken link, and what is wrong there. */
export function walkLoadedModules(
  dump: Pick<Dump, 'header'>,
  space: VirtualSpace,
): { loaded: LoadedModule[]; damage: DumpError | null } {
  const head = dump.header.psLoadedModuleList
  const loaded: LoadedModule[] = []
  const stop = (message: string, address: Gva, code = 'DUMP_MODULE_LIST') => ({
    loaded,
    damage: new DumpError(code, message, { address, modules: loaded.length }),
  })
  const unreadable = (what: string, address: Gva) =>
    stop(
      `${what} at ${hex(address)} cannot be read: ${space.absence(address) ?? 'crosses an absent page'}`,
      address,
    )

  const headBytes = new Uint8Array(ListEntry.size)
  if (space.read(head, headBytes) < headBytes.byteLength) return unreadable('PsLoadedModuleList', head)
  const entryBytes = new Uint8Array(KldrDataTableEntry.size)
  const entry = KldrDataTableEntry.of(entryBytes)
  let previous = head
  let current = gva(ListEntry.of(headBytes).flink)
  while (current !== head) {
    const what = `module list entry ${loaded.length}`
    if (loaded.length >= MAX_MODULES) {
      const found = `module list at ${hex(head)} has more entries than the ${MAX_MODULES} that this reader keeps`
      return stop(found, current, 'DUMP_TOO_LARGE')
    }
    if (space.read(current, entryBytes) < entryBytes.byteLength) return unreadable(what, current)
    const links = entry.inLoadOrderLinks
    if (links.blink !== previous) {
      return stop(
        `${what} at ${hex(current)} links back to ${hex(links.blink)}, expected ${hex(previous)}`,
        current,
      )
    }
    loaded.push({
      baseName: readName(space, entry.baseDllName),
      fullName: readName(space, entry.fullDllName),
      base: gva(entry.dllBase),
      size: entry.sizeOfImage,
      entryPoint: gva(entry.entryPoint),
      checkSum: entry.checkSum,
      timeDateStamp: entry.timeDateStamp,
    })
    previous = current
    current = gva(links.flink)
  }
  return { loaded, damage: null }
}

/** Through KDDEBUGGER_DATA64; what cannot be read is left out: the table is no part of a dump's soundness. */
export function readUnloadedModules(dump: Dump, space: VirtualSpace): UnloadedModule[] {
  const kdbg = readKdbg(dump.header.kdDebuggerDataBlock, space)
  if (kdbg === null) return []
  const pointer = readU64(space, gva(kdbg.mmUnloadedDrivers))
  const next = readU64(space, gva(kdbg.mmLastUnloadedDriver))
  if (pointer === null || pointer === 0n || next === null) return []
  const rows = new Uint8Array(UnloadedDriver.size * MI_UNLOADED_DRIVERS)
  const length = space.read(gva(pointer), rows)
  // MmLastUnloadedDriver is a ULONG, the row that is written next: the oldest is after it.
  const oldest = Number(next & 0xffff_ffffn) % MI_UNLOADED_DRIVERS
  const unloaded: UnloadedModule[] = []
  for (let index = 0; index < MI_UNLOADED_DRIVERS; index++) {
    const at = ((oldest + index) % MI_UNLOADED_DRIVERS) * UnloadedDriver.size
    if (at + UnloadedDriver.size > length) continue
    const row = UnloadedDriver.of(rows, at)
    if (row.startAddress === 0n) continue
    unloaded.push({
      name: readName(space, row.name),
      start: gva(row.startAddress),
      end: gva(row.endAddress),
      unloadedAt: row.currentTime,
    })
  }
  return unloaded
}

/** A 64-bit variable; null where it cannot be read. */
export function readU64(space: VirtualSpace, address: Gva): bigint | null {
  const bytes = new Uint8Array(8)
  return space.read(address, bytes) < 8 ? null : new DataView(bytes.buffer).getBigUint64(0, true)
}

function readName(space: VirtualSpace, name: { length: number; buffer: bigint }): string {
  if (name.length === 0 || name.length % 2 !== 0 || name.length > MAX_NAME_BYTES) return ''
  const bytes = new Uint8Array(name.length)
  if (space.read(gva(name.buffer), bytes) < bytes.byteLength) return ''
  return new TextDecoder('utf-16le').decode(bytes)
}
