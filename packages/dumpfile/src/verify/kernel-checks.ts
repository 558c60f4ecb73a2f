// Checks of what the debugger data leads to: physical memory descriptor, bugcheck data, processors.
import { gva, hex, pagesInRuns } from '@dumpstack/bytes'
import {
  type KddebuggerData64,
  MAX_PROCESSORS,
  PhysicalMemoryDescriptor64,
  PhysicalMemoryRun64,
  prcbNumber,
} from '@dumpstack/nt'
import { DumpError } from '../dump-error.ts'
import { readU64 } from '../modules.ts'
import type { OpenedDump } from '../open-dump.ts'
import { readHeaderRuns } from '../run-body.ts'
import type { VirtualSpace } from '../virtual-space.ts'
import type { Checks } from './checks.ts'
import { fileOffset, isLive } from './memory-places.ts'

const RUNS_PER_READ = 256

/**
 * nt!MmPhysicalMemoryBlock, a pointer to PHYSICAL_MEMORY_DESCRIPTOR: its number of pages is the sum of its runs, or it is not
 * the kernel's. Firmware maps of thousands of runs exist, and the header need not agree with it: memory can be added to a
 * running system, and tools state what they dump.
 */
export function checkPhysicalMemoryBlock(
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
  if (numberOfRuns === 0) {
    checks.fail(id, 'nt!MmPhysicalMemoryBlock has no runs', { offset: at, found: numberOfRuns })
    return
  }
  const total = pagesOfRuns(dump, space, pointer + 0x10n, numberOfRuns)
  if (total === null) {
    checks.inconclusive(id, 'the runs of nt!MmPhysicalMemoryBlock cannot be read', {
      offset: at,
      found: numberOfRuns,
    })
    return
  }
  if (total !== numberOfPages) {
    checks.fail(id, 'pages of nt!MmPhysicalMemoryBlock are not the sum of its runs', {
      offset: at + 8,
      found: numberOfPages,
      expected: total,
    })
    return
  }
  const stated = headerPageCount(dump)
  if (stated !== null && BigInt(stated) !== numberOfPages) {
    checks.remark(id, 'number of pages, by nt!MmPhysicalMemoryBlock, differs', {
      offset: 0x90,
      found: stated,
      expected: numberOfPages,
    })
    return
  }
  checks.pass(id, `nt!MmPhysicalMemoryBlock has ${numberOfRuns} runs, ${numberOfPages} pages`)
}

/** Null where they cannot be read, or are more than the file has room for. */
function pagesOfRuns(dump: OpenedDump, space: VirtualSpace, start: bigint, count: number): bigint | null {
  if (count * PhysicalMemoryRun64.size > dump.byteLength) return null
  const buffer = new Uint8Array(RUNS_PER_READ * PhysicalMemoryRun64.size)
  let total = 0n
  for (let run = 0; run < count; run += RUNS_PER_READ) {
    const part = buffer.subarray(0, Math.min(RUNS_PER_READ, count - run) * PhysicalMemoryRun64.size)
    if (space.read(gva(start + BigInt(run * PhysicalMemoryRun64.size)), part) < part.byteLength) return null
    for (let at = 0; at < part.byteLength; at += PhysicalMemoryRun64.size) {
      total += PhysicalMemoryRun64.of(part, at).pageCount
    }
  }
  return total
}

function headerPageCount(dump: OpenedDump): number | null {
  try {
    const runs = readHeaderRuns(dump.headerBytes)
    return runs && pagesInRuns(runs)
  } catch (error) {
    if (error instanceof DumpError) return null // the check of the runs has said so
    throw error
  }
}

/** Bit 28: a minor variant of the code, which not every place that holds the code has. */
const MINOR_VARIANT = 0x1000_0000n

/**
 * KeBugCheckEx stores code and parameters in nt!KiBugCheckData (public symbol) before the dump is written: another code is
 * another crash. A system that did not crash has zeros there, whatever its dump's header says, and a header without a
 * code makes no claim.
 */
export function checkBugcheckData(
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
  if (isLive(dump)) {
    const isZero = bytes.every((byte) => byte === 0)
    if (isZero) checks.pass(id, 'nt!KiBugCheckData is zero, as in a system that did not crash')
    else {
      checks.remark(id, 'nt!KiBugCheckData has a bugcheck, the header has that of a live system', {
        offset: fileOffset(dump, space, gva(kdbg.kiBugcheckData)),
        found: new DataView(bytes.buffer).getBigUint64(0, true),
        expected: bugcheckCode,
      })
    }
    return
  }
  const view = new DataView(bytes.buffer)
  const expected = [BigInt(bugcheckCode), ...bugcheckParameters]
  for (let i = 0; i < expected.length; i++) {
    const found = view.getBigUint64(i * 8, true)
    if (found === expected[i] || (i === 0 && (found | MINOR_VARIANT) === (expected[0]! | MINOR_VARIANT)))
      continue
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

/** nt!KiProcessorBlock and KPRCB.Number (wdbgexts.h): without them a debugger has no registers of a processor. */
export function checkProcessorBlock(
  checks: Checks,
  dump: OpenedDump,
  space: VirtualSpace,
  kdbg: KddebuggerData64,
): void {
  const id = 'processor-block'
  const count = dump.header.processorCount
  if (count > MAX_PROCESSORS) return // the check of the processors has said so
  if (kdbg.offsetPrcbNumber === 0) {
    checks.notRead(
      id,
      `debugger data of ${hex(kdbg.size)} bytes, which does not say where a KPRCB has its number`,
    )
    return
  }
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
    const found = prcbNumber(new DataView(number.buffer), kdbg)
    if (found === i) continue
    checks.fail(id, `KPRCB ${i} has another number`, {
      offset: fileOffset(dump, space, at),
      found,
      expected: i,
    })
    return
  }
  checks.pass(id, `${count} processor${count === 1 ? '' : 's'} found through nt!KiProcessorBlock`)
}
