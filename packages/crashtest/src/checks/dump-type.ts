// DUMP_HEADER64.DumpType is what CrashControl was set to.
import { type DumpCheck, fail, pass } from './check.ts'

export const dumpType: DumpCheck = {
  id: 'dumpType',
  judge({ dump, evidence }) {
    const found = dump.header.dumpType
    if (found === evidence.dumpType) return pass(`dump type ${found} as configured`)
    return fail(`dump type is ${found}, expected ${evidence.dumpType}`, [
      { found: String(found), expected: String(evidence.dumpType) },
    ])
  },
}
