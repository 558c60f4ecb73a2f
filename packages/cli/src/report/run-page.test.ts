// What a page shows is held against facts that are written out here; how it looks in a browser is tests/e2e/report.test.ts.
import { createHash } from 'node:crypto'
import type { ReportedViolation } from '@dumpstack/crashtest'
import { describe, expect, it } from 'vitest'
import type { DumpFacts, RunFacts } from './run-facts.ts'
import { runPage } from './run-page.ts'

const HOSTILE = `"'><script>alert(1)</script><img src=x onerror=alert(2)>&\u202e\x1b[2J`

const violation = (text: string): ReportedViolation => ({
  severity: 'fail',
  rule: 'DM-08',
  call: text,
  message: text,
  count: 2,
  driver: text,
  address: '0x1000',
  offset: '0x10',
  irql: text,
  atNs: 1_234_567,
  arguments: [text],
  bytes: text,
  stack: [text, text],
  source: { file: text, line: 42 },
  repro: text,
  debug: text,
})

const dump = (text: string, violations: readonly ReportedViolation[]): DumpFacts => ({
  variant: null,
  type: 'full',
  crash: {
    shown: { code: 0xe2, parameters: [0n, 0n, 0n, 0n] },
    screen: [text],
    finalStatus: 0,
    bytesWritten: 4096,
    failure: text,
    seconds: 1,
    crashedAt: 1_704_067_200_000,
    violations,
    inFlight: { commands: 0, completed: 0, leaked: [] },
  },
  examination: {
    type: 'full',
    verdict: 'fail',
    file: text,
    dumpType: 5,
    bugcheck: null,
    pagesInDump: 1,
    truth: null,
    writtenBy: [],
    seconds: 1,
    bytesPerSecond: 1,
    checks: [
      { id: 'truth', verdict: 'fail', message: text },
      { id: text, verdict: 'fail', message: text, causedBy: 'truth' },
      { id: 'file', verdict: 'pass', message: 'found, 4096 bytes' },
    ],
    byteLength: 4096,
  },
  findings: [{ check: 'truth', verdict: 'fail', message: text, pfn: 0x1234, found: text }],
  events: [{ id: 1, source: 'EventLog', at: 1_704_067_200_000, text, fields: {} }],
  memory: { kind: 'unknown', why: text },
  writes: null,
})

const facts = (text: string, violations: readonly ReportedViolation[] = [violation(text)]): RunFacts => ({
  verdict: 'fail',
  productVersion: text,
  runId: text,
  systems: [
    {
      variant: null,
      seed: 1,
      target: {
        profile: text,
        controller: text,
        driver: {
          fileName: text,
          sha256: text,
          byteLength: 1,
          executed: true,
          pdb: { name: text, identity: text, found: true },
        },
        seed: 1,
        cpuCount: 4,
        ramBytes: 2 ** 29,
        pageFileBytes: 2 ** 29,
        freeBytesOnC: 0,
        stack: [
          {
            nameOnDisk: text,
            baseName: text,
            fullName: text,
            base: 0xfffff800n << 32n,
            size: 4096,
            purpose: text,
            state: 'loaded',
          },
        ],
      },
    },
  ],
  dumps: [dump(text, violations)],
  steps: [
    { variant: null, title: text, dump: 'full', beganAt: 1_704_067_200_000, end: null },
    {
      variant: null,
      title: 'restart',
      dump: null,
      beganAt: 1_704_067_200_000,
      end: { at: 1_704_067_201_500, verdict: 'pass', hostSeconds: 0.25 },
    },
  ],
  messages: [{ at: 1_704_067_200_000, level: 'x', text }],
})

const tagsOf = (page: string): string[] =>
  [...new Set([...page.matchAll(/<([a-z0-9]+)[\s>]/g)].map(([, tag]) => tag!))].sort()

describe('texts of a run', () => {
  it('make no element and no attribute, wherever they stand', () => {
    const page = runPage(facts(HOSTILE))
    const plain = runPage(facts('plain'))
    expect(tagsOf(page)).toEqual(tagsOf(plain))
    expect(page.split('<').length).toBe(plain.split('<').length)
    expect(page.match(/[a-z-]+="/g)).toEqual(plain.match(/[a-z-]+="/g))
    expect(page.replaceAll('\n', '')).not.toMatch(/[\p{Cf}\p{Cc}]/u)
    expect(page.match(/alert\(1\)/g)?.length).toBe(plain.match(/plain/gi)?.length)
  })

  it('are bounded in number and length', () => {
    const long = 'x'.repeat(100_000)
    const page = runPage({
      ...facts(
        'plain',
        Array.from({ length: 5000 }, (_, index) => violation(`plain ${index}`)),
      ),
      messages: Array.from({ length: 50_000 }, () => ({ at: 0, level: 'i' as const, text: 'plain' })),
      steps: Array.from({ length: 5000 }, () => facts(long).steps[1]!),
    })
    expect(page.length).toBeLessThan(1_000_000)
    const [system] = facts('plain').systems
    const tall = {
      ...dump('plain', [{ ...violation('plain'), stack: Array.from({ length: 50_000 }, () => 'plain') }]),
    }
    const screen = Array.from({ length: 50_000 }, () => 'plain')
    const tower = runPage({
      ...facts('plain'),
      systems: Array.from({ length: 5000 }, () => system!),
      dumps: [{ ...tall, crash: { ...tall.crash!, screen } }],
    })
    expect(tower.length).toBeLessThan(50_000)
    for (const rest of ['4800 more findings', '49000 more messages', '4800 more rows'])
      expect(page).toContain(`${rest} are not shown.`)
  })
})

it('allows its own style and nothing else', () => {
  const page = runPage(facts('plain'))
  const [, style = ''] = /<style>([\s\S]*)<\/style>/.exec(page) ?? []
  const hash = createHash('sha256').update(style).digest('base64')
  expect(page).toContain(
    `content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'"`,
  )
  expect(tagsOf(page)).not.toContain('script')
  expect(page).not.toMatch(/ (style|src|on\w+)="|url\(|@import/)
})

it('says what a person asks: verdict and why, findings with their lines, steps with their times', () => {
  const page = runPage(facts('plain'))
  expect(page).toContain('There are 2 findings.')
  expect(page).toContain('<code>plain:42</code>')
  expect(page).toContain('<code>0x1234</code>')
  expect(page).toContain('This happened 2 times.')
  expect(page).toContain('at 1.234\u00a0ms of machine time')
  expect(page).toContain('These checks do not pass for the same cause: plain.')
  expect(page).toMatch(
    /restart<\/th><td>.*pass.*<td><time>2024-01-01 00:00:00.000<\/time><\/td><td>1.500\u00a0s<\/td><td>0.250\u00a0s<\/td>/,
  )
  expect(page).toContain('did not end')
})

it('has headings in their order', () => {
  const levels = [...runPage(facts('plain')).matchAll(/<h(\d)/g)].map(([, level]) => Number(level))
  expect(levels[0]).toBe(1)
  for (const [index, level] of levels.slice(1).entries())
    expect(level - levels[index]!).toBeLessThanOrEqual(1)
})

it('says that a run has no end yet', () => {
  const page = runPage({ ...facts('plain'), verdict: null })
  expect(page).toContain('Verdict: none yet')
  expect(page).toContain('The run has not come to its end: it was stopped or killed, or it goes on.')
})
