// Compares every byte that a mini dump keeps with the RAM that it came from: each pool and data block at its address, through
// the page tables of the crash, which are read from the truth and never from the dump. What has to be there, and where secondary
// data came from, the target says (Evidence), as it promises the pages of the other types.
import { type ByteSource, equalBytes, type Gpa, type Gva, gva, hex, PAGE_SIZE, pfn } from '@dumpstack/bytes'
import { type Dump, PageWalker, readSecondaryData, type SecondaryBlob } from '@dumpstack/dumpfile'
import type { Evidence, PromisedBlock } from '@dumpstack/target'
import { FIRST_NAMED } from './compare-truth.ts'
import type { TruthCount } from './test-event.ts'

interface DifferentBlock {
  /** `data block 12`, `call stack`. */
  readonly what: string
  /** The address of the first byte that differs. */
  readonly address: Gva
  readonly fileOffset: number
  readonly found: number
  readonly expected: number
}

export interface PlacedBlock {
  readonly what: string
  readonly fileOffset: number
  /** Null where nothing in the dump says at which address the bytes lay. */
  readonly address: Gva | null
}

export interface BlockComparison {
  readonly count: TruthCount
  /** The first ones of each kind, in the order of the file. */
  readonly different: readonly DifferentBlock[]
  /** Not in the dump, or not whole. */
  readonly missing: readonly PromisedBlock[]
  /** Bytes of the dump that were no memory at the crash. */
  readonly extra: readonly PlacedBlock[]
}

type BlockEvidence = Pick<Evidence, 'truth' | 'directoryTableBase' | 'changedByDumpPath' | 'promisedBlocks'>
type Block = PlacedBlock & { readonly byteLength: number }

/** Throws DumpError where a pool or a blob leaves the file. */
export function compareBlocks(source: ByteSource, dump: Dump, evidence: BlockEvidence): BlockComparison {
  const truth = new TruthSpace(evidence)
  const different: DifferentBlock[] = []
  const extra: PlacedBlock[] = []
  let [equal, changed, differing, invented] = [0, 0, 0, 0]
  const blobs = readSecondaryData(dump)
  const blocks = [...blocksOf(dump), ...blobBlocks(blobs, evidence.promisedBlocks)].sort(
    (a, b) => a.fileOffset - b.fileOffset,
  )
  for (const block of blocks) {
    const found = new Uint8Array(block.byteLength)
    source.read(block.fileOffset, found)
    const verdict = block.address === null ? 'extra' : truth.compare(block, block.address, found)
    if (verdict === 'equal') equal++
    else if (verdict === 'changed') changed++
    else if (verdict === 'extra') {
      invented++
      if (extra.length < FIRST_NAMED) extra.push(block)
    } else {
      differing++
      if (different.length < FIRST_NAMED) different.push(verdict)
    }
  }
  const missing = evidence.promisedBlocks.filter(({ address, byteLength, tag }) => {
    if (tag !== undefined) return firstOf(blobs, tag)?.byteLength !== byteLength
    return dump.virtual().read(address, new Uint8Array(byteLength)) < byteLength
  })
  return {
    count: {
      unit: 'blocks',
      compared: blocks.length - invented,
      equal,
      changedByDumpPath: changed,
      different: differing,
      missing: missing.length,
      extra: invented,
    },
    different,
    missing,
    extra,
  }
}

function blocksOf(dump: Pick<Dump, 'triage'>): Block[] {
  const { triage } = dump
  if (triage === undefined) return []
  const [damage] = triage.damage
  if (damage !== undefined) throw damage
  const pools = [
    ['PRCB', triage.prcb],
    ['process', triage.process],
    ['thread', triage.thread],
    ['call stack', triage.callStack],
    ['debugger data', triage.debuggerData],
    ['data page', triage.dataPage],
    ...triage.blocks.map((block, index) => [`data block ${index}`, block] as const),
  ] as const
  return pools.flatMap(([what, pool]) =>
    pool === null
      ? []
      : [{ what, address: pool.address, fileOffset: pool.offset, byteLength: pool.byteLength }],
  )
}

/** Under one GUID only the first blob can be read: a second blob, and a blob that was not promised, has no address. */
function blobBlocks(blobs: readonly SecondaryBlob[], promised: readonly PromisedBlock[]): Block[] {
  return blobs.map((blob) => {
    const source = promised.find(({ tag }) => tag === blob.tag)
    const address = source !== undefined && firstOf(blobs, blob.tag) === blob ? source.address : null
    return {
      what: `secondary data {${blob.tag}}`,
      address,
      fileOffset: blob.offset,
      byteLength: blob.byteLength,
    }
  })
}

const firstOf = (blobs: readonly SecondaryBlob[], tag: string): SecondaryBlob | undefined =>
  blobs.find((blob) => blob.tag === tag)

/** RAM at the crash by virtual addresses. */
class TruthSpace {
  readonly #evidence: BlockEvidence
  readonly #walker: PageWalker
  readonly #page = new Uint8Array(PAGE_SIZE)

  constructor(evidence: BlockEvidence) {
    this.#evidence = evidence
    this.#walker = new PageWalker(evidence.truth, evidence.directoryTableBase)
  }

  compare(block: Block, start: Gva, found: Uint8Array): 'equal' | 'changed' | 'extra' | DifferentBlock {
    let verdict: 'equal' | 'changed' = 'equal'
    for (let done = 0; done < found.byteLength; ) {
      const address = gva(start + BigInt(done))
      const place = this.#walker.walk(Number(address >> 32n), Number(address & 0xffff_ffffn)) // two halves of 32 bits
      if (place < 0) return 'extra'
      const length = Math.min(PAGE_SIZE - (place % PAGE_SIZE), found.byteLength - done)
      const expected = this.#page.subarray(0, length)
      if (this.#evidence.truth.read(place as Gpa, expected) < length) return 'extra' // a walk gives a physical address
      const at = firstDifference(found.subarray(done, done + length), expected)
      if (at >= 0) {
        if (!this.#evidence.changedByDumpPath.has(pfn(Math.floor(place / PAGE_SIZE)))) {
          return {
            what: block.what,
            address: gva(address + BigInt(at)),
            fileOffset: block.fileOffset + done + at,
            found: found[done + at]!,
            expected: expected[at]!,
          }
        }
        verdict = 'changed'
      }
      done += length
    }
    return verdict
  }
}

/** -1 when equal; both have the same length. */
function firstDifference(found: Uint8Array, expected: Uint8Array): number {
  if (equalBytes(found, expected)) return -1
  let at = 0
  while (found[at] === expected[at]) at++
  return at
}

export const blockText = ({ what, address, fileOffset }: PlacedBlock): string =>
  `${what}${address === null ? '' : ` at ${hex(address)}`} (file offset ${hex(fileOffset)})`
