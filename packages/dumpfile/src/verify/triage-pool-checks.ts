// Checks of a minidump's pools: each inside the dump, none over another, every driver's name in the string pool, no byte of
// memory twice, and behind the dump a chain of secondary data that ends with the file.
import { hex } from '@dumpstack/bytes'
import { DumpError } from '../dump-error.ts'
import {
  DumpBlobFileHeader,
  DumpDriverEntry64,
  DumpMmStorage64,
  DumpUnloadedDriver64,
  HEADER64_SIZE,
  TRIAGE_OPTION_OVERFLOWED,
  TRIAGE_OPTIONS_UNSET,
  TriageDataBlock,
  TriageDump64,
  UNLOADED_ROWS_OFFSET,
} from '../layouts.ts'
import type { OpenedDump } from '../open-dump.ts'
import { type FilePart, readPart } from '../triage/file-part.ts'
import { readSecondaryData } from '../triage/secondary-data.ts'
import type { TriageDump } from '../triage/triage-dump.ts'
import type { Checks, Finding } from './checks.ts'

interface Pool extends FilePart {
  readonly name: string
}

export function checkPools(checks: Checks, dump: OpenedDump): void {
  try {
    const triage = dump.triage
    if (triage === undefined) return
    const [damage] = triage.damage
    if (damage !== undefined) throw damage
    const pools = poolsOf(dump, triage)
    checkPlaces(checks, pools, triage.header.sizeOfDump)
    checkNames(checks, dump, triage)
    checkBlocks(checks, triage)
  } catch (error) {
    fail(checks, 'triage-pools', error)
  }
  try {
    checkSecondaryData(checks, dump)
  } catch (error) {
    fail(checks, 'secondary-data', error)
  }
}

function fail(checks: Checks, id: string, error: unknown): void {
  if (!(error instanceof DumpError)) throw error
  const offset = error.fields['offset']
  checks.fail(id, error.message, typeof offset === 'number' ? { offset } : {})
}

function poolsOf(dump: OpenedDump, triage: TriageDump): Pool[] {
  const { header } = triage
  const pools: Pool[] = [{ name: 'triage header', offset: HEADER64_SIZE, byteLength: TriageDump64.size }]
  const add = (name: string, offset: number, byteLength: number): void => {
    if (offset !== 0 && byteLength !== 0) pools.push({ name, offset, byteLength })
  }
  add('memory manager information', header.mmOffset, DumpMmStorage64.size)
  if (header.unloadedDriversOffset !== 0) {
    const part = { offset: header.unloadedDriversOffset, byteLength: UNLOADED_ROWS_OFFSET }
    const head = readPart(dump.source, part, 'unloaded driver list')
    const count = new DataView(head.buffer).getUint32(0, true)
    add('unloaded driver list', part.offset, UNLOADED_ROWS_OFFSET + count * DumpUnloadedDriver64.size)
  }
  for (const [name, part] of [
    ['PRCB', triage.prcb],
    ['process', triage.process],
    ['thread', triage.thread],
    ['call stack', triage.callStack],
    ['debugger data', triage.debuggerData],
    ['data page', triage.dataPage],
  ] as const) {
    if (part !== null) add(name, part.offset, part.byteLength)
  }
  add('driver list', header.driverListOffset, header.driverCount * DumpDriverEntry64.size)
  add('string pool', header.stringPoolOffset, header.stringPoolSize)
  add('table of data blocks', header.dataBlocksOffset, triage.blocks.length * TriageDataBlock.size)
  for (const [index, { offset, byteLength }] of triage.blocks.entries()) {
    add(`data block ${index}`, offset, byteLength)
  }
  add('closing signature', header.validOffset, 4)
  return pools.sort((a, b) => a.offset - b.offset)
}

