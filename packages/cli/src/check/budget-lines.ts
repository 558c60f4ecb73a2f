// What `dumpstack check --budget` prints for people.
import type { Profile } from '@dumpstack/nt'
import type { BudgetCell, BudgetStop, LifeSettings } from '@dumpstack/windows'
import { bold, type Line, painted } from '../terminal/painted.ts'
import { type Budget, type BudgetLimit, isPastAdvised, isPastMax } from './budget.ts'
import { describe } from './check-lines.ts'

export function budgetLines(budget: Budget, profile: Profile): Line[] {
  const { driver, controller, cells, limits, interrupted, hostSeconds } = budget
  const stops = [...new Set(cells.flatMap(({ stopped }) => (stopped === null ? [] : [stopText(stopped)])))]
  const letter = ({ stopped }: BudgetCell): string =>
    stopped === null ? '' : letterOf(stops.indexOf(stopText(stopped)))
  const inDump = (cell: BudgetCell): string => {
    const mark = isPastMax(cell, profile) ? '!' : isPastAdvised(cell, profile) ? '*' : ''
    return cell.stopped?.phase === 'start'
      ? `-${letter(cell)}`
      : `${askedText(cell.dump)}${mark}${letter(cell)}`
  }
  const own = limits.find((limit) => limit.profile === profile.name)!
  return [
    `${describe(driver)}, on ${controller}`,
    ...tableOf(budget, 'Bytes of uncached extension (+ pool) in a dump', inDump),
    ...tableOf(budget, 'The same while the system runs', (cell) => askedText(cell.running)),
    '',
    ...(cells.some((cell) => isPastAdvised(cell, profile))
      ? [`* more than the ${sizeText(own.advisedBytes)} bytes of DM-11`]
      : []),
    ...(cells.some((cell) => isPastMax(cell, profile))
      ? [`! more than there is in a dump: ${sizeText(own.maxBytes)} bytes, and no pool`]
      : []),
    ...stops.map((text, index) => `${letterOf(index)} ${text}`),
    ...limits.flatMap(limitLines),
    '',
    painted`Verdict: ${bold(interrupted ? 'inconclusive: interrupted' : budget.verdict)}, ${cells.length} starts, after ${hostSeconds.toFixed(1)} s`,
  ]
}

const letterOf = (index: number): string => (index < 26 ? String.fromCharCode(97 + index) : `(${index})`)
const stopText = ({ rule, message }: BudgetStop): string => `${rule}: ${message}`
const sizeText = (bytes: number): string => bytes.toLocaleString('en-US')
const askedText = ({ uncachedBytes, poolBytes }: BudgetCell['dump']): string =>
  `${sizeText(uncachedBytes)}${poolBytes > 0 ? `+${sizeText(poolBytes)}` : ''}`
const cellText = (settings: LifeSettings): string =>
  Object.entries(settings)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ')

/** A line for the values of all axes but the last, whose values are columns. */
function tableOf({ axes, cells }: Budget, title: string, textOf: (cell: BudgetCell) => string): string[] {
  const columns = axes.at(-1) ?? { key: '', values: [''] }
  const heads = columns.values.map((value) => `${columns.key} ${value}`)
  const rows = Array.from({ length: Math.ceil(cells.length / heads.length) }, (_, row) =>
    cells.slice(row * heads.length, (row + 1) * heads.length),
  )
  const names = rows.map(([first]) => cellText(withoutKey(first!.settings, columns.key)))
  const width = Math.max(...names.map((name) => name.length))
  const wide = Math.max(...[...heads, ...cells.map(textOf)].map((text) => text.length))
  const line = (name: string, texts: readonly string[]): string =>
    `  ${name.padEnd(width)}${texts.map((text) => `  ${text.padStart(wide)}`).join('')}`.trimEnd()
  return ['', title, line('', heads), ...rows.map((row, index) => line(names[index]!, row.map(textOf)))]
}

const withoutKey = (settings: LifeSettings, key: string): LifeSettings =>
  Object.fromEntries(Object.entries(settings).filter(([name]) => name !== key))

const limitLines = (limit: BudgetLimit): string[] => [
  `${limit.profile}: first past ${sizeText(limit.advisedBytes)} bytes: ${firstText(limit.firstPastAdvised)}`,
  `${limit.profile}: first past what there is: ${firstText(limit.firstPastMax)}`,
]
const firstText = (settings: LifeSettings | null): string =>
  settings === null ? 'none' : cellText(settings) || 'this one'
