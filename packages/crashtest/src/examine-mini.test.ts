// Whole examinations of a mini dump of testkit's memory: every block against RAM, through the page tables of the crash.
import {
  type Gpa,
  gpa,
  gva,
  MemorySource,
  PAGE_SIZE,
  PageSet,
  type PhysicalSpace,
  pfn,
} from '@dumpstack/bytes'
import { openDump, planTriageDump } from '@dumpstack/dumpfile'
import type { Evidence } from '@dumpstack/target'
import { buildDump } from '@dumpstack/testkit'
import { expect, it } from 'vitest'
import { type ExaminationResult, examineDump } from './examine.ts'
import type { ReportedCrash } from './test-event.ts'
import { keepTruth, ramParts, restoreTruth } from './truth-file.ts'

const built = buildDump({ type: 5, runs: [[1, 0x3ff]] })
const ram = built.bytes.slice()
const CRASHED_AT = Number(0x1da3c5f12345678n / 10000n) - 11_644_473_600_000
const POOL = 0xffffc40e11000000n
const PRCB = POOL + 0x4000n
const THREAD = POOL + 0x3000n
const PROCESS = built.kernelBase + 0x5000n
const STACK = built.kernelBase + 0x5f80n
const SIZES = [
  [0x2a0n, 0xb8], // KThreadApcProcess
  [0x2b4n, 0x8], // PrcbCurrentThread
  [0x2c0n, 0x898], // SizeEThread
] as const

const view = new DataView(ram.buffer)
for (const [field, value] of SIZES) view.setUint16(built.fileOffset(built.kdbg + field), value, true)
view.setBigUint64(built.fileOffset(PRCB + 8n), THREAD, true)
view.setBigUint64(built.fileOffset(THREAD + 0xb8n), PROCESS, true)

const truth: PhysicalSpace = {
  runs: [{ basePage: pfn(1), pageCount: 0x3ff }],
  read(address: Gpa, into: Uint8Array): number {
    for (let done = 0; done < into.byteLength; ) {
      const at = address + done
      const index = built.pfns.indexOf(Math.floor(at / PAGE_SIZE))
      if (index < 0) return done
      const length = Math.min(PAGE_SIZE - (at % PAGE_SIZE), into.byteLength - done)
      const from = built.firstPage + index * PAGE_SIZE + (at % PAGE_SIZE)
      into.set(ram.subarray(from, from + length), done)
      done += length
    }
    return into.byteLength
  },
}

const context = new Uint8Array(0x4d0)
new DataView(context.buffer).setUint32(0x30, 0x10000b, true)
new DataView(context.buffer).setBigUint64(0x98, STACK, true)
new DataView(context.buffer).setBigUint64(0xf8, built.kernelBase + 0x1000n, true)
const bugcheck = { code: 0xe2, parameters: [1n, 2n, 3n, 4n] } as const
const driver = (name: string, base: bigint) => ({
  fullName: `\\SystemRoot\\System32\\${name}`,
  base: gva(base),
  size: 0x1000,
  checkSum: 0,
  timeDateStamp: 0,
})
const TAG = '270A33FD-3DA6-460D-BA89-3C1BAE21E39B'
const BUFFER = POOL + 0x2100n
const blocks = [
  { what: 'KPRCB of processor 0', address: gva(PRCB), byteLength: 0xaf00 },
  { what: 'KiProcessorBlock', address: gva(built.kernelBase + 0x4000n), byteLength: 0x40 },
]
const space = openDump(new MemorySource(ram)).virtual()
const blobBytes = new Uint8Array(13)
space.read(gva(BUFFER), blobBytes)
const plan = planTriageDump({
  facts: {
    build: 19041,
    processorCount: 1,
    bugcheckCode: bugcheck.code,
    bugcheckParameters: bugcheck.parameters,
    directoryTableBase: gpa(built.dtb),
    pfnDataBase: gva(built.kernelBase),
    psLoadedModuleList: gva(built.moduleListHead),
    psActiveProcessHead: gva(built.kernelBase + 0x2200n),
    kdDebuggerDataBlock: gva(built.kdbg),
    contextRecord: context,
    exceptionRecord: new Uint8Array(0x98),
    systemTime: 0x1da3c5f12345678n,
    systemUpTime: 1n,
    productType: 1,
    suiteMask: 0,
    physicalMemory: [],
  },
  triage: {
    prcb: gva(PRCB),
    process: gva(PROCESS),
    thread: gva(THREAD),
    callStack: { address: gva(STACK), byteLength: 0x118 },
    drivers: [driver('ntoskrnl.exe', built.kernelBase), driver('dump_storahci.sys', 0xfffff80500000000n)],
    unloadedDrivers: [],
    blocks,
    secondaryData: [{ tag: TAG, bytes: blobBytes }],
  },
  memory: space,
  fileByteLength: 2 ** 21,
})
const mini = new Uint8Array(plan.byteLength)
for (const extent of plan.extents()) if ('bytes' in extent) mini.set(extent.bytes, extent.at)
const field = (offset: number): number => new DataView(mini.buffer).getUint32(offset, true)
const [callStack, table] = [field(0x2028), field(0x2078)]
/** After SizeOfDump: 0x10 of file header, 0x20 of the blob's. */
const blob = field(0x2004) + 0x30
const processorBlock = field(table + 16 + 8)

