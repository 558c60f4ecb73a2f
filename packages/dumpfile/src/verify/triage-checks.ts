// Checks of a minidump (type 4): what its header and driver list say; the pools have a file of their own.
import { hex } from '@dumpstack/bytes'
import { KDBG_TAG, KddebuggerData64 } from '@dumpstack/nt'
import { SIGNATURE_TRIAGE } from '../layouts.ts'
import type { Modules } from '../modules.ts'
import type { OpenedDump } from '../open-dump.ts'
import { readTriageHeader, readTriageModules } from '../triage/triage-modules.ts'
import type { Checks } from './checks.ts'
import { checkHeader } from './file-checks.ts'
import { checkPools } from './triage-pool-checks.ts'

export function checkTriage(checks: Checks, dump: OpenedDump): Modules {
  const triage = readTriageHeader(dump)
  if (dump.byteLength < triage.sizeOfDump) {
    checks.fail('file-size', 'the file is shorter than its size field says', {
      offset: 0x2004,
      found: dump.byteLength,
      expected: triage.sizeOfDump,
    })
  } else
    checks.pass(
      'file-size',
      `${hex(dump.byteLength)} bytes, ${hex(triage.sizeOfDump)} of them without secondary data`,
    )
  const signature = new Uint8Array(4)
  const got = dump.source.read(triage.validOffset, signature)
  const found = new DataView(signature.buffer).getUint32(0, true)
  if (got < 4 || found !== SIGNATURE_TRIAGE) {
    checks.fail('triage-signature', 'the closing signature is not there', {
      offset: triage.validOffset,
      found: got < 4 ? `${got} bytes` : found,
      expected: SIGNATURE_TRIAGE,
    })
  } else checks.pass('triage-signature', `closing signature at ${hex(triage.validOffset)}`)
  checkHeader(checks, dump)

  const { modules, damage } = readTriageModules(dump)
  if (damage !== null) {
    const offset = damage.fields['offset']
    checks.fail('module-list', damage.message, typeof offset === 'number' ? { offset } : {})
  } else if (modules.loaded.length === 0) {
    checks.fail('module-list', 'the driver list is empty', { offset: 0x2034, found: 0 })
  } else checks.pass('module-list', `${modules.loaded.length} modules in the driver list`)
  checkPools(checks, dump)
  checkKdbg(checks, dump, modules)
  return modules
}

function checkKdbg(checks: Checks, dump: OpenedDump, { loaded }: Modules): void {
  const { debuggerDataOffset, debuggerDataSize } = readTriageHeader(dump)
  if (debuggerDataOffset === 0 || debuggerDataSize < KddebuggerData64.size) {
    checks.inconclusive('kdbg', 'the dump has no debugger data of a known size', {
      offset: 0x2074,
      found: debuggerDataSize,
      expected: KddebuggerData64.size,
    })
    return
  }
  const bytes = new Uint8Array(KddebuggerData64.size)
  const got = dump.source.read(debuggerDataOffset, bytes)
  const kdbg = KddebuggerData64.of(bytes)
  const nt = loaded[0]
  const { psLoadedModuleList } = dump.header
  if (got < bytes.byteLength || kdbg.ownerTag !== KDBG_TAG) {
    checks.fail('kdbg', 'the debugger data has no tag', {
      offset: debuggerDataOffset + 0x10,
      found: kdbg.ownerTag,
      expected: KDBG_TAG,
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
      `KDDEBUGGER_DATA64 agrees with header and driver list, KernBase ${hex(kdbg.kernBase)}`,
    )
}
