// Reads every page that the dump holds, 64 KiB at a time: larger reads leave the processor's cache and are slower.
// Proves that the file can be read to its end and counts pages that are all zero; what a page should hold only the RAM
// it came from can tell, see `dumpstack examine`.
import { hex, PAGE_SIZE } from '@dumpstack/bytes'
import type { DumpBody } from '../body.ts'
import type { OpenedDump } from '../open-dump.ts'
import type { Checks } from './checks.ts'

const READ_BYTES = 0x1_0000
const WORDS_PER_PAGE = PAGE_SIZE / 4

/** Yields the percentage of the pages read. */
export function* checkAllPages(checks: Checks, dump: OpenedDump, body: DumpBody): Generator<number, void> {
  const first = body.firstPageOffset
  const end = Math.min(first + body.statedPageCount * PAGE_SIZE, dump.byteLength)
  const buffer = new Uint8Array(READ_BYTES)
  const words = new Uint32Array(buffer.buffer)
  let zeroPages = 0
  let percent = 0
  let at = first
  while (at < end) {
    const wanted = Math.min(READ_BYTES, end - at)
    const got = dump.source.read(at, wanted === READ_BYTES ? buffer : buffer.subarray(0, wanted))
    if (got < wanted) {
      checks.fail('all-pages', 'the file could not be read to its end', {
        offset: at + got,
        found: at + got,
        expected: end,
      })
      return
    }
    zeroPages += countZeroPages(words, Math.floor(wanted / PAGE_SIZE))
    at += wanted
    const now = Math.floor(((at - first) / (end - first)) * 100)
    if (now > percent) yield now
    percent = now
  }
  const pages = Math.floor(Math.max(0, end - first) / PAGE_SIZE)
  if (pages < body.statedPageCount) {
    checks.fail('all-pages', `only ${pages} of ${body.statedPageCount} pages are in the file`, {
      offset: end,
      found: pages,
      expected: body.statedPageCount,
    })
    return
  }
  checks.pass('all-pages', `${pages} pages read up to ${hex(end)}, ${zeroPages} of them all zero`)
}

function countZeroPages(words: Uint32Array, pageCount: number): number {
  let zero = 0
  for (let page = 0; page < pageCount; page++) {
    const end = (page + 1) * WORDS_PER_PAGE
    let word = page * WORDS_PER_PAGE
    while (word < end && words[word] === 0) word++
    if (word === end) zero++
  }
  return zero
}
