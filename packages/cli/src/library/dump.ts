// `dumpstack/dump`: kernel crash dumps of Windows, as files and as the memory that they hold.
import type { ByteSource } from '@dumpstack/bytes'
import { type VerifyReport, verifyDump } from '@dumpstack/dumpfile'

export type { ByteSource, Gpa, Gva, Pfn, PhysicalSpace } from '@dumpstack/bytes'
export { gpa, gva, pfn } from '@dumpstack/bytes'
export { FileSource } from '@dumpstack/bytes/node'
export type { Dump, DumpCheck, LoadedModule, Modules, VerifyReport, VirtualSpace } from '@dumpstack/dumpfile'
export { DumpError, openDump, readModules } from '@dumpstack/dumpfile'

/** Whether a dump is whole by its own fields; `allPages` reads every page too. Throws DumpError for a file that is no kernel crash dump. */
export function verify(source: ByteSource, { allPages = false } = {}): VerifyReport {
  const work = verifyDump(source, { allPages })
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
  }
}
