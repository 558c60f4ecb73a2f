// No page is in the file that the dump type does not promise: a user or free page in a kernel dump leaks.
import { hex } from '@dumpstack/bytes'
import { andMore, counted, type DumpCheck, fail, type PageDump, pass } from './check.ts'

export const unpromisedPages: DumpCheck<PageDump> = {
  id: 'unpromisedPages',
  judge({ comparison, evidence }) {
    const { extra, count } = comparison
    if (count.extra === 0) return pass('no page that the dump type does not promise')
    const named = extra.map(({ pfn, fileOffset }) => `pfn ${hex(pfn)} at file offset ${hex(fileOffset)}`)
    return fail(
      `${counted(count.extra, 'page')} beside the ${evidence.promised.size} promised: ${named.join('; ')}${andMore(count.extra, extra.length)}`,
      extra.map(({ pfn, fileOffset }) => ({ pfn, fileOffset })),
    )
  },
}
