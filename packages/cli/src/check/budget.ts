// The memory that one driver asks for, held against what each Windows has for it in a dump.
import { Interrupted } from '@dumpstack/bytes'
import type { Verdict } from '@dumpstack/crashtest'
import { maxUncachedBytes } from '@dumpstack/drivers'
import { controllerNamed } from '@dumpstack/machine'
import { PROFILES, type Profile } from '@dumpstack/nt'
import type { BudgetCell, BudgetTable, LifeSettings } from '@dumpstack/windows'
import { findDriverController, measureDriverBudget } from '@dumpstack/windows/node'
import type { OpenedDriver } from '../driver/driver-file.ts'
import { ProgressLine } from '../terminal/terminal.ts'
import type { CheckOptions } from './check-file.ts'

export type BudgetRequest = Pick<CheckOptions, 'profile' | 'controller' | 'seed' | 'settings' | 'stopFlag'>

export interface Budget extends BudgetTable {
  readonly file: string
  readonly driver: OpenedDriver['description']
  readonly controller: string
  readonly verdict: Verdict
  readonly limits: readonly BudgetLimit[]
  readonly hostSeconds: number
}

/** What a Windows has for a driver in a dump, and the first cell that asks for more; null where none does. */
export interface BudgetLimit {
  readonly profile: string
  /** The limit of DM-11. */
  readonly advisedBytes: number
  readonly firstPastAdvised: LifeSettings | null
  /** The size of the largest uncached extension. There is no pool. */
  readonly maxBytes: number
  readonly firstPastMax: LifeSettings | null
}

/** Starts the driver once for each cell. */
export function budgetOf(file: string, driver: OpenedDriver, request: BudgetRequest): Budget {
  const startedAt = performance.now()
  const { profile, seed, settings } = request
  const { fileName } = driver.description
  const progress = new ProgressLine()
  const stop = request.stopFlag === undefined ? {} : { stopFlag: request.stopFlag }
  let { controller } = request
  let table: BudgetTable = { axes: [], cells: [], interrupted: true }
  try {
    if (controller === null) progress.show(`measuring ${fileName}: which controller it drives`)
    controller ??= findDriverController(driver, { profile, ...stop }).kind
    const what = `measuring ${fileName} on ${controller}`
    table = measureDriverBudget(driver, {
      profile,
      controller: controllerNamed(controller),
      seed,
      settings,
      ...stop,
      onCell: (cell, cells) => progress.show(`${what}: start ${cell} of ${cells}`),
    })
  } catch (error) {
    // before it was known which controller it drives
    if (!(error instanceof Interrupted)) throw error
  } finally {
    progress.clear()
  }
  return {
    file,
    driver: driver.description,
    controller: controller === null ? 'no controller' : `${controller}0`,
    verdict: verdictOf(table, profile),
    limits: PROFILES.map((one) => limitOf(table, one)),
    ...table,
    hostSeconds: (performance.now() - startedAt) / 1000,
  }
}

export const isPastAdvised = ({ dump }: BudgetCell, { limits }: Profile): boolean =>
  dump.uncachedBytes > limits.noncachedBudget

export const isPastMax = ({ dump }: BudgetCell, profile: Profile): boolean =>
  dump.uncachedBytes > maxUncachedBytes(profile) || dump.poolBytes > 0

function limitOf({ cells }: BudgetTable, profile: Profile): BudgetLimit {
  const first = (isPast: typeof isPastMax): LifeSettings | null =>
    cells.find((cell) => isPast(cell, profile))?.settings ?? null
  return {
    profile: profile.name,
    advisedBytes: profile.limits.noncachedBudget,
    firstPastAdvised: first(isPastAdvised),
    maxBytes: maxUncachedBytes(profile),
    firstPastMax: first(isPastMax),
  }
}

/** A driver may refuse a cell, and one that then asks for less has its dump. */
function verdictOf({ cells, interrupted }: BudgetTable, profile: Profile): Verdict {
  if (interrupted) return 'inconclusive'
  if (cells.some((cell) => isPastMax(cell, profile) && cell.stopped !== null)) return 'fail'
  return cells.some(({ stopped }) => stopped === null) ? 'pass' : 'inconclusive'
}
