// What follows from what, and what stands for itself: a dump that is not whole does not excuse what is wrong in its first part.
import type { DumpModeViolation } from '@dumpstack/nt'
import { expect, it } from 'vitest'
import { type KnownOfDump, withCauses } from './causes.ts'
import { fail, type Judgement, type Place, pass } from './checks/check.ts'
import type { NamedJudgement } from './debug-dump.ts'
import { messagesOf } from './report.ts'

const violation: DumpModeViolation = {
  severity: 'fail',
  rule: 'bugcheck-0xd1',
  count: 1,
  call: 'HwStartIo',
  message: 'page fault',
  driver: 'x.sys',
  address: '0x1',
  irql: 'HIGH_LEVEL',
  atNs: 0,
}
const WHOLE = 0x5000
const crash = { bytesWritten: WHOLE, violations: [violation] }
const known: KnownOfDump = { crash, byteLength: 0x10000, isStale: false }
const at = (...offsets: number[]): readonly Place[] => offsets.map((fileOffset) => ({ fileOffset }))
const bad = (message: string, places: readonly Place[] = []): Judgement => fail(message, places)
const unknown = (message: string): Judgement => ({ verdict: 'inconclusive', message })

const causes = (judged: readonly NamedJudgement[], change: Partial<KnownOfDump> = {}): object =>
  Object.fromEntries(
    withCauses(judged, { ...known, ...change })
      .filter(({ judgement }) => judgement.verdict !== 'pass')
      .map(({ id, causedBy }) => [id, causedBy]),
  )

it('takes a second bugcheck, the end of the dump and the broken rule for one fault', () => {
  const fault: NamedJudgement[] = [
    ['screen', bad('0xd1')],
    ['finalStatus', bad('ended early')],
    ['dumpMode', bad('1 violation')],
    ['file', bad('no dump file')],
  ]
  const one = { screen: null, finalStatus: 'screen', dumpMode: 'screen', file: 'screen' }
  expect(causes(fault, { byteLength: null })).toEqual(one)
  const two = { bytesWritten: 0, violations: [violation, violation] }
  expect(causes(fault, { byteLength: null, crash: two })).toEqual({ ...one, dumpMode: null })
})

it('lets the part that was not written fail for what ended the dump', () => {
  expect(
    causes([
      ['finalStatus', bad('ended early')],
      ['structure', bad('no module list', at(0x10))],
      ['truth', bad('differs', at(WHOLE, 0x9000))],
      ['writtenBy', bad('by none', at(WHOLE))],
      ['modules', bad('empty')],
    ]),
  ).toEqual({
    finalStatus: null,
    structure: 'finalStatus',
    truth: 'finalStatus',
    writtenBy: 'finalStatus',
    modules: 'finalStatus',
  })
})

it('lets what is wrong in the part that was written stand for itself, and what reads it follow', () => {
  expect(
    causes([
      ['finalStatus', bad('ended early')],
      ['truth', bad('differs', at(WHOLE - 1, 0x9000))],
      ['writtenBy', bad('by another controller', at(0, WHOLE))],
      ['promisedPages', bad('missing', [{ pfn: 1 }, { pfn: 2, fileOffset: 0x9000 }])],
      ['modules', bad('empty')],
    ]),
  ).toEqual({
    finalStatus: null,
    truth: null,
    writtenBy: null,
    promisedPages: null,
    modules: 'promisedPages',
  })
})

it('takes a page that the end of the file cuts in two for missing', () => {
  const judged: NamedJudgement[] = [
    ['length', bad('cut off')],
    ['promisedPages', bad('missing', at(0x4800 - 0x800, 0x5000))],
    ['writtenBy', bad('the DMA log has more', [{ found: '1', expected: '2' }])],
    ['dumpType', bad('7')],
  ]
  expect(causes(judged, { byteLength: 0x4800 })).toEqual({
    length: null,
    promisedPages: 'length',
    writtenBy: 'length',
    dumpType: null,
  })
})

it('takes all that an old file says for another crash, except what it does not say', () => {
  const judged: NamedJudgement[] = [
    ['inFlight', bad('idle')],
    ['newer', bad('a stale dump')],
    ['bugcheck', bad('0x50')],
    ['truth', bad('differs', at(0x3000))],
    ['changedByDumpPath', bad('a stray page')],
  ]
  const own = { inFlight: null, newer: null, changedByDumpPath: null }
  expect(causes(judged, { isStale: true })).toEqual({ ...own, bugcheck: 'newer', truth: 'newer' })
  expect(causes(judged)).toEqual({ ...own, bugcheck: null, truth: null })
})

it('says the error that ends several checks once', () => {
  const judged: NamedJudgement[] = [
    ['symbols', bad('the dump names no kernel')],
    ['addresses', bad('the dump names no kernel')],
    ['objects', bad('the dump names no kernel')],
  ]
  expect(causes(judged)).toEqual({ symbols: null, addresses: 'symbols', objects: 'symbols' })
  const all = withCauses(judged, known)
  expect(messagesOf(all, new Set())[0]).toEqual({ level: 'x', text: 'The dump names no kernel.' })
  expect(causes([['length', bad('cut off')], ...judged])).toEqual({
    length: null,
    symbols: 'length',
    addresses: 'length',
    objects: 'length',
  })
})

it('says in one line what cannot be got without symbols, and in one what fails for another check', () => {
  const judged = withCauses(
    [
      ['length', bad('the file is cut off')],
      ['structure', bad('no module list')],
      ['symbols', { ...unknown('not found'), says: [{ level: 'x', text: 'Said at once.' }] }],
      [
        'addresses',
        { ...unknown('not known'), says: [{ level: 'x', text: 'Error retrieving addresses of nt!A.' }] },
      ],
      ['modules', { ...unknown('cannot be walked'), unableToGet: ['the list of modules'] }],
      ['objects', { ...unknown('cannot be read'), unableToGet: ['the thread', 'the process'] }],
      ['stack', pass('6 frames')],
    ],
    known,
  )
  expect(messagesOf(judged, new Set()).map(({ level, text }) => `(${level}) ${text}`)).toEqual([
    '(x) The file is cut off.',
    '(x) Error retrieving addresses of nt!A.',
    '(x) Unable to get the list of modules, the thread, the process.',
    '(i) These checks do not pass for the same cause as length: structure.',
  ])
})
