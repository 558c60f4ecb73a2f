// Whole examinations of dumps that testkit builds, against a truth taken from the builder, sound and damaged.
import {
  type Gpa,
  gpa,
  MemorySource,
  PAGE_SIZE,
  type PageRun,
  PageSet,
  type PhysicalSpace,
  pfn,
} from '@dumpstack/bytes'
import { openDump } from '@dumpstack/dumpfile'
import type { Evidence } from '@dumpstack/target'
import { type BuiltDump, buildDump } from '@dumpstack/testkit'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type ExaminationResult, examineDump } from './examine.ts'
import type { ReportedCrash } from './test-event.ts'
import { keepTruth, ramParts, restoreTruth } from './truth-file.ts'

const RUNS: ReadonlyArray<readonly [number, number]> = [
  [1, 0x9e],
  [0x100, 0x300],
]
const END = 0x400
/** The builder's FILETIME, as milliseconds since 1970. */
const CRASHED_AT = Number(0x1da3c5f12345678n / 10000n) - 11_644_473_600_000

/** RAM as the builder laid it: every page that its full dump holds. */
class BuiltRam implements PhysicalSpace {
  readonly runs: readonly PageRun[] = RUNS.map(([basePage, pageCount]) => ({
    basePage: pfn(basePage),
    pageCount,
  }))
  readonly #built: BuiltDump
  readonly #bytes: Uint8Array

  constructor(built: BuiltDump) {
    this.#built = built
    this.#bytes = built.bytes.slice()
  }

  read(address: Gpa, into: Uint8Array): number {
    for (let done = 0; done < into.byteLength; done += PAGE_SIZE) {
      const index = this.#built.pfns.indexOf((address + done) / PAGE_SIZE)
      if (index < 0) return done
      const at = this.#built.firstPage + index * PAGE_SIZE
      into.set(this.#bytes.subarray(at, at + PAGE_SIZE), done)
    }
    return into.byteLength
  }
}

const crash: ReportedCrash = {
  shown: { code: 0xe2, parameters: [0x11n, 0x22n, 0xffffffffc0000005n, 0x44n] },
  screen: [],
  finalStatus: 0,
  bytesWritten: 1_000_000,
  seconds: 0.5,
  crashedAt: CRASHED_AT,
  violations: [],
  inFlight: { commands: 8, completed: 0, leaked: [] },
}

const setOf = (pages: Iterable<number>): PageSet => {
  const set = new PageSet(END)
  for (const page of pages) set.add(pfn(page))
  return set
}

function evidenceOf(type: 5 | 6, built: BuiltDump, full: BuiltDump): Evidence {
  return {
    truth: new BuiltRam(full),
    seed: 1,
    used: setOf(full.pfns),
    promised: setOf(built.pfns),
    promisedBlocks: [],
    changedByDumpPath: setOf([0x150]),
    strayWrites: setOf([]),
    bugcheck: crash.shown,
    images: ['ntoskrnl.exe', 'dump_storahci.sys'],
    systemImages: [],
    controller: 'ahci0',
    writtenBy: [
      { fileOffset: 0x10000, byteLength: built.bytes.byteLength - 0x10000, device: 'ahci0' },
      { fileOffset: 0, byteLength: 0x10000, device: 'ahci0' },
    ],
    events: [],
    directoryTableBase: gpa(built.dtb),
    dumpType: type,
  }
}

const full = buildDump({ type: 5, runs: RUNS })
const kernel = buildDump({ type: 6, runs: RUNS })

interface Change {
  readonly type?: 5 | 6
  readonly damage?: (bytes: Uint8Array, built: BuiltDump) => Uint8Array | undefined
  readonly evidence?: Partial<Evidence>
  readonly crash?: Partial<ReportedCrash>
  readonly modifiedAt?: number
  /** Examined again later, against what the run kept of the undamaged dump. */
  readonly again?: boolean
}

function examine({ type = 5, damage, again, modifiedAt, ...change }: Change): ExaminationResult {
  const built = type === 5 ? full : kernel
  const copy = built.bytes.slice()
  const bytes = damage?.(copy, built) ?? copy
  const evidence = { ...evidenceOf(type, built, full), ...change.evidence }
  const report = { ...crash, ...change.crash }
  let input = { crash: report, evidence, kept: null as ReturnType<typeof restoreTruth>['file'] }
  if (again === true) {
    const source = new MemorySource(built.bytes)
    const { json, parts } = keepTruth({
      type: type === 5 ? 'full' : 'kernel',
      path: 'C:\\Windows\\MEMORY.DMP',
      modifiedAt: CRASHED_AT + 1000,
      crash: report,
      evidence,
      file: { source, dump: openDump(source) },
    })
    const chunks: Uint8Array[] = []
    for (const part of ramParts(evidence)) chunks.push(part.slice())
    for (const part of parts) chunks.push(part.slice())
    const kept = restoreTruth(json, new MemorySource(new Uint8Array(Buffer.concat(chunks))), 'truth.json')
    input = { crash: kept.crash, evidence: kept.evidence, kept: kept.file }
  }
  const work = examineDump({
    type: type === 5 ? 'full' : 'kernel',
    opened: { source: new MemorySource(bytes), modifiedAt: modifiedAt ?? CRASHED_AT + 1000 },
    known: { ...input, crashIsSaid: true },
    debugged: [],
  })
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
  }
}

