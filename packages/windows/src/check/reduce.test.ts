import { expect, it } from 'vitest'
import type { DriverFinding } from './driver-finding.ts'
import type { LifeResult } from './life.ts'
import { reduceFindings, withoutCause } from './reduce.ts'
import { type LifeSettings, lifeText } from './settings.ts'

const findingOf = (settings: LifeSettings, rule: string): DriverFinding => ({
  verdict: 'fail',
  rule,
  call: 'HwStartIo',
  message: 'is broken',
  count: 1,
  phase: 'dump',
  setting: lifeText(settings),
  settings,
  driver: 'dump_x.sys',
  arguments: [],
  stack: [],
  atNs: 0,
})

/** Lives of a driver that breaks a rule wherever one of its causes is among the settings. */
function driver(causes: Readonly<Record<string, readonly LifeSettings[]>>) {
  let count = 0
  const live = (life: LifeSettings): LifeResult => {
    count++
    const broken = Object.keys(causes).filter((rule) =>
      causes[rule]!.some((cause) => Object.entries(cause).every(([key, value]) => life[key] === value)),
    )
    return {
      life,
      run: {
        setting: lifeText(life),
        finished: true,
        bytesWritten: 0,
        instructions: 0,
        work: 0,
        machineSeconds: 0,
        dumpSeconds: 0,
      },
      findings: broken.map((rule) => findingOf(life, rule)),
      isJudged: true,
      start: { failure: null, reached: 'adapter' },
    }
  }
  return {
    settingsOf: (plan: readonly LifeSettings[], fixed: LifeSettings = {}): string[] => {
      const lives = plan.map(live)
      count = 0
      return reduceFindings(lives, fixed, live).map(({ rule, setting }) => `${rule} on ${setting}`)
    },
    /** Lives beside the plan's. */
    get count() {
      return count
    },
  }
}

const MANY = { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8 }

it.each<[string, Readonly<Record<string, readonly LifeSettings[]>>, string[]]>([
  ['one setting', { x: [{ e: 5 }] }, ['x on e 5']],
  ['two settings', { x: [{ b: 2, g: 7 }] }, ['x on b 2, g 7']],
  ['three settings', { x: [{ a: 1, d: 4, h: 8 }] }, ['x on a 1, d 4, h 8']],
  ['no setting', { x: [{}] }, ['x on plain']],
  ['two defects', { x: [{ c: 3 }], y: [{ f: 6 }] }, ['x on c 3', 'y on f 6']],
])('names what a defect of %s needs', (_what, causes, expected) => {
  const { settingsOf } = driver(causes)
  const found = settingsOf([{}, MANY])
  expect(
    found.map((text) =>
      text.replace(/ on (.*)$/, (_, words: string) => ` on ${words.split(', ').sort().join(', ')}`),
    ),
  ).toEqual(expected)
})

it('finds the setting at once that the other lives do not speak for', () => {
  const one = driver({ x: [{ h: 8 }] })
  const { h: _, ...others } = MANY
  expect(one.settingsOf([{}, others, MANY])).toEqual(['x on h 8'])
  expect(one.count).toBe(1)
})

it('names two settings that show the same defect each, and one of two values of a setting', () => {
  const either = driver({ x: [{ a: 1 }, { b: 2 }] })
  expect(either.settingsOf([{}, { a: 1, c: 3 }, { b: 2, d: 4 }])).toEqual(['x on a 1', 'x on b 2'])
  const both = driver({ x: [{ a: 1 }, { a: 2 }] })
  expect(both.settingsOf([{}, { a: 1, c: 3 }, { a: 2, d: 4 }])).toEqual(['x on a 1'])
})

it('leaves the settings alone that every life has', () => {
  expect(driver({ x: [{ a: 1, b: 2 }] }).settingsOf([{ a: 1 }, { a: 1, b: 2, c: 3 }], { a: 1 })).toEqual([
    'x on a 1, b 2',
  ])
})

it('runs a life again without what ended it, also where that had another value', () => {
  const known = [findingOf({}, 'x'), findingOf({ queueSize: 16 }, 'y')]
  expect(withoutCause({ queueSize: 8, segMax: 8 }, known)).toEqual([{ segMax: 8 }])
  expect(withoutCause({ segMax: 8 }, known)).toEqual([])
  expect(withoutCause({ queueSize: 8 }, known)).toEqual([])
})
