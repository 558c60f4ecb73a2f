// Dumps that real Windows wrote: every genuine one passes whole and never cut, and each case of a public report has its verdict.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { MemorySource } from '@dumpstack/bytes'
import { sharedData } from '@dumpstack/testkit/node'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DumpError, openDump, readSecondaryData } from '../index.ts'
import { refusalCheck, type VerifyReport, verifyDump } from '../verify-dump.ts'

type Judged = Pick<VerifyReport, 'verdict' | 'checks'> & Partial<VerifyReport>

function judge(bytes: Uint8Array): Judged {
  try {
    const steps = verifyDump(new MemorySource(bytes), { allPages: true })
    let step = steps.next()
    while (step.done !== true) step = steps.next()
    return step.value
  } catch (error) {
    if (!(error instanceof DumpError)) throw error
    const check = refusalCheck(error)
    return { verdict: check.verdict, checks: [check] }
  }
}

const notPassed = ({ checks }: Judged) =>
  checks.filter(({ verdict, remark }) => verdict !== 'pass' || remark === true).map(({ message }) => message)

const CUTS = [1, 2, 3, 4, 7, 8, 16, 31, 32, 33, 63, 64, 65, 100, 512, 1000, 4095, 4096, 4097, 65536]

const folder = sharedData('dumps')
describe.skipIf(folder === null)('genuine minidumps (needs shared/data)', () => {
  const names = folder === null ? [] : readdirSync(folder)

  it.each(names)('%s passes without a remark', (name) => {
    const report = judge(readFileSync(path.join(folder!, name)))
    expect(notPassed(report)).toEqual([])
    expect(report.verdict).toBe('pass')
    expect(report.loaded!.length).toBeGreaterThan(100)
  })

  it.each(names)('%s never passes cut', (name) => {
    const whole = readFileSync(path.join(folder!, name))
    const blobs = readSecondaryData(openDump(new MemorySource(whole)))
    // Where a blob's header begins and ends, and its data: a chain that is cut there looks whole.
    const edges = blobs.flatMap(({ offset, byteLength }) => [offset - 0x20, offset, offset + byteLength])
    for (const cut of [...CUTS, ...edges.map((at) => whole.length - at).filter((cut) => cut > 0)]) {
      expect([cut, judge(whole.subarray(0, whole.length - cut)).verdict]).not.toContain('pass')
    }
    fc.assert(
      fc.property(fc.integer({ min: 1, max: whole.length }), (cut) => {
        expect(judge(whole.subarray(0, whole.length - cut)).verdict).not.toBe('pass')
      }),
      { numRuns: 40 },
    )
  })
})

const cases = sharedData('cases')
describe.skipIf(cases === null)('cases of public reports (needs shared/data)', () => {
  it.each([
    ['01-writer-status-never-set/complete-win10-1511.dmp', 'pass', []],
    [
      '05-raw2dmp-no-exception/raw2dmp.dmp',
      'inconclusive',
      [/^the context record is not set at offset 0x378/],
    ],
    ['06-debugger-rdmp-types/type-0.dmp', 'inconclusive', [/^not read: .* 0x0 \(dump of unknown type 0\)/]],
    ['06-debugger-rdmp-types/type-2.dmp', 'inconclusive', [/^not read: .* 0x2 \(summary dump/]],
    ['06-debugger-rdmp-types/type-3.dmp', 'inconclusive', [/^not read: .* 0x3 \(header dump\)/]],
    ['06-debugger-rdmp-types/type-7.dmp', 'inconclusive', [/^not read: .* 0x7 \(automatic dump\)/]],
    [
      '06-debugger-rdmp-types/type-8.dmp',
      'inconclusive',
      [/^not read: .* 0x8 \(kernel memory dump of a deb/],
    ],
    [
      '06-debugger-rdmp-types/type-9.dmp',
      'inconclusive',
      [/^not read: .* 0x9 \(kernel and user memory dump/],
    ],
    ['06-debugger-rdmp-types/type-10.dmp', 'inconclusive', [/^not read: .* 0xa \(complete memory dump/]],
    ['06-debugger-rdmp-types/type-11.dmp', 'inconclusive', [/^not read: .* 0xb \(dump of unknown type 11\)/]],
    ['09-runs-with-small-holes/holes.dmp', 'pass', []],
    ['11-module-names/names.dmp', 'pass', []],
    ['11-module-names/name-paged-out.dmp', 'pass', []],
    ['12-above-4-tib/full-3tib.dmp', 'pass', []],
    ['12-above-4-tib/full-4tib.dmp', 'pass', []],
    ['12-above-4-tib/full-6tib.dmp', 'pass', []],
    ['12-above-4-tib/full-12tib.dmp', 'pass', []],
    ['33-deadfeed-pages/deadfeed.dmp', 'pass', [/^unusual: 21 pages read .* 3 hold only 0xdeadfeed/]],
  ])('%s is %s', (name, verdict, messages) => {
    const report = judge(readFileSync(path.join(cases!, name)))
    expect(report.verdict).toBe(verdict)
    expect(notPassed(report)).toEqual(messages.map((message) => expect.stringMatching(message)))
  })
})
