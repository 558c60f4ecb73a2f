import type { ByteSource } from '@dumpstack/bytes'
import type { Dump } from './dump.ts'
import { DumpError } from './dump-error.ts'

/** Throws DumpError for everything that is not a readable kernel crash dump. */
export function openDump(_source: ByteSource): Dump {
  throw new DumpError('DUMP_NOT_IMPLEMENTED', 'openDump is not built yet')
}
