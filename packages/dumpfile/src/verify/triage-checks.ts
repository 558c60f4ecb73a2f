// Checks of a minidump (type 4): what its header and driver list say; the pools have a file of their own.
import { hex } from '@dumpstack/bytes'
import { KDBG_TAG } from '@dumpstack/nt'
import { SIGNATURE_TRIAGE } from '../layouts.ts'
import type { Modules } from '../module-list.ts'
import type { OpenedDump } from '../open-dump.ts'
import { readTriageHeader, readTriageModules } from '../triage/triage-modules.ts'
import type { Checks } from './checks.ts'
import { ENCODED_KDBG, MIN_KDBG_BYTES, readBlock } from './debugger-block.ts'
import { checkHeader } from './header-checks.ts'
import { isLive } from './memory-places.ts'
import { checkMinidumpLength, checkSecondaryData } from './secondary-checks.ts'
import { checkPools } from './triage-pool-checks.ts'

export function checkTriage(checks: Checks, dump: OpenedDump): Modules {
  checkSize(checks, dump)
  checkSignature(checks, dump)
  checkHeader(checks, dump)
  const modules = checkModules(checks, dump)
  checkPools(checks, dump, modules.loaded.length === readTriageHeader(dump).driverCount)
  const secondary = checkSecondaryData(checks, dump, readTriageHeader(dump).sizeOfDump)
  checkMinidumpLength(checks, dump, secondary)
  checkKdbg(checks, dump, modules)
  return modules
}

/** SizeOfDump counts the bytes up to the closing signature (eight of eight genuine minidumps). */
function checkSize(checks: Checks, dump: OpenedDump): void {
  const { sizeOfDump } = readTriageHeader(dump)
  if (dump.byteLength < sizeOfDump) {
    checks.fail('file-size', 'the file is shorter than its size field says', {
      offset: 0x2004,
      found: dump.byteLength,
      expected: sizeOfDump,
    })
    return
  }
  checks.pass('file-size', `${hex(dump.byteLength)} bytes, ${hex(sizeOfDump)} of them without secondary data`)
}

/** `TRGD` at ValidOffset is written last: without it the writer did not finish (eight of eight genuine minidumps). */
function checkSignature(checks: Checks, dump: OpenedDump): void {
  const { validOffset } = readTriageHeader(dump)
  const signature = new Uint8Array(4)
  const got = dump.source.read(validOffset, signature)
  const found = new DataView(signature.buffer).getUint32(0, true)
  if (got < 4 || found !== SIGNATURE_TRIAGE) {
    checks.fail('triage-signature', 'the closing signature is not there', {
      offset: validOffset,
      found: got < 4 ? `${got} bytes` : found,
      expected: SIGNATURE_TRIAGE,
    })
  } else checks.pass('triage-signature', `closing signature at ${hex(validOffset)}`)
}

/** Both lists lie in the file, and the first driver is the kernel (eight of eight genuine minidumps). */
function checkModules(checks: Checks, dump: OpenedDump): Modules {
  const { modules, damage } = readTriageModules(dump)
  if (damage !== null) checks.refuse('module-list', damage)
  else if (modules.loaded.length === 0) {
    checks.fail('module-list', 'the driver list is empty', { offset: 0x2034, found: 0 })
  } else checks.pass('module-list', `${modules.loaded.length} modules in the driver list`)
  return modules
}

/**
 * KDDEBUGGER_DATA64 is documented in wdbgexts.h, its size in the block itself. That it names the module list of the header
 * and the base of the first driver is true of eight of eight genuine minidumps; a reader that finds another kernel in it
 * reads everything at a wrong place. Not every minidump has it (MiniDumpFields).
 */
function checkKdbg(checks: Checks, dump: OpenedDump, { loaded }: Modules): void {
  const { debuggerDataOffset, debuggerDataSize } = readTriageHeader(dump)
  if (debuggerDataOffset === 0 || debuggerDataSize === 0) {
    checks.remark('kdbg', 'the dump has no debugger data', { offset: 0x2070 })
    return
  }
  if (debuggerDataSize < MIN_KDBG_BYTES) {
    checks.notRead('kdbg', 'debugger data of this size', {
      offset: 0x2074,
      found: debuggerDataSize,
      expected: `at least ${hex(MIN_KDBG_BYTES)}`,
    })
    return
  }
  const { kdbg, ownerTag, size } = readBlock((into) =>
    dump.source.read(debuggerDataOffset, into.subarray(0, debuggerDataSize)),
  )
  const nt = loaded[0]
  const { psLoadedModuleList } = dump.header
  if (ownerTag !== KDBG_TAG && isLive(dump)) {
    checks.notRead('kdbg', ENCODED_KDBG, {
      offset: debuggerDataOffset + 0x10,
      found: ownerTag,
      expected: KDBG_TAG,
    })
  } else if (ownerTag !== KDBG_TAG) {
    checks.fail('kdbg', 'the debugger data has no tag', {
      offset: debuggerDataOffset + 0x10,
      found: ownerTag,
      expected: KDBG_TAG,
    })
  } else if (kdbg === null) {
    checks.notRead('kdbg', 'debugger data of the size that the block gives itself', {
      offset: debuggerDataOffset + 0x14,
      found: size,
      expected: `${hex(MIN_KDBG_BYTES)} to ${hex(debuggerDataSize)}`,
    })
  } else if (kdbg.psLoadedModuleList !== psLoadedModuleList) {
    checks.fail('kdbg', 'PsLoadedModuleList of the debugger data differs from the header', {
      offset: debuggerDataOffset + 0x48,
      found: kdbg.psLoadedModuleList,
      expected: psLoadedModuleList,
    })
  } else if (nt !== undefined && kdbg.kernBase !== nt.base) {
    checks.fail('kdbg', 'KernBase of the debugger data differs from the first driver', {
      offset: debuggerDataOffset + 0x18,
      found: kdbg.kernBase,
      expected: nt.base,
    })
  } else
    checks.pass(
      'kdbg',
      `KDDEBUGGER_DATA64 of ${hex(kdbg.size)} bytes agrees with header and driver list, KernBase ${hex(kdbg.kernBase)}`,
    )
}
