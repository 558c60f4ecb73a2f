// Modules of a minidump (type 4): the driver list, its string pool and the unloaded drivers, all by file offset.
import { gva, hex } from '@dumpstack/bytes'
import type { Dump } from '../dump.ts'
import { DumpError } from '../dump-error.ts'
import {
  DumpDriverEntry64,
  DumpUnloadedDriver64,
  HEADER64_SIZE,
  TriageDump64,
  UNLOADED_ROWS_OFFSET,
} from '../layouts.ts'
import type { LoadedModule, Modules, UnloadedModule } from '../modules.ts'
import { readPart } from './file-part.ts'

const MAX_DRIVERS = 65536
const MAX_NAME_CHARACTERS = 32767
const MAX_UNLOADED = 50

/** Throws DumpError DUMP_TRUNCATED where the file ends before. */
export function readTriageHeader(dump: Dump): TriageDump64 {
  return TriageDump64.of(readExactly(dump, HEADER64_SIZE, TriageDump64.size, 'triage header'))
}

/** What of the lists can be read; `damage` is DUMP_MODULE_LIST or DUMP_TRUNCATED where one of them leaves the file. */
export function readTriageModules(dump: Dump): {
  readonly modules: Modules
  readonly damage: DumpError | null
} {
  const loaded: LoadedModule[] = []
  let unloaded: UnloadedModule[] = []
  let damage: DumpError | null = null
  const tried = (read: () => void): void => {
    try {
      read()
    } catch (error) {
      if (!(error instanceof DumpError)) throw error
      damage ??= error
    }
  }
  tried(() => readLoaded(dump, loaded))
  tried(() => {
    unloaded = readUnloaded(dump, readTriageHeader(dump).unloadedDriversOffset)
  })
  return { modules: { loaded, unloaded }, damage }
}

/** Adds drivers to `loaded` up to the first that cannot be read. */
function readLoaded(dump: Dump, loaded: LoadedModule[]): void {
  const triage = readTriageHeader(dump)
  const count = triage.driverCount
  if (count > MAX_DRIVERS) {
    throw new DumpError(
      'DUMP_MODULE_LIST',
      `driver count at offset 0x2034 is ${hex(count)}, expected at most ${hex(MAX_DRIVERS)}`,
      { offset: 0x2034, found: count },
    )
  }
  const list = readExactly(dump, triage.driverListOffset, count * DumpDriverEntry64.size, 'driver list')
  for (let index = 0; index < count; index++) {
    const entry = DumpDriverEntry64.of(list, index * DumpDriverEntry64.size)
    const fullName = readPoolString(dump, entry.driverNameOffset, index)
    loaded.push({
      baseName: fullName.slice(fullName.lastIndexOf('\\') + 1),
      fullName,
      base: gva(entry.dllBase),
      size: entry.sizeOfImage,
      entryPoint: gva(entry.entryPoint),
      checkSum: entry.checkSum,
      timeDateStamp: entry.timeDateStamp,
    })
  }
}

/** DUMP_STRING: a count of UTF-16 code units, then the characters. */
function readPoolString(dump: Dump, offset: number, driver: number): string {
  const what = `name of driver ${driver}`
  const characters = new DataView(readExactly(dump, offset, 4, what).buffer).getUint32(0, true)
  if (characters > MAX_NAME_CHARACTERS) {
    throw new DumpError(
      'DUMP_MODULE_LIST',
      `${what} at offset ${hex(offset)} has ${hex(characters)} characters, expected at most ${hex(MAX_NAME_CHARACTERS)}`,
      { offset, found: characters },
    )
  }
  return decode(readExactly(dump, offset + 4, characters * 2, what))
}

function readUnloaded(dump: Dump, offset: number): UnloadedModule[] {
  if (offset === 0) return []
  const head = readExactly(dump, offset, UNLOADED_ROWS_OFFSET, 'unloaded driver list')
  const count = new DataView(head.buffer).getUint32(0, true)
  if (count > MAX_UNLOADED) {
    throw new DumpError(
      'DUMP_MODULE_LIST',
      `unloaded driver count at offset ${hex(offset)} is ${hex(count)}, expected at most ${hex(MAX_UNLOADED)}`,
      { offset, found: count },
    )
  }
  const rows = readExactly(
    dump,
    offset + UNLOADED_ROWS_OFFSET,
    count * DumpUnloadedDriver64.size,
    'unloaded driver list',
  )
  // In real dumps the newest comes first: WdBoot.sys and mcupdate.dll, gone before most drivers start, are the last rows.
  return Array.from({ length: count }, (_, index) => {
    const row = DumpUnloadedDriver64.of(rows, (count - 1 - index) * DumpUnloadedDriver64.size)
    return {
      name: decode(row.name.subarray(0, Math.min(row.length, row.name.byteLength))),
      start: gva(row.startAddress),
      end: gva(row.endAddress),
      unloadedAt: 0n,
    }
  })
}

const decode = (bytes: Uint8Array): string => new TextDecoder('utf-16le').decode(bytes)

const readExactly = (dump: Dump, offset: number, byteLength: number, what: string): Uint8Array =>
  readPart(dump.source, { offset, byteLength }, what)
