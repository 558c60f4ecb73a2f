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
import type { LoadedModule, Modules, UnloadedModule } from '../module-list.ts'
import { checkCount, checkInside, readPart } from './file-part.ts'

/** Real dumps list some hundreds, and keep the last 50 that were unloaded. */
const MAX_DRIVERS = 65536
/** A UNICODE_STRING has at most 65534 bytes. */
const MAX_NAME_CHARACTERS = 32767

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
  tried(() => readLoaded(dump, loaded, tried))
  tried(() => {
    unloaded = readUnloaded(dump)
  })
  return { modules: { loaded, unloaded }, damage }
}

/** Adds the drivers to `loaded`; one whose name cannot be read has none. */
function readLoaded(dump: Dump, loaded: LoadedModule[], tried: (read: () => void) => void): void {
  const triage = readTriageHeader(dump)
  const count = triage.driverCount
  const list = readList(dump, triage.driverListOffset, count, DumpDriverEntry64.size, 'drivers')
  const names = new StringPool(dump)
  for (let index = 0; index < count; index++) {
    const entry = DumpDriverEntry64.of(list, index * DumpDriverEntry64.size)
    let fullName = ''
    tried(() => {
      fullName = names.at(entry.driverNameOffset, `name of driver ${index}`)
    })
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

/** Names by file offset. Whatever the offsets say, no more is decoded than the file has bytes. */
class StringPool {
  readonly #dump: Dump
  readonly #known = new Map<number, string>()
  #decoded = 0

  constructor(dump: Dump) {
    this.#dump = dump
  }

  /** DUMP_STRING: a count of UTF-16 code units, then the characters. */
  at(offset: number, what: string): string {
    const known = this.#known.get(offset)
    if (known !== undefined) return known
    const characters = new DataView(readExactly(this.#dump, offset, 4, what).buffer).getUint32(0, true)
    if (characters > MAX_NAME_CHARACTERS) {
      throw new DumpError(
        'DUMP_MODULE_LIST',
        `${what} at offset ${hex(offset)} has ${hex(characters)} characters, expected at most ${hex(MAX_NAME_CHARACTERS)}`,
        { offset, found: characters },
      )
    }
    this.#decoded += characters * 2
    if (this.#decoded > this.#dump.byteLength) {
      throw new DumpError(
        'DUMP_MODULE_LIST',
        `${what} at offset ${hex(offset)} lies over other names: together they are longer than the file`,
        { offset },
      )
    }
    const name = decode(readExactly(this.#dump, offset + 4, characters * 2, what))
    this.#known.set(offset, name)
    return name
  }
}

/** Oldest first; throws DumpError DUMP_TRUNCATED where the table leaves the file. */
function readUnloaded(dump: Dump): UnloadedModule[] {
  const offset = readTriageHeader(dump).unloadedDriversOffset
  if (offset === 0) return []
  const count = readUnloadedCount(dump, offset)
  const start = offset + UNLOADED_ROWS_OFFSET
  const rows = readList(dump, start, count, DumpUnloadedDriver64.size, 'unloaded drivers')
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

export function readUnloadedCount(dump: Dump, offset: number): number {
  const head = readExactly(dump, offset, UNLOADED_ROWS_OFFSET, 'list of unloaded drivers')
  return new DataView(head.buffer).getUint32(0, true)
}

const decode = (bytes: Uint8Array): string => new TextDecoder('utf-16le').decode(bytes)

function readList(dump: Dump, offset: number, count: number, rowBytes: number, what: string): Uint8Array {
  const part = { offset, byteLength: count * rowBytes }
  checkInside(dump.source, part, `list of ${count} ${what}`)
  checkCount(count, MAX_DRIVERS, offset, what)
  return readPart(dump.source, part, `list of ${count} ${what}`)
}

const readExactly = (dump: Dump, offset: number, byteLength: number, what: string): Uint8Array =>
  readPart(dump.source, { offset, byteLength }, what)
