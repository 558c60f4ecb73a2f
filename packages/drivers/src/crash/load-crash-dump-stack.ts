// Loads the crash dump stack of a profile over a running storage stack.
import type { CrashDumpStack, CrashDumpStackOptions } from '../dump-stack.ts'
import { DriversError } from '../errors.ts'

export function loadCrashDumpStack(_options: CrashDumpStackOptions): CrashDumpStack {
  throw new DriversError('NOT_IMPLEMENTED', 'loadCrashDumpStack is not built yet')
}
