// Every promised page holds what RAM held at the instant of the crash.
import { differencePlace, differenceText } from '../compare-pages.ts'
import { andMore, counted, type DumpCheck, fail, type PageDump, pass } from './check.ts'

export const truth: DumpCheck<PageDump> = {
  id: 'truth',
  judge({ comparison }) {
    const { different, count } = comparison
    if (count.different === 0) {
      const changed =
        count.changedByDumpPath === 0 ? '' : `, ${count.changedByDumpPath} changed by the dump path itself`
      return pass(
        `${counted(count.compared, 'page')} compared with RAM at the crash: ${count.equal} equal${changed}`,
      )
    }
    const named = different.map(differenceText)
    return fail(
      `${counted(count.different, 'page')} of ${count.compared} compared ${count.different === 1 ? 'differs' : 'differ'} from RAM at the crash: ${named.join('; ')}${andMore(count.different, different.length)}`,
      different.map(differencePlace),
    )
  },
}
