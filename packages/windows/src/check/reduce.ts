// From a life with many settings that showed a finding to the few that the finding needs: the life runs again with some of them
// (Zeller, Hildebrandt: Simplifying and Isolating Failure-Inducing Input, IEEE TSE 28(2), 2002).
import type { DriverFinding } from './driver-finding.ts'
import type { LifeResult } from './life.ts'
import type { LifeSettings } from './settings.ts'

/** Of one finding: settings that show it, each without the others. */
const MAX_CAUSES = 3
/** Lives for one of them; past it the finding keeps what it has. */
const MAX_LIVES = 32

type Setting = readonly [key: string, value: number | string]

/** Whether it is the same defect, on whatever settings and so with other numbers. */
const isSame = (one: DriverFinding, other: DriverFinding): boolean =>
  one.rule === other.rule && one.call === other.call && one.offset === other.offset

/**
 * Each finding once for each cause, as the life showed it that has nothing but the cause and `fixed`. `lives` are those of the plan, the
 * plain one first; `live` runs one more.
 */
export function reduceFindings(
  lives: readonly LifeResult[],
  fixed: LifeSettings,
  live: (life: LifeSettings) => LifeResult,
): DriverFinding[] {
  const reduced: DriverFinding[] = []
  for (const finding of lives.flatMap(({ findings }) => findings)) {
    const isKnown = reduced.some((one) => isSame(one, finding) && isWithin(one.settings, finding.settings))
    if (isKnown || reduced.filter((one) => isSame(one, finding)).length >= MAX_CAUSES) continue
    const cause = reduceOne(finding, lives, fixed, live)
    // 64 processors are the cause that 16 were
    const isOtherValue = reduced.some((one) => isSame(one, cause) && keysOf(one) === keysOf(cause))
    if (!isOtherValue) reduced.push(cause)
  }
  return reduced
}

const keysOf = ({ settings }: DriverFinding): string => Object.keys(settings).sort().join()

const isWithin = (few: LifeSettings, many: LifeSettings): boolean =>
  Object.entries(few).every(([key, value]) => many[key] === value)

/**
 * The life without the settings that a finding needed, whatever their values in it: a finding stands for all values of its settings. None
 * where there is no such finding, or where nothing would be left.
 */
export function withoutCause(life: LifeSettings, findings: readonly DriverFinding[]): LifeSettings[] {
  const isCause = ({ settings }: DriverFinding): boolean => {
    const keys = Object.keys(settings)
    return keys.length > 0 && keys.every((key) => key in life)
  }
  const cause = findings.find(isCause)
  if (cause === undefined) return []
  const rest = Object.entries(life).filter(([key]) => !(key in cause.settings))
  return rest.length === 0 ? [] : [Object.fromEntries(rest)]
}

function reduceOne(
  finding: DriverFinding,
  lives: readonly LifeResult[],
  fixed: LifeSettings,
  live: (life: LifeSettings) => LifeResult,
): DriverFinding {
  let tried = 0
  /** The finding, where it shows with these settings too. */
  const shows = (settings: readonly Setting[]): DriverFinding | null => {
    if (tried++ >= MAX_LIVES) return null
    const { findings } = live({ ...fixed, ...Object.fromEntries(settings) })
    return findings.find((one) => isSame(one, finding)) ?? null
  }
  let left = suspects(finding, lives, fixed)
  let found = finding
  if (left.length <= 1) return found
  // most defects need one setting, and the other lives say which it can be
  for (const setting of left) {
    if (innocence(setting, finding, lives) > 0) continue
    const alone = shows([setting])
    if (alone !== null) return alone
  }
  for (let size = left.length >> 1; size >= 1; size >>= 1) {
    for (let from = 0; from < left.length; ) {
      const rest = [...left.slice(0, from), ...left.slice(from + size)]
      const again = rest.length === 0 ? null : shows(rest)
      if (again === null) from += size
      else [left, found] = [rest, again]
    }
  }
  return found
}

/** The settings of its life, those first that the other lives speak against. */
function suspects(finding: DriverFinding, lives: readonly LifeResult[], fixed: LifeSettings): Setting[] {
  const guilt = (setting: Setting): number =>
    lives.filter((one) => has(one, setting) && one.findings.some((its) => isSame(its, finding))).length -
    innocence(setting, finding, lives) * lives.length
  return Object.entries(finding.settings)
    .filter(([key]) => !(key in fixed))
    .map((setting) => ({ setting, guilt: guilt(setting) }))
    .sort((a, b) => b.guilt - a.guilt)
    .map(({ setting }) => setting)
}

/** Lives with the setting that went to their end without the finding. */
const innocence = (setting: Setting, finding: DriverFinding, lives: readonly LifeResult[]): number =>
  lives.filter(
    (one) => one.run.finished && has(one, setting) && !one.findings.some((its) => isSame(its, finding)),
  ).length

const has = ({ life }: LifeResult, [key, value]: Setting): boolean => life[key] === value
