// `dumpstack check --budget FILE.sys`: the memory that one driver asks for, as text and JSON.
import { Interrupted } from '@dumpstack/bytes'
import { type OpenedDriver, openDriver } from '../driver/driver-file.ts'
import { driverFailure } from '../driver/driver-verdict.ts'
import { exitCodeOf } from '../program/exit-code.ts'
import { catchInterrupts } from '../program/interrupt.ts'
import { UsageError } from '../program/usage-error.ts'
import { printJson, printLines } from '../terminal/terminal.ts'
import { type Budget, type BudgetRequest, budgetOf } from './budget.ts'
import { budgetLines } from './budget-lines.ts'
import { driverFiles } from './driver-files.ts'

const SCHEMA = 'docs/schema/budget-result.schema.json'

interface BudgetCommand extends BudgetRequest {
  readonly places: readonly string[]
  readonly pdb: string | null
  readonly json: boolean
  readonly toolVersion: string
}

export function runBudget(request: BudgetCommand): number {
  const [file, ...more] = driverFiles(request.places)
  if (file === undefined || more.length > 0)
    throw new UsageError(`--budget takes one driver, and ${more.length + 1} are given`)
  const driver = openedDriver(file, request.pdb)
  const interrupt = catchInterrupts()
  try {
    const { stopFlag } = interrupt
    const budget = budgetOf(file, driver, { ...request, ...(stopFlag !== undefined && { stopFlag }) })
    if (request.json) printJson(resultOf(request, budget))
    else printLines(budgetLines(budget, request.profile))
    if (budget.interrupted) throw new Interrupted()
    return exitCodeOf(budget.verdict)
  } catch (error) {
    throw driverFailure(error)
  } finally {
    interrupt.release()
    driver.close()
  }
}

function openedDriver(file: string, pdb: string | null): OpenedDriver {
  try {
    return openDriver(file, pdb)
  } catch (error) {
    throw driverFailure(error)
  }
}

const resultOf = ({ profile, seed, settings, toolVersion }: BudgetCommand, budget: Budget): object => ({
  schema: SCHEMA,
  productVersion: toolVersion,
  options: { profile: profile.name, seed, settings },
  ...budget,
})
