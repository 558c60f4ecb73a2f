// A dump that is examined again is still the file that the run left: its length, its header and bitmap (all of it where it
// has no pages), and the dump's copies of the pages that the dump path changed, which RAM at the crash cannot judge.
import { type ByteSource, equalBytes, hex, PAGE_SIZE } from '@dumpstack/bytes'
import { FIRST_NAMED, placeOf } from '../compare-truth.ts'
import type { KeptFile } from '../truth-file.ts'
import { andMore, type DumpCheck, fail, type Place, pass } from './check.ts'

export const asKept: DumpCheck = {
  id: 'asKept',
  judge({ source, kept, dump, evidence }) {
    if (kept === null) return pass('examined by the run itself')
    const { places, named } = frontDifferences(source, kept)
    let total = places.length
    const page = new Uint8Array(PAGE_SIZE)
    for (const { basePage } of evidence.changedByDumpPath.runs(1)) {
      const expected = kept.changedPage(basePage)
      if (expected === null) continue
      const offset = dump.pageOffset(basePage)
      const obtained = offset < 0 ? 0 : source.read(offset, page)
      const at = firstDifference(page.subarray(0, obtained), expected)
      if (at < 0) continue
      total++
      if (places.length >= FIRST_NAMED) continue
      const fileOffset = placeOf(dump, basePage) + at
      places.push({ pfn: basePage, fileOffset })
      named.push(`pfn ${hex(basePage)} at file offset ${hex(fileOffset)}, a page that the dump path changed`)
    }
    if (total === 0) return pass('the file is as the run left it')
    return fail(
      `the file is not as the run left it: ${named.join('; ')}${andMore(total, named.length)}`,
      places,
    )
  },
}

/** Length, header and bitmap: judged also where they can no longer be read as a dump. */
export function frontDifferences(source: ByteSource, kept: KeptFile): { places: Place[]; named: string[] } {
  const places: Place[] = []
  const named: string[] = []
  if (source.byteLength !== kept.byteLength) {
    named.push(`the file is ${source.byteLength} bytes long, expected ${kept.byteLength}`)
    places.push({
      fileOffset: Math.min(source.byteLength, kept.byteLength),
      found: String(source.byteLength),
      expected: String(kept.byteLength),
    })
  }
  const front = new Uint8Array(kept.front.byteLength)
  const obtained = source.read(0, front)
  const byte = firstDifference(front.subarray(0, obtained), kept.front)
  if (byte >= 0 && byte < obtained) {
    const place = { fileOffset: byte, found: hex(front[byte]!), expected: hex(kept.front[byte]!) }
    places.push(place)
    named.push(
      `${kept.front.byteLength < kept.byteLength ? 'header or bitmap ' : ''}byte at file offset ${hex(byte)}: found ${place.found}, expected ${place.expected}`,
    )
  }
  return { places, named }
}

/** -1 when equal; a shorter `found` differs at its end. */
function firstDifference(found: Uint8Array, expected: Uint8Array): number {
  if (equalBytes(found, expected)) return -1
  let at = 0
  while (at < found.byteLength && found[at] === expected[at]) at++
  return at
}