const failures = (result: ExaminationResult): Record<string, string> =>
  Object.fromEntries(
    result.examination.checks
      .filter((check) => check.verdict === 'fail')
      .map((check) => [check.id, check.message]),
  )

it.each([5, 6] as const)('passes a sound dump of type %i, in the run and again later', (type) => {
  for (const again of [false, true]) {
    const { examination, findings } = examine({ type, again })
    expect(examination.checks.filter((check) => check.verdict !== 'pass')).toEqual([])
    expect(findings).toEqual([])
    const pages = (type === 5 ? full : kernel).pfns.length
    expect(examination).toMatchObject({
      verdict: 'pass',
      dumpType: type,
      pagesInDump: pages,
      bytesPerSecond: 2_000_000,
      truth: { compared: pages, equal: pages, changedByDumpPath: 0, different: 0, missing: 0, extra: 0 },
    })
    expect(examination.writtenBy).toHaveLength(1)
  }
})

const at = (page: number): number => full.firstPage + full.pfns.indexOf(page) * PAGE_SIZE
const hex = (value: number): string => `0x${value.toString(16)}`

it.each([false, true])('names page and file offset of each kind of damage (examined again: %s)', (again) => {
  const flip = failures(
    examine({
      again,
      damage: (bytes) => {
        bytes[at(0x321) + 5]! ^= 0x80
        return undefined
      },
    }),
  )
  expect(flip).toEqual({
    truth: expect.stringContaining(`pfn 0x321 at file offset ${hex(at(0x321))} (byte 0x5: found `),
  })
  const swapped = failures(
    examine({
      again,
      damage: (bytes) => {
        const first = bytes.slice(at(0x200), at(0x201))
        bytes.copyWithin(at(0x200), at(0x300), at(0x301))
        bytes.set(first, at(0x300))
        return undefined
      },
    }),
  )
  expect(swapped['truth']).toMatch(
    new RegExp(
      `^2 pages .*pfn 0x200 at file offset ${hex(at(0x200))} .*; pfn 0x300 at file offset ${hex(at(0x300))} `,
    ),
  )
  const dropped = failures(examine({ again, damage: (bytes) => bytes.slice(0, -PAGE_SIZE) }))
  expect(dropped['promisedPages']).toContain(`pfn 0x3ff belongs at file offset ${hex(at(0x3ff))}`)
  const copied = failures(
    examine({
      again,
      damage: (bytes) => bytes.copyWithin(at(0x210), at(0x200), at(0x210)),
    }),
  )
  expect(copied['truth']).toMatch(
    /^16 pages of 926 compared differ .*pfn 0x210 at file offset .*; and 8 more$/,
  )
})

