// Reads every page that the dump holds, 64 KiB at a time: larger reads leave the processor's cache and are slower.
// Proves that the file can be read to its end and counts pages that hold one word throughout: zeros, and what debuggers
// write for memory that they could not read. What a page should hold only the RAM it came from can tell, see `examine`.
import { hex, PAGE_SIZE } from '@dumpstack/bytes'
import type { DumpBody } from '../body.ts'
import type { OpenedDump } from '../open-dump.ts'
import type { Checks } from './checks.ts'

const READ_BYTES = 0x1_0000
const WORDS_PER_PAGE = PAGE_SIZE / 4
/** Debuggers write it over and over for a page that they could not read (wtf issue 195): such a page is lost. */
const UNREADABLE = 0xdead_feed

/** Yields the percentage of the pages read. */
export function* checkAllPages(checks: Checks, dump: OpenedDump, body: DumpBody): Generator<number, void> {
  const first = body.firstPageOffset
  const end = Math.min(first + body.statedPageCount * PAGE_SIZE, dump.byteLength)
  const buffer = new Uint8Array(READ_BYTES)
  const words = new Uint32Array(buffer.buffer)
  let zeroPages = 0
  let unreadablePages = 0
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
    for (let page = Math.floor(wanted / PAGE_SIZE) - 1; page >= 0; page--) {
      const word = words[page * WORDS_PER_PAGE]!
      if ((word !== 0 && word !== UNREADABLE) || !isAll(words, page, word)) continue
      if (word === 0) zeroPages++
      else unreadablePages++
    }
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
  const read = `${pages} pages read up to ${hex(end)}, ${zeroPages} of them all zero`
  if (unreadablePages === 0) checks.pass('all-pages', read)
  else {
    const lost = `${unreadablePages} hold only ${hex(UNREADABLE)}: a debugger could not read them`
    checks.remark('all-pages', `${read}, ${lost}`)
  }
}

function isAll(words: Uint32Array, page: number, expected: number): boolean {
  const end = (page + 1) * WORDS_PER_PAGE
  let word = page * WORDS_PER_PAGE
  while (word < end && words[word] === expected) word++
  return word === end
}
