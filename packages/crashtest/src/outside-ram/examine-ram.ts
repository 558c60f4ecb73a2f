// The part of an examination that needs RAM from outside: whether it is that of the crash, then every page of the dump against it.
import type { ByteSource, PhysicalSpace } from '@dumpstack/bytes'
import type { Dump } from '@dumpstack/dumpfile'
import { HeaderDumpType } from '@dumpstack/nt'
import { bugcheckText, pass } from '../checks/check.ts'
import type { NamedJudgement } from '../debug-dump.ts'
import { info, type Message } from '../messages.ts'
import type { PageDifference, TruthCount } from '../test-event.ts'
import { compareRam, type OwnedPage } from './compare-ram.ts'
import { changedText, judgeRam } from './judge-ram.ts'
import { kernelInRam, physicalMemory } from './kernel-in-ram.ts'

export interface RamExamination {
  readonly judged: readonly NamedJudgement[]
  /** Null where the RAM is not that of the crash, or the dump has no pages. */
  readonly truth: TruthCount | null
  readonly differences: readonly PageDifference[]
  readonly messages: readonly Message[]
}

const MAX_DIFFERENCES = 1024

/** `ram`: one file, or two of different times. Yields a percentage. */
export function* examineRam(
  source: ByteSource,
  dump: Dump,
  [ram, second]: readonly [PhysicalSpace, PhysicalSpace?],
): Generator<number, RamExamination> {
  const unjudged = (message: string): RamExamination => ({
    judged: [['ram', { verdict: 'inconclusive', message }]],
    truth: null,
    differences: [],
    messages: [],
  })
  const { header } = dump
  if (dump.pages === null) return unjudged('no page is compared with the RAM: a mini dump holds none')
  const kernel = kernelInRam(header, second === undefined ? [ram] : [ram, second])
  if (typeof kernel === 'string') return unjudged(`no page is compared with the RAM: ${kernel}`)
  const isFull = header.dumpType === HeaderDumpType.full || header.dumpType === HeaderDumpType.bitmapFull
  const expected = isFull ? physicalMemory(kernel) : null
  const comparison = yield* compareRam(source, dump, { ram, second: second ?? null, kernel }, expected)
  const { changed, different, count } = comparison
  const bugcheck = { code: header.bugcheckCode, parameters: header.bugcheckParameters }
  return {
    judged: [
      ['ram', pass(`the RAM is that of this crash: bugcheck ${bugcheckText(bugcheck)} in nt!KiBugCheckData`)],
      ...judgeRam(dump, isFull, comparison),
    ],
    truth: count,
    differences: [...changed.map(differenceOf(true)), ...different.map(differenceOf(false))]
      .sort((a, b) => a.pfn - b.pfn)
      .slice(0, MAX_DIFFERENCES),
    messages: changed.length === 0 ? [] : [info(`${changedText(changed)}.`)],
  }
}

const differenceOf =
  (isExpected: boolean) =>
  ({ pfn, fileOffset, owner }: OwnedPage): PageDifference => ({
    pfn,
    fileOffset,
    owner: owner.kind,
    what: owner.what,
    isExpected,
  })
