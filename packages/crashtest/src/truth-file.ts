// The truth of a finished run, so that a dump can be examined again without the machine that made it: truth.json holds
// the facts, truth.bin three parts end to end:
//   1. RAM at the crash (written there and then), the pages that ever were written, ascending PFN (all others are the published fill);
//   2. what the dump file holds in front of its first page (header and bitmap), as the run left it;
//   3. the dump's own copies of the pages that the dump path changed: no truth can judge these.
import {
  type ByteSource,
  bigintAsHex,
  endOfRuns,
  gpa,
  gva,
  hex,
  PAGE_SIZE,
  type PageRun,
  PageSet,
  type Pfn,
  pfn,
  pfnToGpa,
  printableJson,
} from '@dumpstack/bytes'
import {
  bugcheck,
  DUMP_TYPES,
  type Evidence,
  Facts,
  type ImageIdentity,
  type KeptCrash,
  KeptRunError,
  type PromisedBlock,
  systemEvents,
} from '@dumpstack/target'
import type { DumpPages } from './compare-pages.ts'
import { KeptSpace } from './kept-space.ts'
import { crashReport, type ReportedCrash, writtenRanges } from './test-event.ts'

/** The dump file as the run left it, where the truth itself cannot tell. */
export interface KeptFile {
  readonly byteLength: number
  /** Header and bitmap; the whole file where it has no pages. */
  readonly front: Uint8Array
  /** The dump's copy of a page that the dump path changed; null for any other. */
  changedPage(page: Pfn): Uint8Array | null
}

/** What the test knows of a crash, for the process that judges its dump. */
export interface RecordedCrash extends KeptCrash {
  readonly crash: ReportedCrash
}

export interface KeptDump extends RecordedCrash {
  /** The path that Windows showed. */
  readonly path: string
  readonly modifiedAt: number
  /** Null where the run found no dump. */
  readonly file: KeptFile | null
}

export interface DumpToKeep extends RecordedCrash {
  readonly path: string
  readonly modifiedAt: number
  readonly file: { readonly source: ByteSource; readonly dump: DumpPages } | null
}

/** 3: promisedBlocks. 4: systemImages. */
const FORMAT = 4
const CHUNK_PAGES = 256
/** A front longer than this is not kept: no header and bitmap of 64 GiB is. */
const MAX_FRONT = 0x400000

/** What is known as soon as the system has crashed: the facts that truth.json will hold but for those of the dump file. */
export function crashRecord({ type, crash, evidence }: RecordedCrash): object {
  return {
    type,
    crash,
    seed: evidence.seed,
    runs: evidence.truth.runs,
    used: [...usedInRuns(evidence).runs()],
    promised: [...evidence.promised.runs()],
    promisedBlocks: evidence.promisedBlocks,
    changedByDumpPath: [...evidence.changedByDumpPath.runs()],
    strayWrites: [...evidence.strayWrites.runs()],
    bugcheck: evidence.bugcheck,
    images: evidence.images,
    systemImages: evidence.systemImages,
    controller: evidence.controller,
    writtenBy: evidence.writtenBy,
    events: evidence.events,
    machineCrash: evidence.machineCrash ?? null,
    directoryTableBase: evidence.directoryTableBase,
    dumpType: evidence.dumpType,
  }
}

/** Part 1 of truth.bin, to be written at once: the chunks are reused. */
export function* ramParts(evidence: Evidence): Generator<Uint8Array> {
  const buffer = new Uint8Array(CHUNK_PAGES * PAGE_SIZE)
  for (const run of usedInRuns(evidence).runs(CHUNK_PAGES)) {
    const chunk = buffer.subarray(0, run.pageCount * PAGE_SIZE)
    evidence.truth.read(pfnToGpa(run.basePage), chunk)
    yield chunk
  }
}

/** What truth.json says; `parts` are parts 2 and 3 of truth.bin, to be written at once: the chunks are reused. */
export function keepTruth(kept: DumpToKeep): { json: string; parts: Generator<Uint8Array> } {
  const { path, modifiedAt, evidence, file } = kept
  const changed = file === null ? [] : changedPagesIn(file.dump, evidence.changedByDumpPath)
  const json = {
    format: FORMAT,
    path,
    modifiedAt,
    ...crashRecord(kept),
    file:
      file === null
        ? null
        : { byteLength: file.source.byteLength, frontLength: frontLength(file), changedPages: changed },
  }
  return { json: `${printableJson(JSON.stringify(json, bigintAsHex, 1))}\n`, parts: fileParts(file, changed) }
}

function* fileParts(file: DumpToKeep['file'], changed: readonly Pfn[]): Generator<Uint8Array> {
  if (file === null) return
  const front = new Uint8Array(frontLength(file))
  file.source.read(0, front)
  yield front
  const page = new Uint8Array(PAGE_SIZE)
  for (const pfn of changed) {
    page.fill(0)
    file.source.read(file.dump.pageOffset(pfn), page)
    yield page
  }
}

function usedInRuns(evidence: Evidence): PageSet {
  const set = PageSet.ofRuns(evidence.truth.runs, endOfRuns(evidence.truth.runs))
  for (let i = 0; i < set.bytes.length; i++) set.bytes[i]! &= evidence.used.bytes[i] ?? 0
  return set
}

function frontLength({ source, dump }: { source: ByteSource; dump: DumpPages }): number {
  const front = dump.pages === null ? source.byteLength : dump.firstPageOffset
  return Math.min(front, source.byteLength, MAX_FRONT)
}

function changedPagesIn(dump: DumpPages, changed: PageSet): Pfn[] {
  const pages: Pfn[] = []
  for (const { basePage } of changed.runs(1)) if (dump.pageOffset(basePage) >= 0) pages.push(basePage)
  return pages
}