it('sees damage that no truth can judge once the run has kept the file', () => {
  const damage = (offset: number) => (bytes: Uint8Array) => {
    bytes[offset]! ^= 1
    return undefined
  }
  // 0x1800 is fill in the header; PFN 0x150 is a page that the dump path changed.
  expect(failures(examine({ damage: damage(0x1800) }))).toEqual({})
  expect(failures(examine({ again: true, damage: damage(0x1800) }))).toEqual({
    asKept: expect.stringContaining('header or bitmap byte at file offset 0x1800: found 0x51, expected 0x50'),
  })
  expect(examine({ damage: damage(at(0x150)) }).examination).toMatchObject({
    verdict: 'pass',
    truth: { changedByDumpPath: 1, different: 0 },
  })
  expect(failures(examine({ again: true, damage: damage(at(0x150) + 9) }))).toEqual({
    asKept: expect.stringContaining(`pfn 0x150 at file offset ${hex(at(0x150) + 9)}`),
  })
})

it('names the damaged byte of a header that can no longer be opened', () => {
  const damage = (bytes: Uint8Array): undefined => {
    bytes[3]! ^= 1
  }
  expect(failures(examine({ again: true, damage }))).toMatchObject({
    format: expect.any(String),
    asKept: 'header or bitmap byte at file offset 0x3: found 0x44, expected 0x45',
  })
})

const cases: [string, Change, Record<string, unknown>][] = [
  [
    'a file from before the crash',
    { modifiedAt: CRASHED_AT - 1 },
    { newer: expect.stringContaining('a stale dump') },
  ],
  [
    'a header from another crash',
    { crash: { crashedAt: CRASHED_AT - 60_000 }, modifiedAt: CRASHED_AT - 30_000 },
    { newer: expect.stringContaining("the header's SystemTime is 2024-") },
  ],
  ['another dump type', { evidence: { dumpType: 6 } }, { dumpType: 'dump type is 5, expected 6' }],
  [
    'other bugcheck parameters',
    { evidence: { bugcheck: { code: 0xe2, parameters: [0n, 0n, 0n, 0n] } } },
    {
      bugcheck: 'bugcheck is 0xe2 (0x11, 0x22, 0xffffffffc0000005, 0x44), expected 0xe2 (0x0, 0x0, 0x0, 0x0)',
    },
  ],
  [
    'page tables of another process',
    { evidence: { directoryTableBase: gpa(0x7000) } },
    { directoryTableBase: `directory table base is ${hex(full.dtb)}, expected 0x7000` },
  ],
  [
    'a module list without the dump image',
    { evidence: { images: ['ntoskrnl.exe', 'dump_dumpfve.sys'] } },
    { images: 'the module list of 4 images lacks dump_dumpfve.sys' },
  ],
  [
    'a page that was not promised',
    { evidence: { promised: setOf(full.pfns.filter((page) => page !== 0x333)) } },
    { unpromisedPages: `1 page beside the 925 promised: pfn 0x333 at file offset ${hex(at(0x333))}` },
  ],
  [
    'more pages changed by the dump path than allowed',
    { evidence: { changedByDumpPath: setOf(full.pfns.slice(0, 257)) } },
    { changedByDumpPath: 'the dump path changed 257 pages of RAM, at most 256 allowed' },
  ],
  [
    'a page outside the dump path that changed after the crash, in the dump or not',
    { evidence: { strayWrites: setOf([0x333]) } },
    { changedByDumpPath: '1 page that is not of the dump path changed after the crash: pfn 0x333' },
  ],
  [
    'a disk that was not busy',
    { crash: { inFlight: { commands: 1, completed: 0, leaked: [] } } },
    { inFlight: '1 command in flight at the crash, expected at least 2: the controller was not busy' },
  ],
  [
    'data of dropped commands on the disk',
    { crash: { inFlight: { commands: 8, completed: 1, leaked: [0x10000, 0x20000] } } },
    {
      inFlight:
        '2 of 8 commands in flight at the crash never completed and changed the disk all the same, at disk offset 0x10000, 0x20000',
    },
  ],
  [
    'bytes of another controller',
    {
      evidence: {
        writtenBy: [
          { fileOffset: 0, byteLength: 0x20000, device: 'ahci0' },
          { fileOffset: 0x20000, byteLength: 0x10000, device: 'ahci1' },
          { fileOffset: 0x30000, byteLength: full.bytes.byteLength - 0x30000, device: 'ahci0' },
        ],
      },
    },
    {
      writtenBy: `65536 of ${full.bytes.byteLength} bytes were not written by ahci0: 65536 bytes at file offset 0x20000 by ahci1`,
    },
  ],
  [
    'bytes that no device wrote',
    { evidence: { writtenBy: [{ fileOffset: 0x1000, byteLength: 0x1000, device: 'ahci0' }] } },
    {
      writtenBy: expect.stringMatching(
        /4096 bytes at file offset 0x0 by none; \d+ bytes at file offset 0x2000 by none$/,
      ),
    },
  ],
  [
    'a status that ended the dump',
    { crash: { finalStatus: 0xc000000e } },
    { finalStatus: expect.stringContaining('status 0xc000000e, expected 0x0') },
  ],
  [
    'a broken dump mode rule',
    {
      crash: {
        violations: [
          {
            severity: 'fail',
            rule: 'DM-21',
            count: 1,
            call: 'StorPortIssueDpc',
            message: 'no DPC runs',
            driver: 'dump_x.sys',
            address: '0x1',
            offset: '0x42',
            irql: 'HIGH_LEVEL',
            atNs: 1,
            repro: '',
          },
        ],
      },
    },
    { dumpMode: '1 violation: DM-21 by dump_x.sys at offset 0x42 in StorPortIssueDpc: no DPC runs' },
  ],
]
it.each(cases)('fails %s, and nothing else', (_name, change, expected) => {
  const result = examine(change)
  expect(failures(result)).toEqual(expected)
  expect(result.examination.verdict).toBe('fail')
})

