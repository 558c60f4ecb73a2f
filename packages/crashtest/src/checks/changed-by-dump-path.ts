// Writing the dump may change memory, but only the dump path's own: counted by the machine's write log after the freeze.
import { counted, type DumpCheck, fail, pass } from './check.ts'

export const CHANGED_PAGES_ALLOWED = 256

export const changedByDumpPath: DumpCheck = {
  id: 'changedByDumpPath',
  judge({ evidence }) {
    const changed = evidence.changedByDumpPath.size
    if (changed <= CHANGED_PAGES_ALLOWED) {
      return pass(
        `the dump path changed ${counted(changed, 'page')} of RAM, at most ${CHANGED_PAGES_ALLOWED} allowed`,
      )
    }
    return fail(`the dump path changed ${changed} pages of RAM, at most ${CHANGED_PAGES_ALLOWED} allowed`, [
      { found: String(changed), expected: `at most ${CHANGED_PAGES_ALLOWED}` },
    ])
  },
}
