// Checks of header fields that a dump of any type has. Most of them are not needed to open a dump: a field that no reader depends on
// is a remark.
import { hex } from '@dumpstack/bytes'
import {
  CONTEXT_AMD64,
  ContextX64,
  IMAGE_FILE_MACHINE_AMD64,
  MAX_PROCESSORS,
  machineName,
} from '@dumpstack/nt'
import { DumpHeader64, PAGE_FILL_32, PAGE_FILL_64 } from '../layouts.ts'
import type { OpenedDump } from '../open-dump.ts'
import type { Checks } from './checks.ts'
import { isLive } from './memory-places.ts'

export function checkHeader(checks: Checks, dump: OpenedDump): void {
  const { machine } = dump.header
  // A machine of a later Windows is not damage.
  if (machineName(machine) === null) {
    checks.notRead('machine', 'dumps of this machine', { offset: 0x30, found: machine })
  } else checks.pass('machine', `machine is ${machineName(machine)}`)
  checkProcessors(checks, dump)
  if (machine === IMAGE_FILE_MACHINE_AMD64) checkContext(checks, dump)
  checkTimes(checks, dump)
}

/** Every machine has a processor (eight of eight genuine dumps): a count of none leaves a debugger without registers. */
function checkProcessors(checks: Checks, { header: { processorCount } }: OpenedDump): void {
  const id = 'processors'
  const offset = 0x34
  if (processorCount === PAGE_FILL_32) {
    checks.inconclusive(id, 'the number of processors is not set', { offset, found: 'PAGE fill' })
  } else if (processorCount === 0) {
    checks.fail(id, 'the dump says that the machine had no processor', {
      offset,
      found: processorCount,
      expected: 'at least 0x1',
    })
  } else if (processorCount > MAX_PROCESSORS) {
    checks.notRead(id, `more than ${MAX_PROCESSORS} processors`, { offset, found: processorCount })
  } else checks.pass(id, `${processorCount} processor${processorCount === 1 ? '' : 's'}`)
}

/**
 * ContextFlags are documented in winnt.h: without CONTEXT_AMD64 the registers are another machine's. Where it holds none
 * (PAGE fill of converters, zeros), nothing can be said; a live dump needs none. Rip and Rsp are what the bugcheck left: a driver
 * that calls address 0 dies with Rip 0. MxCsr of the floating point area is not compared: it is 0 or stale in all of the
 * genuine dumps of build 9600 but one.
 */
function checkContext(checks: Checks, dump: OpenedDump): void {
  const id = 'context'
  const at = DumpHeader64.fields.contextRecord.offset
  const flagsAt = at + ContextX64.fields.contextFlags.offset
  const bytes = DumpHeader64.of(dump.headerBytes).contextRecord.subarray(0, ContextX64.size)
  const context = ContextX64.of(bytes)
  if (context.contextFlags === PAGE_FILL_32) {
    checks.inconclusive(id, 'the context record is not set', { offset: flagsAt, found: 'PAGE fill' })
  } else if (bytes.every((byte) => byte === 0)) {
    // A live dump has no registers of a crash.
    const say = isLive(dump) ? checks.remark.bind(checks) : checks.inconclusive.bind(checks)
    say(id, 'the context record is not set', { offset: flagsAt, found: 'zeros' })
  } else if ((context.contextFlags & CONTEXT_AMD64) === 0) {
    checks.fail(id, 'context flags are not those of x64', {
      offset: flagsAt,
      found: context.contextFlags,
      expected: `${hex(CONTEXT_AMD64)} set`,
    })
  } else if (!isCanonical(context.rip) || context.rip === 0n) {
    checks.remark(id, 'Rip is no address', { offset: at + 0xf8, found: context.rip })
  } else if (!isCanonical(context.rsp) || context.rsp === 0n) {
    checks.remark(id, 'Rsp is no address', { offset: at + 0x98, found: context.rsp })
  } else checks.pass(id, `Rip ${hex(context.rip)}, Rsp ${hex(context.rsp)}`)
}

/** Intel SDM volume 1, 3.3.7.1: with five levels of page tables addresses have 57 bits. */
const isCanonical = (address: bigint): boolean => BigInt.asUintN(64, BigInt.asIntN(57, address)) === address

/** Only shown, by any reader. */
function checkTimes(checks: Checks, dump: OpenedDump): void {
  const { systemTime, systemUpTime } = DumpHeader64.of(dump.headerBytes)
  if (systemTime === PAGE_FILL_64 || systemUpTime === PAGE_FILL_64) {
    checks.remark('times', 'system time or up time is not set', { offset: 0xfa8, found: 'PAGE fill' })
  } else if (systemUpTime > systemTime) {
    checks.remark('times', 'the system has been up for longer than since 1601', {
      offset: 0x1030,
      found: systemUpTime,
      expected: `at most ${hex(systemTime)}`,
    })
  } else checks.pass('times', `system time ${hex(systemTime)}, up for ${systemUpTime / 10_000_000n} s`)
}
