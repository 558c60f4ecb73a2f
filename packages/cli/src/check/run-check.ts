// `dumpstack check FILE.sys`: the contract check of a driver file, as text, JSON and SARIF.
import path from 'node:path'
import { printableJson } from '@dumpstack/bytes'
import { controllerNamed } from '@dumpstack/machine'
import type { Profile } from '@dumpstack/nt'
import {
  type DriverCheckReport,
  type DriverFinding,
  type LifeSettings,
  lifeOptions,
} from '@dumpstack/windows'
import { checkDriverFile, findDriverController } from '@dumpstack/windows/node'
import { DriverFailure } from '../driver/driver-failure.ts'
import { besideOf, type OpenedDriver, openDriver } from '../driver/driver-file.ts'
import { driverFailure } from '../driver/driver-verdict.ts'
import { checkOutput, writeOutput } from '../files/output-file.ts'
import { exitCodeOf } from '../program/exit-code.ts'
import { shellWord } from '../terminal/shell-word.ts'
import { ProgressLine, printJson, printLines } from '../terminal/terminal.ts'
import { DEFAULT_CONTROLLER, DEFAULT_PROFILE } from '../test/test-options.ts'
import { type Checked, checkLines } from './check-lines.ts'
import { sarifOf } from './sarif.ts'

const CHECK_SCHEMA = 'docs/schema/check-result.schema.json'

export interface CheckRequest {
  readonly file: string
  readonly pdb: string | null
  readonly profile: Profile
  /** Null: the one that the driver says it drives. */
  readonly controller: string | null
  readonly seed: number
  /** Of every life. */
  readonly settings: LifeSettings
  /** Whether the plan runs around them, or the one life that they are. */
  readonly isWhole: boolean
  readonly sarif: string | null
  readonly json: boolean
  readonly toolVersion: string
}

export function runCheck(request: CheckRequest): number {
  const startedAt = performance.now()
  const { sarif, file, toolVersion } = request
  if (sarif !== null) checkOutput('--sarif', 'sarif', sarif, [file, request.pdb ?? besideOf(file)])
  const checked = check(request)
  const { driver, report, reproOf } = checked
  const seconds = (performance.now() - startedAt) / 1000
  if (request.json) printJson(asJson(checked))
  else printLines(checkLines(checked, seconds))
  if (sarif !== null) {
    const sha256 = driver.executed ? driver.sha256 : null
    const log = sarifOf({ toolVersion, file, sha256, findings: report.findings, reproOf })
    writeOutput(sarif, `${printableJson(JSON.stringify(log, null, 2))}\n`)
  }
  return exitCodeOf(report.verdict)
}

function check(request: CheckRequest): Checked {
  const { file, pdb, profile, seed } = request
  const fileName = path.basename(file)
  let driver: OpenedDriver
  try {
    driver = openDriver(file, pdb)
  } catch (error) {
    const controller = request.controller ?? DEFAULT_CONTROLLER
    return {
      driver: { fileName, executed: false },
      report: refused(fileName, 'load', `${controller}0`, error),
      reproOf: (finding) => reproOf(request, controller, finding.settings),
    }
  }
  const progress = new ProgressLine()
  try {
    if (request.controller === null) progress.show(`checking ${fileName}: which controller it drives`)
    const controller = request.controller ?? findDriverController(driver, profile).kind
    const report = checkDriverFile(driver, {
      profile,
      controller: controllerNamed(controller),
      seed,
      settings: request.settings,
      isWhole: request.isWhole,
      onProgress: ({ life, lives, setting, phase }) => {
        const which = lives === 0 ? 'what a finding needs' : `life ${life} of ${lives}`
        progress.show(`checking ${fileName} on ${controller}, ${which}: ${setting}, ${phase}`)
      },
    })
    return {
      driver: driver.description,
      report,
      reproOf: (finding) => reproOf(request, controller, finding.settings),
    }
  } catch (error) {
    // neither controller is its own; all else that it does is in a report
    const report = refused(fileName, 'start', 'no controller', error)
    return { driver: driver.description, report, reproOf: () => reproOf(request, null, {}) }
  } finally {
    progress.clear()
    driver.close()
  }
}

/** The report of a driver that no check was made of; throws what is not its fault. */
function refused(
  fileName: string,
  call: 'load' | 'start',
  controller: string,
  error: unknown,
): DriverCheckReport {
  const failure = driverFailure(error)
  if (!(failure instanceof DriverFailure)) throw error
  const finding: DriverFinding = {
    verdict: failure.verdict,
    rule: failure.code,
    call,
    message: failure.message,
    count: 1,
    phase: 'start',
    setting: 'any',
    settings: {},
    driver: fileName,
    arguments: [],
    stack: [],
    atNs: 0,
  }
  return { verdict: failure.verdict, controller, findings: [finding], runs: [] }
}

/** The command that runs just the life that showed a finding. */
function reproOf(
  { file, pdb, profile, seed }: CheckRequest,
  controller: string | null,
  settings: LifeSettings,
): string {
  const parts = ['dumpstack check', shellWord(file)]
  if (controller !== null) {
    const options = lifeOptions(controllerNamed(controller), settings)
    parts.push(`--controller ${controller}`, ...(options.length === 0 ? ['--plan one'] : options))
  }
  if (profile !== DEFAULT_PROFILE) parts.push(`--profile ${profile.name}`)
  parts.push(`--seed ${seed}`)
  if (pdb !== null) parts.push(`--pdb ${shellWord(pdb)}`)
  return parts.join(' ')
}

const asJson = ({ driver, report, reproOf }: Checked): object => ({
  schema: CHECK_SCHEMA,
  verdict: report.verdict,
  driver,
  controller: report.controller,
  findings: report.findings.map((finding) => ({ ...finding, repro: reproOf(finding) })),
  runs: report.runs,
})
