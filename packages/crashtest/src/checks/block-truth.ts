// Every byte that a mini dump keeps is what RAM held at its address at the instant of the crash, and all of it was memory.
import { hex } from '@dumpstack/bytes'
import { blockText } from '../compare-blocks.ts'
import { andMore, type BlockDump, counted, type DumpCheck, fail, pass } from './check.ts'

export const blockTruth: DumpCheck<BlockDump> = {
  id: 'truth',
  judge({ comparison }) {
    const { different, extra, count } = comparison
    if (count.different === 0 && count.extra === 0) {
      const changed =
        count.changedByDumpPath === 0 ? '' : `, ${count.changedByDumpPath} changed by the dump path itself`
      return pass(
        `${counted(count.compared, 'block')} compared with RAM at the crash: ${count.equal} equal${changed}`,
      )
    }
    const named = [
      ...different.map(
        (block) =>
          `${block.what} at ${hex(block.address)} (file offset ${hex(block.fileOffset)}: found ${hex(block.found)}, expected ${hex(block.expected)})`,
      ),
      ...extra.map(
        (block) => `${blockText(block)} ${block.address === null ? 'has no address' : 'was no memory'}`,
      ),
    ]
    const wrong = count.different + count.extra
    return fail(
      `${counted(wrong, 'block')} of ${count.compared + count.extra} ${wrong === 1 ? 'differs' : 'differ'} from RAM at the crash: ${named.join('; ')}${andMore(wrong, named.length)}`,
      [
        ...different.map(({ fileOffset, found, expected }) => ({
          fileOffset,
          found: hex(found),
          expected: hex(expected),
        })),
        ...extra.map(({ fileOffset }) => ({ fileOffset })),
      ],
    )
  },
}
