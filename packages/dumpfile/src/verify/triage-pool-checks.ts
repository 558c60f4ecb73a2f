// Checks of a minidump's pools: each inside the dump, none over another, every driver's name in the string pool, and no
// address with two contents.
import { hex } from '@dumpstack/bytes'
import {
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
import type { TriageBlock, TriageDump } from '../triage/triage-dump.ts'
import { readUnloadedCount } from '../triage/triage-modules.ts'
import type { Checks } from './checks.ts'

interface Pool extends FilePart {
  readonly name: string
  /** The dump gives where it begins; how long it is, the debugger data or the pool itself says. */
  readonly isSizedElsewhere: boolean
}

/** `hasDrivers`: all of the driver list could be read. */
export function checkPools(checks: Checks, dump: OpenedDump, hasDrivers: boolean): void {
  try {
    const triage = dump.triage
    if (triage === undefined) return
    const [damage] = triage.damage
    if (damage !== undefined) throw damage
    const isApart = checkPlaces(checks, poolsOf(dump, triage), triage.header.sizeOfDump)
    if (hasDrivers) checkNames(checks, dump, triage)
    if (isApart) checkBlocks(checks, dump, triage)
  } catch (error) {
    checks.refuse('triage-pools', error)
  }
}

function poolsOf(dump: OpenedDump, triage: TriageDump): Pool[] {
  const { header } = triage
  const pools: Pool[] = []
  const add = (name: string, offset: number, byteLength: number, isSizedElsewhere = false): void => {
    if (offset !== 0 && byteLength !== 0) pools.push({ name, offset, byteLength, isSizedElsewhere })
  }
  add('triage header', HEADER64_SIZE, TriageDump64.size)
  // As long as it says itself: other Windows versions can have another length.
  if (triage.mm !== null) {
    const { size } = triage.mm
    add('memory manager information', header.mmOffset, size, size !== DumpMmStorage64.size)
  }
  if (header.unloadedDriversOffset !== 0) {
    const count = readUnloadedCount(dump, header.unloadedDriversOffset)
    const byteLength = UNLOADED_ROWS_OFFSET + count * DumpUnloadedDriver64.size
    add('unloaded driver list', header.unloadedDriversOffset, byteLength)
  }
  for (const [name, part] of [
    ['PRCB', triage.prcb],
    ['process', triage.process],
    ['thread', triage.thread],
  ] as const) {
    if (part !== null) add(name, part.offset, part.byteLength, true)
  }
  for (const [name, part] of [
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

/**
 * `pools` ascend by offset. True of eight of eight genuine minidumps; where two pools share bytes, one of them is read
 * wrongly. Sizes that the debugger data or the pool itself gives are those of another structure's word: there it is a remark.
 */
function checkPlaces(checks: Checks, pools: readonly Pool[], end: number): boolean {
  const id = 'triage-pools'
  let last: Pool = { name: 'the dump header', offset: 0, byteLength: HEADER64_SIZE, isSizedElsewhere: false }
  let remarks = 0
  for (const pool of pools) {
    const { name, offset } = pool
    const found = offset + pool.byteLength
    const complain = pool.isSizedElsewhere || last.isSizedElsewhere ? 'remark' : 'fail'
    const lastEnd = last.offset + last.byteLength
    if (found > end) {
      checks[pool.isSizedElsewhere ? 'remark' : 'fail'](id, `${name} leaves the dump`, {
        offset,
        found,
        expected: `at most ${hex(end)}`,
      })
      if (!pool.isSizedElsewhere) return false
      remarks++
    } else if (offset < lastEnd) {
      checks[complain](id, `${name} lies over ${last.name}`, {
        offset,
        found: offset,
        expected: `at least ${hex(lastEnd)}`,
      })
      if (complain === 'fail') return false
      remarks++
    }
    if (found >= lastEnd) last = pool
  }
  if (remarks === 0) checks.pass(id, `${pools.length} pools and blocks inside the dump, none over another`)
  return true
}

/** Readers go by the offset of a name, not by the pool (eight of eight genuine minidumps have all names in it): a remark. */
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
    checks.remark(id, `name of driver ${index} is not in the string pool`, {
      offset: driverListOffset + at,
      found: `${hex(found)} to ${hex(end)}`,
      expected: `${hex(stringPoolOffset)} to ${hex(poolEnd)}`,
    })
    return
  }
  checks.pass(id, `${driverCount} names in the string pool`)
}

type NumberedBlock = TriageBlock & { readonly index: number }

/**
 * Windows writes ranges twice (two of eight genuine minidumps), with equal bytes; different ones leave a reader without an
 * answer. That there was no room for all blocks (TriageOptions) is what a small page file or a fixed size costs.
 */
function checkBlocks(checks: Checks, dump: OpenedDump, { header, blocks }: TriageDump): void {
  const id = 'data-blocks'
  const ascending = blocks
    .map((block, index) => ({ ...block, index }))
    .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0))
  let repeated = 0
  let holder: NumberedBlock | null = null
  for (const block of ascending) {
    const holderEnd: bigint = holder === null ? 0n : holder.address + BigInt(holder.byteLength)
    if (holder !== null && block.address < holderEnd) {
      const inHolder = Number(block.address - holder.address) // below the size of the file
      const length = Math.min(block.byteLength, holder.byteLength - inHolder)
      const at = firstDifference(dump, holder.offset + inHolder, block.offset, length)
      if (at >= 0) {
        const address = hex(block.address + BigInt(at))
        checks.fail(
          id,
          `data blocks ${holder.index} and ${block.index} hold different bytes for ${address}`,
          {
            offset: block.offset + at,
            found: byteAt(dump, block.offset + at),
            expected: byteAt(dump, holder.offset + inHolder + at),
          },
        )
        return
      }
      repeated += length
    }
    if (block.address + BigInt(block.byteLength) > holderEnd) holder = block
  }
  const bytes = blocks.reduce((sum, block) => sum + block.byteLength, 0)
  const { triageOptions } = header
  if (triageOptions !== TRIAGE_OPTIONS_UNSET && (triageOptions & TRIAGE_OPTION_OVERFLOWED) !== 0) {
    checks.remark(id, `the dump had no room for more than ${blocks.length} data blocks`, {
      offset: HEADER64_SIZE + TriageDump64.fields.triageOptions.offset,
      found: triageOptions,
    })
    return
  }
  const twice = repeated === 0 ? 'none twice' : `${repeated} of them twice, with equal bytes`
  checks.pass(id, `${blocks.length} data blocks hold ${bytes} bytes of memory, ${twice}`)
}

const COMPARE_BYTES = 0x1_0000

/** -1 where `length` bytes at both offsets are the same. */
function firstDifference({ source }: OpenedDump, a: number, b: number, length: number): number {
  const size = Math.min(COMPARE_BYTES, length)
  const [one, other] = [new Uint8Array(size), new Uint8Array(size)]
  for (let done = 0; done < length; done += size) {
    const part = Math.min(size, length - done)
    source.read(a + done, one.subarray(0, part))
    source.read(b + done, other.subarray(0, part))
    for (let i = 0; i < part; i++) if (one[i] !== other[i]) return done + i
  }
  return -1
}

function byteAt({ source }: OpenedDump, offset: number): number {
  const byte = new Uint8Array(1)
  source.read(offset, byte)
  return byte[0]!
}