const crash: ReportedCrash = {
  shown: bugcheck,
  screen: [],
  finalStatus: 0,
  bytesWritten: mini.byteLength,
  seconds: 0.5,
  crashedAt: CRASHED_AT,
  inFlight: { commands: 8, completed: 0, leaked: [] },
  violations: [],
}
const evidence: Evidence = {
  truth,
  seed: 1,
  used: PageSet.ofRuns(truth.runs, 0x400),
  promised: new PageSet(0x400),
  promisedBlocks: [...blocks, { what: 'data of a driver', address: gva(BUFFER), byteLength: 13, tag: TAG }],
  changedByDumpPath: new PageSet(0x400),
  strayWrites: new PageSet(0x400),
  bugcheck,
  images: ['ntoskrnl.exe', 'dump_storahci.sys'],
  systemImages: [],
  controller: 'ahci0',
  writtenBy: [{ fileOffset: 0, byteLength: mini.byteLength, device: 'ahci0' }],
  events: [],
  directoryTableBase: gpa(built.dtb),
  dumpType: 4,
}

function examine(
  damage: (bytes: Uint8Array) => Uint8Array | undefined = () => undefined,
  change: Partial<Evidence> = {},
  again = false,
): ExaminationResult {
  const bytes = mini.slice()
  const changed = { ...evidence, ...change }
  let input = { crash, evidence: changed, kept: null as ReturnType<typeof restoreTruth>['file'] }
  if (again) {
    const source = new MemorySource(mini)
    const { json, parts } = keepTruth({
      type: 'mini',
      path: 'C:\\Windows\\Minidump\\010124-1-01.dmp',
      modifiedAt: CRASHED_AT + 1000,
      crash,
      evidence: changed,
      file: { source, dump: openDump(source) },
    })
    const chunks: Uint8Array[] = []
    for (const part of ramParts(evidence)) chunks.push(part.slice())
    for (const part of parts) chunks.push(part.slice())
    const kept = restoreTruth(json, new MemorySource(new Uint8Array(Buffer.concat(chunks))), 'truth.json')
    input = { crash: kept.crash, evidence: kept.evidence, kept: kept.file }
  }
  const source = new MemorySource(damage(bytes) ?? bytes)
  const work = examineDump({
    type: 'mini',
    opened: { source, modifiedAt: CRASHED_AT + 1000 },
    known: { ...input, crashIsSaid: true },
    debugged: [],
  })
  let step = work.next()
  while (step.done !== true) step = work.next()
  return step.value
}

const failures = (result: ExaminationResult): Record<string, string> =>
  Object.fromEntries(
    result.examination.checks
      .filter((check) => check.verdict !== 'pass')
      .map((check) => [check.id, check.message]),
  )
const hex = (value: number | bigint): string => `0x${value.toString(16)}`
const flip =
  (at: number) =>
  (bytes: Uint8Array): undefined => {
    bytes[at]! ^= 0x80
  }

it('passes a sound mini dump, in the run and again later, without a word of pages', () => {
  for (const again of [false, true]) {
    const { examination } = examine(undefined, {}, again)
    expect(examination.checks.filter((check) => check.verdict !== 'pass')).toEqual([])
    expect(examination).toMatchObject({
      verdict: 'pass',
      dumpType: 4,
      pagesInDump: 0,
      truth: { unit: 'blocks', compared: 8, equal: 8, different: 0, missing: 0, extra: 0 },
    })
    const ids = examination.checks.map(({ id }) => id)
    expect(ids).toContain('promisedBlocks')
    expect(ids).not.toContain('promisedPages')
    expect(ids).not.toContain('unpromisedPages')
  }
})

it('names block, address and file offset of a byte that RAM did not hold', () => {
  expect(failures(examine(flip(callStack + 0x90)))).toEqual({
    truth: expect.stringContaining(
      `1 block of 8 differs from RAM at the crash: call stack at ${hex(STACK + 0x90n)} (file offset ${hex(callStack + 0x90)}: found `,
    ),
  })
  const { findings } = examine(flip(processorBlock + 9))
  expect(findings).toMatchObject([{ check: 'truth', fileOffset: processorBlock + 9 }])
})

