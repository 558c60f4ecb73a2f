// Every page that the dump type promises is in the file, down to its last byte.
import { hex } from '@dumpstack/bytes'
import { andMore, counted, type DumpCheck, fail, type PageDump, pass } from './check.ts'

export const promisedPages: DumpCheck<PageDump> = {
  id: 'promisedPages',
  judge({ comparison, evidence }) {
    const { missing, count } = comparison
    const promised = counted(evidence.promised.size, 'promised page')
    if (count.missing === 0) return pass(`${promised}, all in the dump`)
    const named = missing.map(({ pfn, fileOffset }) =>
      fileOffset < 0
        ? `pfn ${hex(pfn)} has no place in the dump`
        : `pfn ${hex(pfn)} belongs at file offset ${hex(fileOffset)}`,
    )
    return fail(
      `${count.missing} of ${promised} missing: ${named.join('; ')}${andMore(count.missing, missing.length)}`,
      missing.map(({ pfn, fileOffset }) => ({ pfn, ...(fileOffset >= 0 && { fileOffset }) })),
    )
  },
}
