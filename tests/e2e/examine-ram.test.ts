// `dumpstack examine DUMP --ram FILE`: the door that real Windows goes through, with the RAM of our own machine as a hypervisor would
// have written it. Sound dumps pass; a flipped page, a missing run and a shifted run are named.
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { PAGE_SIZE, pfn, pfnToGpa } from '@dumpstack/bytes'
import { FileSource } from '@dumpstack/bytes/node'
import { type KeptDump, restoreTruth } from '@dumpstack/crashtest'
import { openDump } from '@dumpstack/dumpfile'
import { buildElfCore, type RamSegment } from '@dumpstack/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dumpstack, schemaViolation, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
const at = (...names: string[]): string => path.join(folder.path, ...names)
const hex = (value: number): string => `0x${value.toString(16)}`
let kept: KeptDump
let full: Buffer
/** File offset of a page of the full dump. */
let offsetOf: (page: number) => number

beforeAll(() => {
  const args = ['test', '--dumps', 'full,kernel', '--ram', '64M', '--cpus', '2', '--out', 'run']
  expect(dumpstack(folder.path, ...args).code).toBe(0)
  full = readFileSync(at('run/full/MEMORY.DMP'))
  const dump = openDump(new FileSource(at('run/full/MEMORY.DMP')))
  offsetOf = (page) => dump.pageOffset(pfn(page))
  for (const type of ['full', 'kernel']) {
    kept = keptOf(type)
    const frozen = segmentsOf(kept)
    writeFlat(at(`${type}-frozen.raw`), frozen)
    writeFileSync(at(`${type}-frozen.elf`), buildElfCore({ segments: frozen }).bytes)
    writeFlat(at(`${type}-after.raw`), withChanges(frozen, kept))
  }
  kept = keptOf('full')
})
afterAll(() => folder.remove())

function keptOf(type: string): KeptDump {
  const bin = new FileSource(at('run', type, 'truth.bin'))
  return restoreTruth(readFileSync(at('run', type, 'truth.json'), 'utf8'), bin, 'truth.json')
}

/** RAM at the instant of the crash. */
const segmentsOf = ({ evidence: { truth } }: KeptDump): RamSegment[] =>
  truth.runs.map(({ basePage, pageCount }) => {
    const bytes = new Uint8Array(pageCount * PAGE_SIZE)
    expect(truth.read(pfnToGpa(basePage), bytes)).toBe(bytes.byteLength)
    return { gpa: basePage * PAGE_SIZE, bytes }
  })

/** RAM after the dump: every page that its path wrote has other bytes, in the dump or not. */
function withChanges(segments: readonly RamSegment[], { evidence }: KeptDump): RamSegment[] {
  const changed = segments.map(({ gpa, bytes }) => ({ gpa, bytes: bytes.slice() }))
  for (const { basePage } of evidence.changedByDumpPath.runs(1)) {
    const gpa = basePage * PAGE_SIZE
    const segment = changed.findLast((one) => one.gpa <= gpa)!
    for (let byte = 0; byte < PAGE_SIZE; byte += 8) segment.bytes[gpa - segment.gpa + byte]! ^= 0xff
  }
  return changed
}

/** With its holes, as pmemsave writes it. */
function writeFlat(file: string, segments: readonly RamSegment[]): void {
  const handle = openSync(file, 'w')
  for (const { gpa, bytes } of segments) writeSync(handle, bytes, 0, bytes.byteLength, gpa)
  closeSync(handle)
}

interface Examined {
  readonly code: number | null
  readonly dump: {
    readonly truth: Readonly<Record<string, number>>
    readonly differences: readonly { readonly owner: string; readonly isExpected: boolean }[]
  }
  /** Checks that did not pass: `fail: ...`. */
  readonly open: Readonly<Record<string, string>>
  readonly messages: string
}

function examine(file: string, ...args: string[]): Examined {
  const { code, stdout, stderr } = dumpstack(folder.path, 'examine', file, '--json', ...args)
  expect(stderr).toBe('')
  expect(schemaViolation('docs/schema/test-result.schema.json', stdout)).toBe('')
  const { dumps, messages } = JSON.parse(stdout)
  const checks: { id: string; verdict: string; message: string }[] = dumps[0].checks
  const open = checks.filter(({ verdict }) => verdict !== 'pass')
  const lines: { level: string; text: string }[] = messages
  return {
    code,
    dump: dumps[0],
    open: Object.fromEntries(open.map(({ id, verdict, message }) => [id, `${verdict}: ${message}`])),
    messages: lines.map(({ level, text }) => `(${level}) ${text}`).join('\n'),
  }
}

/** The full dump with its bytes changed. */
function changedDump(name: string, change: (bytes: Buffer) => Buffer): string {
  writeFileSync(at(name), change(Buffer.from(full)))
  return name
}

it.each([
  ['full', 'flat', 'after.raw', 'frozen.raw'],
  ['kernel', 'flat', 'after.raw', 'frozen.raw'],
  ['full', 'ELF', 'after.raw', 'frozen.elf'],
  ['kernel', 'ELF', 'frozen.elf', 'after.raw'],
])('passes the %s dump of our machine against its RAM of two times (%s)', (type, _format, ram, before) => {
  const args = ['--ram', `${type}-${ram}`, '--ram-before', `${type}-${before}`]
  const { code, open, dump, messages } = examine(`run/${type}/MEMORY.DMP`, ...args)
  expect([code, open]).toEqual([0, {}])
  const { compared, equal, changedByDumpPath } = dump.truth
  expect(compared).toBeGreaterThan(1000)
  expect(dump.truth).toMatchObject({ different: 0, missing: 0, extra: 0 })
  expect(equal! + changedByDumpPath!).toBe(compared)
  expect(changedByDumpPath).toBeGreaterThan(4)
  expect(dump.differences).toHaveLength(changedByDumpPath!)
  expect(messages).toContain(
    `(i) ${changedByDumpPath} pages written by Windows between the crash and the RAM: `,
  )
})

