// Writing the dump may change memory, but only the dump path's own: by the machine's write log and owner tags, and for pages
// of all other owners by their bytes, in the dump or not.
import { hex } from '@dumpstack/bytes'
import { firstPages } from '../compare-truth.ts'
import { andMore, counted, type DumpCheck, fail, pass } from './check.ts'

const CHANGED_PAGES_ALLOWED = 256

export const changedByDumpPath: DumpCheck = {
  id: 'changedByDumpPath',
  judge({ evidence }) {
    const { strayWrites } = evidence
    if (strayWrites.size > 0) {
      const first = firstPages(strayWrites)
      return fail(
        `${counted(strayWrites.size, 'page')} that ${strayWrites.size === 1 ? 'is' : 'are'} not of the dump path changed after the crash: ${first.map((page) => `pfn ${hex(page)}`).join(', ')}${andMore(strayWrites.size, first.length)}`,
        first.map((pfn) => ({ pfn })),
      )
    }
    const changed = evidence.changedByDumpPath.size
    if (changed <= CHANGED_PAGES_ALLOWED) {
      return pass(
        `the dump path changed ${counted(changed, 'page')} of its own RAM, at most ${CHANGED_PAGES_ALLOWED} allowed`,
      )
    }
    return fail(`the dump path changed ${changed} pages of RAM, at most ${CHANGED_PAGES_ALLOWED} allowed`, [
      { found: String(changed), expected: `at most ${CHANGED_PAGES_ALLOWED}` },
    ])
  },
}