it('excuses a byte on a page that the dump path changed, until the run has kept the file', () => {
  const page = Math.floor((space.translate(gva(STACK)) ?? 0) / PAGE_SIZE)
  const changedByDumpPath = new PageSet(0x400)
  changedByDumpPath.add(pfn(page))
  const result = examine(flip(callStack), { changedByDumpPath })
  expect(result.examination).toMatchObject({ verdict: 'pass', truth: { changedByDumpPath: 1, equal: 7 } })
  expect(failures(examine(flip(callStack), { changedByDumpPath }, true))).toEqual({
    asKept: expect.stringContaining(`byte at file offset ${hex(callStack)}`),
  })
})

it('names a promised block that is not in the dump', () => {
  const promisedBlocks = [
    ...evidence.promisedBlocks,
    { what: 'CONTEXT of processor 1', address: gva(POOL), byteLength: 8 },
  ]
  expect(failures(examine(undefined, { promisedBlocks }))).toEqual({
    promisedBlocks: `1 of 4 promised blocks missing: CONTEXT of processor 1 (8 bytes at ${hex(POOL)})`,
  })
})

it('compares the secondary data of a driver with its buffer, and finds data that was not promised and data that is missing', () => {
  expect(failures(examine(flip(blob + 5)))).toEqual({
    truth: expect.stringContaining(
      `1 block of 8 differs from RAM at the crash: secondary data {${TAG}} at ${hex(BUFFER + 5n)} (file offset ${hex(blob + 5)}: found `,
    ),
  })
  expect(failures(examine(flip(blob - 0x1c)))).toEqual({
    promisedBlocks: `1 of 3 promised blocks missing: data of a driver (13 bytes at ${hex(BUFFER)})`,
    truth: expect.stringContaining(
      `secondary data {270A337D-3DA6-460D-BA89-3C1BAE21E39B} (file offset ${hex(blob)}) has no address`,
    ),
  })
  expect(failures(examine((bytes) => bytes.slice(0, blob - 0x30)))).toMatchObject({
    promisedBlocks: `1 of 3 promised blocks missing: data of a driver (13 bytes at ${hex(BUFFER)})`,
  })
  const twice = (bytes: Uint8Array): Uint8Array => Buffer.concat([bytes, bytes.subarray(blob - 0x20)])
  expect(failures(examine(twice))['truth']).toContain(
    `secondary data {${TAG}} (file offset ${hex(blob + 0x30)}) has no address`,
  )
})

it('finds a block that was no memory at the crash', () => {
  const result = examine((bytes) => {
    new DataView(bytes.buffer).setBigUint64(table + 16, 0xffffff0000000000n, true)
    return undefined
  })
  expect(failures(result)['truth']).toContain(
    `data block 1 at 0xffffff0000000000 (file offset ${hex(processorBlock)}) was no memory`,
  )
  expect(result.examination.truth).toMatchObject({ compared: 7, equal: 7, extra: 1, missing: 1 })
})

it('finds page tables that are not those of the crash', () => {
  const { examination } = examine(undefined, { directoryTableBase: gpa(0x3ff000) })
  expect(examination.truth).toMatchObject({ compared: 0, extra: 8 })
})

it('passes what verification only remarks, and says it', () => {
  const result = examine((bytes) => {
    const copy = bytes.slice()
    new DataView(copy.buffer).setUint32(0x2044, 0x100, true) // TriageOptions: no room for more blocks
    return copy
  })
  expect(result.examination.checks.find(({ id }) => id === 'structure')).toMatchObject({
    verdict: 'pass',
    message: expect.stringMatching(/ passed; unusual: the dump had no room for more than/),
  })
})

it('fails a mini dump that was cut off, and one that is not there', () => {
  expect(failures(examine((bytes) => bytes.slice(0, processorBlock)))).toMatchObject({
    format: expect.stringMatching(/^data block 1 at offset 0x[0-9a-f]+ ends at /),
  })
  const work = examineDump({
    type: 'mini',
    opened: null,
    whyNone: { verdict: 'fail', message: 'no dump file' },
    known: { crash, evidence, kept: null, crashIsSaid: true },
    debugged: [],
  })
  const step = work.next()
  if (step.done !== true) throw new Error('nothing to read, yet it goes on')
  expect(step.value.examination).toMatchObject({ verdict: 'fail', truth: { unit: 'blocks', missing: 3 } })
})