it('leaves open with one file of RAM what the dump path wrote, and names it', () => {
  const { code, open, dump } = examine('run/kernel/MEMORY.DMP', '--ram', 'kernel-frozen.elf')
  expect(code).toBe(3)
  expect(Object.keys(open)).toEqual(['truth'])
  expect(open['truth']).toMatch(
    /^inconclusive: \d+ pages of \d+ compared differ from the RAM, all of which Windows may have written meanwhile: pfn 0x[0-9a-f]+ at file offset 0x[0-9a-f]+ \(byte 0x[0-9a-f]+: found .*\), kernel memory at 0xffff/,
  )
  expect(new Set(dump.differences.map(({ owner }) => owner))).toEqual(new Set(['mapped']))
})

it('names one flipped page of memory that nothing can have changed', () => {
  const { evidence } = kept
  let page = 0x800
  while (evidence.used.has(pfn(page))) page++
  const place = offsetOf(page) + 0x7ff
  const file = changedDump('flipped.dmp', (bytes) => {
    bytes[place]! ^= 0x10
    return bytes
  })
  const { code, open } = examine(file, '--ram', 'full-frozen.elf')
  expect(code).toBe(1)
  expect(open['truth']).toMatch(
    new RegExp(
      `^fail: \\d+ pages .*: pfn ${hex(page)} at file offset ${hex(offsetOf(page))} \\(byte 0x7ff: found 0x\\w+, expected 0x\\w+\\), the kernel has no address for it; `,
    ),
  )
  expect(examine(file, '--ram', 'full-after.raw', '--ram-before', 'full-frozen.raw').open).toEqual({
    truth: expect.stringContaining(
      `fail: 1 page of 16384 compared differs from the RAM: pfn ${hex(page)} at `,
    ),
  })
})

const BOTH = ['--ram', 'full-after.raw', '--ram-before', 'full-frozen.elf']

it('names a run that was written over by another, and how far it is shifted', () => {
  const file = changedDump('shifted.dmp', (bytes) =>
    bytes.copyWithin(offsetOf(0x900), offsetOf(0x8f0), offsetOf(0x900)),
  )
  const { code, open } = examine(file, ...BOTH)
  expect(code).toBe(1)
  expect(open).toEqual({
    truth: expect.stringContaining(
      'fail: 16 pages of 16384 compared differ from the RAM: 16 pages from pfn 0x900 to 0x90f hold the RAM of pfn 0x8f0 to 0x8ff, 16 pages before: shifted; ',
    ),
  })
})

it('names a run that is missing in the bitmap, and one whose bytes are missing in the file', () => {
  const unset = changedDump('unset.dmp', (bytes) => {
    bytes.fill(0, 0x2038 + 0x900 / 8, 0x2038 + 0x920 / 8)
    bytes.writeBigUInt64LE(bytes.readBigUInt64LE(0x2028) - 0x20n, 0x2028)
    return Buffer.concat([bytes.subarray(0, offsetOf(0x900)), bytes.subarray(offsetOf(0x920))])
  })
  expect(examine(unset, ...BOTH).open['promisedPages']).toBe(
    'inconclusive: 32 pages that Windows takes for RAM missing, unless a driver had them removed: pfn 0x900 to 0x91f (32 pages)',
  )
  const lost = changedDump('lost.dmp', (bytes) =>
    Buffer.concat([bytes.subarray(0, offsetOf(0x900)), bytes.subarray(offsetOf(0x920))]),
  )
  const { code, open } = examine(lost, ...BOTH)
  expect(code).toBe(1)
  expect(open['truth']).toMatch(
    /: \d+ pages from pfn 0x900 to 0x100fd\w hold the RAM of pfn 0x920 to 0x100ff\w, 32 pages further on: shifted; /,
  )
  expect(open['promisedPages']).toMatch(
    /^fail: 32 of .*: pfn 0x100fe0 to 0x100fff \(32 pages\) belongs at file offset 0x/,
  )
})

it.each([
  [['run', '--ram', 'full-after.raw'], '--ram is for a dump file: run is a folder'],
  [['run/full/MEMORY.DMP', '--as', 'mini', '--ram', 'full-after.raw'], '--ram is for dumps of pages: '],
  [['run/full/MEMORY.DMP', '--ram-before', 'full-after.raw'], '--ram-before goes with --ram'],
  [['run/full/MEMORY.DMP', '--ram', 'none.elf'], 'cannot read none.elf: no such file or directory'],
  [
    ['run/full/MEMORY.DMP', '--ram', 'run/full/MEMORY.DMP'],
    '--ram run/full/MEMORY.DMP: the file is a Windows crash dump: write the RAM by dump-guest-memory',
  ],
  [
    ['run/full/MEMORY.DMP', '--ram', 'run/result.json'],
    '--ram run/result.json: a flat file of guest memory ends at offset 0x',
  ],
])('refuses %j as wrong use', (args, reason) => {
  const { code, stderr } = dumpstack(folder.path, 'examine', ...args)
  expect(code).toBe(2)
  expect(stderr).toContain(reason)
})
