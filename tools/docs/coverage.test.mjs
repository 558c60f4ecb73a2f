// Every tag names an entry, and every entry has a test or a reason.
import { expect, it } from 'vitest'
import { contradictions, testsIn, testsShown } from './coverage.mjs'

it('finds the tags of the tests', () => {
  expect(testsShown().length).toBeGreaterThan(50)
})

it('finds the title of a test below its tag, plain or with a table', () => {
  const source = [
    '// covers: KIT-1, KIT-2',
    "it('says \\'so\\'', () => {})",
    '  // covers: KIT-3',
    '  it.each([',
    "    ['a', 1],",
    "  ])('counts %s', (a) => {})",
    '',
  ].join('\n')
  expect(testsIn('x.test.ts', source)).toEqual([
    { id: 'KIT-1', file: 'x.test.ts', title: "says 'so'" },
    { id: 'KIT-2', file: 'x.test.ts', title: "says 'so'" },
    { id: 'KIT-3', file: 'x.test.ts', title: 'counts %s' },
  ])
})

it.each(["it.skip('never', () => {})", "describe('many', () => {})", 'const x = 1'])(
  'takes no tag above what shows nothing: %s',
  (line) => {
    expect(() => testsIn('x.test.ts', `// covers: KIT-1\n${line}\n`)).toThrow(
      /^x\.test\.ts: '\/\/ covers: KIT-1' stands above no test$/,
    )
  },
)

it('names an entry without a test or a reason, an unknown one, and one that is there twice', () => {
  const sections = [
    {
      title: 'a',
      entries: [
        { id: 'KIT-1', what: 'x' },
        { id: 'KIT-2', what: 'y', notDone: 'z' },
        { id: 'KIT-2', what: 'y', notDone: 'z' },
      ],
    },
  ]
  expect(contradictions(sections, [{ id: 'KIT-9', file: 'f.test.ts', title: 't' }])).toEqual([
    'KIT-2 is there twice',
    'f.test.ts names KIT-9, which is no entry',
    'KIT-1 has neither a test nor a reason',
  ])
})