/** Throws KeptRunError naming the field or the size that is wrong. */
export function restoreTruth(json: string, bin: ByteSource, name: string): KeptDump {
  const facts = Facts.parse(json, name)
  facts.expectFormat(FORMAT)
  const fileFacts = facts.optional('file')
  const frontBytes = fileFacts?.size('frontLength') ?? 0
  if (frontBytes > MAX_FRONT) throw facts.wrong('frontLength', frontBytes, `at most ${MAX_FRONT}`)
  const changedPages = fileFacts?.numbers('changedPages') ?? []
  const { crash, usedBytes } = restoreCrash(facts, bin)
  const expected = usedBytes + frontBytes + changedPages.length * PAGE_SIZE
  if (bin.byteLength !== expected) {
    throw new KeptRunError(
      'RUN_FOLDER_CORRUPT',
      `${name}: truth.bin holds ${bin.byteLength} bytes, expected ${expected}`,
    )
  }
  return {
    ...crash,
    path: facts.string('path'),
    modifiedAt: facts.time('modifiedAt'),
    file: fileFacts === null ? null : keptFile(fileFacts, bin, usedBytes, frontBytes, changedPages),
  }
}

/** The inverse of crashRecord and ramParts; the caller knows what else is in `bin`. */
export function restoreCrash(facts: Facts, bin: ByteSource): { crash: RecordedCrash; usedBytes: number } {
  const runs = pageRuns(facts, 'runs')
  const end = endOfRuns(runs)
  const used = pageSet(facts, 'used', end)
  const seed = facts.number('seed')
  const machineCrash = facts.optional('machineCrash')
  const evidence: Evidence = {
    truth: new KeptSpace(runs, used, seed, bin),
    seed,
    used,
    promised: pageSet(facts, 'promised', end),
    promisedBlocks: facts.objects('promisedBlocks').map(promisedBlockOf),
    changedByDumpPath: pageSet(facts, 'changedByDumpPath', end),
    strayWrites: pageSet(facts, 'strayWrites', end),
    bugcheck: bugcheck.read(facts, 'bugcheck'),
    images: facts.strings('images'),
    systemImages: facts.objects('systemImages').map(imageIdentityOf),
    controller: facts.string('controller'),
    writtenBy: writtenRanges.read(facts, 'writtenBy'),
    events: systemEvents.read(facts, 'events'),
    ...(machineCrash && {
      machineCrash: {
        dumpFile: machineCrash.string('dumpFile'),
        tempDestination: machineCrash.number('tempDestination'),
      },
    }),
    directoryTableBase: gpa(facts.number('directoryTableBase')),
    dumpType: facts.number('dumpType'),
  }
  const crash = {
    type: facts.oneOf('type', DUMP_TYPES),
    crash: crashReport.read(facts, 'crash'),
    evidence,
  }
  return { crash, usedBytes: used.size * PAGE_SIZE }
}

function keptFile(
  facts: Facts,
  bin: ByteSource,
  at: number,
  frontBytes: number,
  changedPages: readonly number[],
): KeptFile {
  const front = new Uint8Array(frontBytes)
  bin.read(at, front)
  const places = new Map(changedPages.map((page, index) => [page, index]))
  return {
    byteLength: facts.number('byteLength'),
    front,
    changedPage(page) {
      const index = places.get(page)
      if (index === undefined) return null
      const bytes = new Uint8Array(PAGE_SIZE)
      bin.read(at + frontBytes + index * PAGE_SIZE, bytes)
      return bytes
    },
  }
}

/** No pool or data block of a minidump is larger. */
const MAX_BLOCK = 0x100000

function promisedBlockOf(facts: Facts): PromisedBlock {
  const byteLength = facts.number('byteLength')
  if (!Number.isInteger(byteLength) || byteLength > MAX_BLOCK) {
    throw facts.wrong('byteLength', byteLength, `a whole number of at most ${MAX_BLOCK}`)
  }
  const tag = facts.optionalString('tag')
  return {
    what: facts.string('what'),
    address: gva(facts.bigint('address')),
    byteLength,
    ...(tag !== null && { tag }),
  }
}

function imageIdentityOf(facts: Facts): ImageIdentity {
  const pdb = facts.optional('pdb')
  return {
    imageName: facts.string('imageName'),
    timeDateStamp: facts.number('timeDateStamp'),
    sizeOfImage: facts.number('sizeOfImage'),
    pdb: pdb && { guid: pdb.string('guid'), age: pdb.number('age'), path: pdb.string('path') },
  }
}

function pageRuns(facts: Facts, field: string): PageRun[] {
  let end = 0
  return facts.objects(field).map((run) => {
    const basePage = run.number('basePage')
    const pageCount = run.number('pageCount')
    if (basePage < end || pageCount <= 0 || !Number.isSafeInteger((basePage + pageCount) * PAGE_SIZE)) {
      throw run.wrong('basePage', basePage, `a run that ascends and ends below 2^53`)
    }
    end = basePage + pageCount
    return { basePage: pfn(basePage), pageCount }
  })
}

/** 64 GiB and a hole: beyond it a set of pages would be allocated by trust. */
const MAX_PFN = 0x4000000

function pageSet(facts: Facts, field: string, end: number): PageSet {
  if (end > MAX_PFN) throw facts.wrong('runs', hex(end), `pages below pfn ${hex(MAX_PFN)}`)
  const runs = pageRuns(facts, field)
  const set = new PageSet(end)
  if (endOfRuns(runs) > set.bitCount)
    throw facts.wrong(field, hex(endOfRuns(runs)), `pages below ${hex(end)}`)
  for (const run of runs) set.addRun(run.basePage, run.pageCount)
  return set
}
