import { gpa, MemorySource, PAGE_SIZE, pfn, pfnToGpa } from '@dumpstack/bytes'
import { type Evidence, TargetError } from '@dumpstack/target'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { allPages, FAKE_RUNS, FAKE_SEED, FakeRam, pageSetOf } from './fake-ram.test-support.ts'
import type { ReportedCrash } from './test-event.ts'
import { type DumpToKeep, keepTruth, ramParts, restoreTruth } from './truth-file.ts'

const ram = new FakeRam([1, 2, 300, 599, 1030])
const evidence: Evidence = {
  truth: ram,
  seed: FAKE_SEED,
  used: ram.used,
  promised: allPages(),
  promisedBlocks: [],
  changedByDumpPath: pageSetOf([2, 300]),
  strayWrites: pageSetOf([599]),
  bugcheck: { code: 0xe2, parameters: [1n, 2n, 3n, 0xffffffffffffffffn] },
  images: ['ntoskrnl.exe'],
  systemImages: [
    {
      imageName: 'ntdll.dll',
      timeDateStamp: 0xc00407b,
      sizeOfImage: 0x5000,
      pdb: { guid: '681FD98C8DBA53764C4C44205044422E', age: 1, path: 'ntdll.pdb' },
    },
    { imageName: 'ntoskrnl.exe', timeDateStamp: 1, sizeOfImage: 2, pdb: null },
  ],
  controller: 'ahci0',
  writtenBy: [{ fileOffset: 0, byteLength: 100, device: 'ahci0' }],
  events: [
    { id: 41, source: 'Microsoft-Windows-Kernel-Power', at: 5, text: 'a', fields: { BugcheckCode: '226' } },
  ],
  machineCrash: { dumpFile: 'C:\\Windows\\DUMP1a2b.tmp', tempDestination: 1 },
  directoryTableBase: gpa(0x1aa000),
  dumpType: 5,
}
const crash: ReportedCrash = {
  shown: evidence.bugcheck,
  screen: ['*** STOP'],
  finalStatus: 0,
  bytesWritten: 100,
  seconds: 0.5,
  crashedAt: 1000,
  inFlight: { commands: 8, completed: 2, leaked: [0x1000] },
  violations: [
    {
      severity: 'fail',
      rule: 'DM-21',
      count: 1,
      call: 'StorPortIssueDpc',
      message: 'm',
      driver: 'dump_x.sys',
      address: '0x1',
      irql: 'HIGH_LEVEL',
      atNs: 1,
      source: { file: 'c:\\x.c', line: 12 },
      repro: 'dumpstack test',
    },
  ],
}
const FRONT = 64
const fileBytes = Uint8Array.from({ length: FRONT + 3 * PAGE_SIZE }, (_, index) => index * 7)
const pages = pageSetOf([2, 3, 300])
const kept: DumpToKeep = {
  type: 'full',
  path: 'C:\\Windows\\MEMORY.DMP',
  modifiedAt: 2000,
  crash,
  evidence,
  file: {
    source: new MemorySource(fileBytes),
    dump: {
      pages,
      firstPageOffset: FRONT,
      pageOffset: (page) => (pages.has(page) ? FRONT + pages.rank(page) * PAGE_SIZE : -1),
    },
  },
}

function written(): { json: string; bin: Uint8Array } {
  const { json, parts } = keepTruth(kept)
  const chunks: Uint8Array[] = []
  for (const part of ramParts(evidence)) chunks.push(part.slice())
  for (const part of parts) chunks.push(part.slice())
  return { json, bin: new Uint8Array(Buffer.concat(chunks)) }
}

it('keeps only pages that are not fill, and gives back the evidence', () => {
  const { json, bin } = written()
  expect(bin.byteLength).toBe(5 * PAGE_SIZE + FRONT + 2 * PAGE_SIZE)
  const back = restoreTruth(json, new MemorySource(bin), 'truth.json')
  const { truth, used, promised, changedByDumpPath, strayWrites, ...facts } = back.evidence
  const { truth: _t, used: u, promised: p, changedByDumpPath: c, strayWrites: s, ...expected } = evidence
  expect(facts).toEqual(expected)
  expect([...used.runs()]).toEqual([...u.runs()])
  expect([...promised.runs()]).toEqual([...p.runs()])
  expect([...changedByDumpPath.runs()]).toEqual([...c.runs()])
  expect([...strayWrites.runs()]).toEqual([...s.runs()])
  expect(back.crash).toEqual(crash)
  expect(back.modifiedAt).toBe(2000)
  for (const run of FAKE_RUNS) {
    const length = run.pageCount * PAGE_SIZE
    const [found, wanted] = [new Uint8Array(length), new Uint8Array(length)]
    expect(truth.read(pfnToGpa(run.basePage), found)).toBe(length)
    ram.read(pfnToGpa(run.basePage), wanted)
    expect(Buffer.compare(found, wanted)).toBe(0)
  }
})

it('allocates nothing for a front that no dump has, however large the file says it is', () => {
  const { json, bin } = written()
  const front = 2 ** 43
  const sparse = { byteLength: bin.byteLength - FRONT + front, read: () => 0 }
  const large = json.replace(`"frontLength": ${FRONT}`, `"frontLength": ${front}`)
  expect(() => restoreTruth(large, sparse, 'truth.json')).toThrow(
    `frontLength is ${front}, expected at most 4194304`,
  )
})

it('reads at any address and stops at a hole', () => {
  const { json, bin } = written()
  const { truth } = restoreTruth(json, new MemorySource(bin), 'truth.json').evidence
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1064 * PAGE_SIZE }),
      fc.integer({ min: 0, max: 20000 }),
      (at, length) => {
        const [found, wanted] = [new Uint8Array(length), new Uint8Array(length)]
        expect(truth.read(gpa(at), found)).toBe(ram.read(gpa(at), wanted))
        expect(Buffer.compare(found, wanted)).toBe(0)
      },
    ),
  )
})

it('keeps the front of the file and its copies of changed pages', () => {
  const { json, bin } = written()
  const { file } = restoreTruth(json, new MemorySource(bin), 'truth.json')
  expect(file?.byteLength).toBe(fileBytes.byteLength)
  expect(file?.front).toEqual(fileBytes.subarray(0, FRONT))
  expect(file?.changedPage(pfn(300))).toEqual(fileBytes.subarray(FRONT + 2 * PAGE_SIZE))
  expect(file?.changedPage(pfn(3))).toBeNull()
})

it('refuses a truth.bin of another length, and says both lengths', () => {
  const { json, bin } = written()
  expect(() => restoreTruth(json, new MemorySource(bin.subarray(1)), 'full/truth.json')).toThrow(
    'full/truth.json: truth.bin holds 28735 bytes, expected 28736',
  )
})

it('raises only our error for damaged JSON', () => {
  const { json, bin } = written()
  const lines = json.split('\n')
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: lines.length - 1 }),
      fc.constantFrom('', 'null', '-1', '"x"', '{}', '[]', '1e300', '99999999999'),
      (index, value) => {
        const damaged = lines.with(index, lines[index]!.replace(/(: |^ +)([^:,{}[\]]+)(,?)$/, `$1${value}$3`))
        try {
          restoreTruth(damaged.join('\n'), new MemorySource(bin), 'truth.json')
        } catch (error) {
          expect(error).toBeInstanceOf(TargetError)
        }
      },
    ),
    { numRuns: 400 },
  )
})
