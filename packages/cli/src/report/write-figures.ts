// The writes of a dump: over the time of the machine, and on the disk.
import { hex } from '@dumpstack/bytes'
import { grouped } from '@dumpstack/crashtest'
import { srbStatusText } from '@dumpstack/nt'
import { drawn, type Html, html, NOTHING } from '../page/html.ts'
import { folded, MAX_ROWS, table, terms } from '../page/page.ts'
import { bytesText, milliseconds } from '../page/words.ts'
import { TIME_PARTS, type WriteFacts } from './write-facts.ts'

const HEIGHT = 100
const STRIP_PARTS = 480

export function writeTimeline(writes: WriteFacts): Html {
  const { bytesByTime, byteLength, firstNs, lastNs, count } = writes
  const spanNs = lastNs - firstNs
  const most = Math.max(1, ...bytesByTime)
  let [bars, sum, total] = ['', `M0 ${HEIGHT}`, 0]
  for (const [index, bytes] of bytesByTime.entries()) {
    const height = rounded((bytes * HEIGHT) / most)
    if (height > 0) bars += `M${index} ${HEIGHT}v-${height}h1v${height}z`
    total += bytes
    sum += `L${index + 1} ${rounded(HEIGHT - (total * HEIGHT) / Math.max(1, byteLength))}`
  }
  const stops = writes.bad.map(({ atNs }) => {
    const x = spanNs === 0 ? 0 : rounded(((atNs - firstNs) * TIME_PARTS) / spanNs)
    return drawn('stop', `M${x} 0V${HEIGHT}`)
  })
  const rate =
    spanNs === 0 ? '' : `, ${grouped(Math.round((byteLength / 1e6 / spanNs) * 1e9))} MB/s of machine time`
  const text = `${grouped(count)} writes of ${bytesText(byteLength)} in ${milliseconds(spanNs)}${rate}`
  return html`<figure>
<svg class="chart" viewBox="0 0 ${TIME_PARTS} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="Timeline: ${text}">${drawn('bars', bars)}${drawn('sum', sum)}${stops}</svg>
<div class="ends"><span>first write ended at ${milliseconds(firstNs)}</span><span>last at ${milliseconds(lastNs)}</span></div>
<figcaption>Bars: bytes written in each ${milliseconds(spanNs / TIME_PARTS)}, the highest ${bytesText(most)}. Line: the part of the dump that was written by then.${writes.bad.length > 0 ? ' Dashed: a write that failed.' : ''} Times are those of the machine since it was switched on.</figcaption>
</figure>
${terms([
  ['Writes', text],
  [
    'Longest pause',
    count === 1
      ? null
      : `${milliseconds(writes.longestPauseNs)}, before write ${grouped(writes.longestPauseBefore + 1)}`,
  ],
  ['Writes that failed', grouped(writes.badCount)],
])}${badTable(writes)}`
}

const badTable = ({ bad, badCount }: WriteFacts): Html =>
  badCount === 0
    ? NOTHING
    : table(
        'Writes that did not end with SRB_STATUS_SUCCESS',
        ['Write', 'Machine time', 'Disk offset', 'Status'],
        bad.map(({ index, atNs, start, srbStatus }) => [
          index + 1,
          milliseconds(atNs),
          html`<code>${hex(start)}</code>`,
          srbStatusText(srbStatus),
        ]),
        badCount,
      )

export function diskExtents({ extents }: WriteFacts): Html {
  const from = extents.reduce((low, { start }) => Math.min(low, start), Number.POSITIVE_INFINITY)
  const to = extents.reduce((high, { end }) => Math.max(high, end), 0)
  const covered = new Uint8Array(STRIP_PARTS)
  const partOf = (offset: number): number => ((offset - from) * STRIP_PARTS) / Math.max(1, to - from)
  for (const { start, end } of extents)
    covered.fill(
      1,
      Math.floor(partOf(start)),
      Math.max(Math.floor(partOf(start)) + 1, Math.ceil(partOf(end))),
    )
  let bars = ''
  for (let at = covered.indexOf(1), next: number; at >= 0; at = covered.indexOf(1, next)) {
    for (next = at; covered[next] === 1; next++);
    bars += `M${at} 0h${next - at}v1h-${next - at}z`
  }
  const text =
    extents.length === 1
      ? 'The dump lies in one piece on the disk'
      : `The dump lies in ${grouped(extents.length)} pieces on the disk`
  const rows = extents
    .slice(0, MAX_ROWS)
    .map(({ start, end, firstWrite }) => [
      html`<code>${hex(start)}</code>`,
      html`<code>${hex(end)}</code>`,
      bytesText(end - start),
      firstWrite + 1,
    ])
  const pieces = table(
    'Extents of the page file that the dump was written to, in the order of the writes',
    ['Disk offset', 'End', 'Length', 'First write'],
    rows,
    extents.length,
  )
  return html`<figure>
<svg class="strip" viewBox="0 0 ${STRIP_PARTS} 1" preserveAspectRatio="none" role="img" aria-label="${text}">${drawn('bars', bars)}</svg>
<div class="ends"><span>disk offset <code>${hex(from)}</code></span><span><code>${hex(to)}</code></span></div>
<figcaption>${text}: ${bytesText(extents.reduce((sum, { start, end }) => sum + end - start, 0))} of the page file between these two places.</figcaption>
</figure>
${extents.length > FEW ? folded(`Extents (${grouped(extents.length)})`, pieces) : pieces}`
}

const FEW = 8

const rounded = (value: number): number => Math.round(value * 10) / 10