/** `pools` ascend by offset. */
function checkPlaces(checks: Checks, pools: readonly Pool[], end: number): void {
  const id = 'triage-pools'
  let before: Pool | null = null
  for (const pool of pools) {
    const { name, offset } = pool
    const found = offset + pool.byteLength
    if (found > end) {
      checks.fail(id, `${name} leaves the dump`, { offset, found, expected: `at most ${hex(end)}` })
      return
    }
    const beforeEnd: number = before === null ? HEADER64_SIZE : before.offset + before.byteLength
    if (offset < beforeEnd) {
      const what = before === null ? 'the dump header' : before.name
      checks.fail(id, `${name} lies over ${what}`, {
        offset,
        found: offset,
        expected: `at least ${hex(beforeEnd)}`,
      })
      return
    }
    before = pool
  }
  checks.pass(id, `${pools.length} pools and blocks inside the dump, none over another`)
}

function checkNames(checks: Checks, dump: OpenedDump, { header }: TriageDump): void {
  const id = 'string-pool'
  const { stringPoolOffset, stringPoolSize, driverListOffset, driverCount } = header
  const poolEnd = stringPoolOffset + stringPoolSize
  const part = { offset: driverListOffset, byteLength: driverCount * DumpDriverEntry64.size }
  const list = readPart(dump.source, part, 'driver list')
  for (let index = 0; index < driverCount; index++) {
    const at = index * DumpDriverEntry64.size
    const found = DumpDriverEntry64.of(list, at).driverNameOffset
    const length = readPart(dump.source, { offset: found, byteLength: 4 }, `name of driver ${index}`)
    const end = found + 4 + new DataView(length.buffer).getUint32(0, true) * 2
    if (found >= stringPoolOffset && end <= poolEnd) continue
    checks.fail(id, `name of driver ${index} is not in the string pool`, {
      offset: driverListOffset + at,
      found: `${hex(found)} to ${hex(end)}`,
      expected: `${hex(stringPoolOffset)} to ${hex(poolEnd)}`,
    })
    return
  }
  checks.pass(id, `${driverCount} names in the string pool`)
}

function checkBlocks(checks: Checks, { header, blocks }: TriageDump): void {
  const id = 'data-blocks'
  const ascending = blocks
    .map((block, index) => ({ ...block, index }))
    .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0))
  for (let i = 1; i < ascending.length; i++) {
    const [before, block] = [ascending[i - 1]!, ascending[i]!]
    const end = before.address + BigInt(before.byteLength)
    if (block.address >= end) continue
    const finding: Finding = {
      offset: header.dataBlocksOffset + block.index * TriageDataBlock.size,
      found: block.address,
      expected: `at least ${hex(end)}`,
    }
    checks.fail(id, `data block ${block.index} holds memory that block ${before.index} holds`, finding)
    return
  }
  const bytes = blocks.reduce((sum, block) => sum + block.byteLength, 0)
  const { triageOptions } = header
  if (triageOptions !== TRIAGE_OPTIONS_UNSET && (triageOptions & TRIAGE_OPTION_OVERFLOWED) !== 0) {
    checks.fail(id, `the dump had no room for more than ${blocks.length} data blocks`, {
      offset: HEADER64_SIZE + TriageDump64.fields.triageOptions.offset,
      found: triageOptions,
      expected: triageOptions & ~TRIAGE_OPTION_OVERFLOWED,
    })
    return
  }
  checks.pass(id, `${blocks.length} data blocks hold ${bytes} bytes of memory, none twice`)
}

function checkSecondaryData(checks: Checks, dump: OpenedDump): void {
  const id = 'secondary-data'
  const blobs = readSecondaryData(dump)
  const end = dump.triage?.header.sizeOfDump ?? 0
  if (blobs.length > 0 || dump.byteLength === end) {
    checks.pass(id, `${blobs.length} blobs of secondary data`)
    return
  }
  if (dump.byteLength < end + DumpBlobFileHeader.size) {
    checks.inconclusive(id, `${dump.byteLength - end} bytes of no known kind follow the dump`, {
      offset: end,
    })
    return
  }
  checks.inconclusive(id, 'no blob of secondary data in the bytes behind the dump', { offset: end })
}