it('passes a loosely kept rule, and says it', () => {
  const remark = {
    severity: 'warning',
    rule: 'DM-11',
    count: 3,
    call: 'StorPortGetUncachedExtension',
    message: 'asks for 40 KiB',
    driver: 'dump_x.sys',
    address: '0x1',
    irql: 'HIGH_LEVEL',
    atNs: 1,
    repro: '',
  } as const
  const { examination } = examine({ crash: { violations: [remark] } })
  expect(examination.verdict).toBe('pass')
  expect(examination.checks.find(({ id }) => id === 'dumpMode')?.message).toBe(
    'no dump mode rule was broken; 1 remark: DM-11 by dump_x.sys in StorPortGetUncachedExtension: asks for 40 KiB (3 times)',
  )
})

it('finds user pages in a kernel dump', () => {
  const extra = kernel.pfns.filter((page) => page > 0x200).slice(0, 20)
  const promised = setOf(kernel.pfns.filter((page) => !extra.includes(page)))
  expect(failures(examine({ type: 6, evidence: { promised } }))['unpromisedPages']).toMatch(
    /^20 pages .*; and 12 more$/,
  )
})

it.each([
  ['empty', () => new Uint8Array(0)],
  ['zeros', () => new Uint8Array(0x10000)],
  ['a user-mode minidump', () => new Uint8Array(Buffer.from('MDMP'.padEnd(0x4000, '\0')))],
])('fails %s as no dump, with one line', (_name, make) => {
  const { examination } = examine({ damage: make })
  expect(examination.verdict).toBe('fail')
  expect(examination.checks.filter((check) => check.verdict === 'fail')).toEqual([
    { id: 'format', verdict: 'fail', message: expect.stringMatching(/^[^\n]+$/) },
  ])
})

it('judges any damage to header, bitmap and length without breaking', () => {
  const change = fc.record({ at: fc.nat(0x4000), value: fc.integer({ min: 0, max: 255 }) })
  const lengths = fc.option(fc.nat(full.bytes.byteLength), { freq: 3 })
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), lengths, (changes, length) => {
      const damage = (bytes: Uint8Array): Uint8Array => {
        for (const { at: offset, value } of changes) bytes[offset] = value
        return length === null ? bytes : bytes.slice(0, length)
      }
      const { examination } = examine({ damage, again: true })
      const untouched =
        length === null && changes.every(({ at: offset, value }) => full.bytes[offset] === value)
      expect(examination.verdict).toBe(untouched ? 'pass' : 'fail')
    }),
    { numRuns: 60 },
  )
})
