import { expect, it } from 'vitest'
import type { CheckedFile, CheckedFinding } from './check-file.ts'
import { checkPage } from './check-page.ts'

const finding = (text: string): CheckedFinding => ({
  verdict: 'fail',
  rule: 'DM-08',
  call: text,
  message: text,
  count: 3,
  phase: 'dump',
  setting: 'queueSize 8',
  settings: {},
  driver: text,
  offset: '0x1db6',
  arguments: [text],
  stack: [text],
  source: { file: text, line: 50 },
  bytes: text,
  irql: text,
  atNs: 42_807_844_000,
  repro: text,
})

const checked = (text: string, findings = [finding(text)]): CheckedFile => ({
  file: text,
  driver: {
    fileName: text,
    byteLength: 14_848,
    sha256: text,
    executed: true,
    pdb: { name: text, identity: text, found: false },
  },
  verdict: 'fail',
  controller: text,
  findings,
  runs: [
    {
      setting: text,
      finished: true,
      bytesWritten: 2 ** 21,
      machineSeconds: 43.5,
      dumpSeconds: 0.25,
      instructions: 1,
      work: 1,
    },
  ],
  interrupted: false,
  hostSeconds: 1.5,
})

it('shows each driver, its findings with their lines, and its lives', () => {
  const known = { ...finding('plain'), verdict: 'warning' as const, knownIssue: 'mended in the next build' }
  const page = checkPage('0.1', [checked('plain', [finding('plain'), known])], 'fail', null)
  expect(page).toContain('1 driver, 2 findings.')
  expect(page).toContain('<code>plain+0x1db6</code>')
  expect(page).toContain('<code>plain:50</code>')
  expect(page).toContain('<dt>Settings</dt><dd>queueSize 8</dd>')
  expect(page).toContain('This happened 3 times.')
  expect(page).toMatch(/known<\/span> DM-08, plain[\s\S]*mended in the next build/)
  expect(page).toContain('<td>whole</td><td>2.0\u00a0MiB</td><td>43.5\u00a0s</td><td>0.250\u00a0s</td>')
})

it('makes no element of any text, and says why a check was broken off', () => {
  const hostile = `"'><script>alert(1)</script>`
  const page = checkPage(hostile, [checked(hostile)], 'inconclusive', hostile)
  const plain = checkPage('plain', [checked('plain')], 'inconclusive', 'plain')
  expect(page.match(/<[a-z0-9]+[ >]/g)).toEqual(plain.match(/<[a-z0-9]+[ >]/g))
  expect(plain).toContain('1 driver, 1 finding. Not all drivers were checked: Plain.')
})

it('is bounded in drivers and findings', () => {
  const many = Array.from({ length: 300 }, () =>
    checked(
      'plain',
      Array.from({ length: 3 }, () => finding('plain')),
    ),
  )
  const page = checkPage('0.1', many, 'fail', null)
  expect(page.match(/<section/g)).toHaveLength(201)
  expect(page).toContain('100 more rows are not shown.')
  const [one] = many
  const findings = Array.from({ length: 2000 }, () => finding('plain'))
  expect(checkPage('0.1', [{ ...one!, findings }], 'fail', null)).toContain(
    '1800 more findings are not shown.',
  )
})
