// `dumpstack check FILE.sys`: the contract check of a driver file, as text, JSON and SARIF.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { TargetDriver } from '@dumpstack/crashtest'
import { printable } from '@dumpstack/crashtest'
import { onHost } from '@dumpstack/crashtest/node'
import type { ControllerKind } from '@dumpstack/machine'
import type { DriverCheckReport, DriverFinding } from '@dumpstack/windows'
import { checkDriverFile, findDriverController } from '@dumpstack/windows/node'
import { DriverFailure } from './driver-failure.ts'
import { type OpenedDriver, openDriver } from './driver-file.ts'
import { driverFailure } from './driver-verdict.ts'
import { exitCodeOf } from './exit-code.ts'
import { sarifOf } from './sarif.ts'
import { colorsFor } from './terminal.ts'
import { DEFAULT_CONTROLLER } from './test-options.ts'

export const CHECK_SCHEMA = 'docs/schema/check-result.schema.json'

export interface CheckRequest {
  readonly file: string
  readonly pdb: string | null
  /** Null: the one that the driver says it drives. */
  readonly controller: ControllerKind | null
  readonly seed: number
  readonly sarif: string | null
  readonly json: boolean
  readonly toolVersion: string
}

/** What was checked; a file that no system would load is known by its name alone. */
type CheckedFile = TargetDriver | { readonly fileName: string; readonly executed: false }

interface Checked {
  readonly driver: CheckedFile
  readonly report: DriverCheckReport
  readonly repro: string
}

export function runCheck(request: CheckRequest): number {
  const startedAt = performance.now()
  const checked = check(request)
  const { driver, report, repro } = checked
  const { sarif, file, toolVersion } = request
  if (sarif !== null) {
    const sha256 = driver.executed ? driver.sha256 : null
    const log = sarifOf({ toolVersion, file, sha256, findings: report.findings, repro })
    onHost(`write ${sarif}`, () => writeFileSync(sarif, `${JSON.stringify(log, null, 2)}\n`))
  }
  const seconds = (performance.now() - startedAt) / 1000
  process.stdout.write(
    request.json ? `${JSON.stringify(asJson(checked), null, 2)}\n` : asText(checked, seconds),
  )
  return exitCodeOf(report.verdict)
}

function check(request: CheckRequest): Checked {
  const { file, pdb, seed } = request
  const fileName = path.basename(file)
  let driver: OpenedDriver
  try {
    driver = openDriver(file, pdb)
  } catch (error) {
    const controller = request.controller ?? DEFAULT_CONTROLLER
    return {
      driver: { fileName, executed: false },
      report: refused(fileName, 'load', `${controller}0`, error),
      repro: reproOf(request, controller),
    }
  }
  try {
    const controller = request.controller ?? findDriverController(driver)
    const report = checkDriverFile(driver, controller, seed)
    return { driver: driver.description, report, repro: reproOf(request, controller) }
  } catch (error) {
    // neither controller is its own; all else that it does is in a report
    const report = refused(fileName, 'start', 'no controller', error)
    return { driver: driver.description, report, repro: reproOf(request, null) }
  } finally {
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
    phase: 'start',
    hardware: 'any',
    driver: fileName,
    arguments: [],
    stack: [],
    atNs: 0,
  }
  return { verdict: failure.verdict, controller, findings: [finding], runs: [] }
}

function reproOf({ file, pdb, seed }: CheckRequest, controller: ControllerKind | null): string {
  const parts = ['dumpstack check', JSON.stringify(file)]
  if (controller !== null) parts.push(`--controller ${controller}`)
  parts.push(`--seed ${seed}`)
  if (pdb !== null) parts.push(`--pdb ${JSON.stringify(pdb)}`)
  return parts.join(' ')
}

const asJson = ({ driver, report, repro }: Checked): object => ({
  schema: CHECK_SCHEMA,
  verdict: report.verdict,
  driver,
  controller: report.controller,
  findings: report.findings.map((finding) => ({ ...finding, repro })),
  runs: report.runs,
})

function asText({ driver, report, repro }: Checked, seconds: number): string {
  const { verdict, controller, findings, runs } = report
  const colors = colorsFor(process.stdout)
  const lines = [
    driver.executed ? `${describe(driver)}, on ${controller}` : driver.fileName,
    ...runs.map(
      (run) =>
        `  ${run.hardware}: ${run.bytesWritten} bytes written, ${run.finished ? 'finished' : 'not finished'}, ${run.instructions} instructions`,
    ),
    ...findings.flatMap((finding) => ['', ...findingLines(finding)]),
    ...(findings.length > 0 ? ['', `Again: ${repro}`] : []),
    '',
    `Verdict: ${colors.bold(verdict)}, ${findings.length} finding${findings.length === 1 ? '' : 's'}, after ${seconds.toFixed(1)} s`,
    '',
  ]
  return lines.map(printable).join('\n')
}

function describe({ fileName, byteLength, sha256, pdb }: TargetDriver): string {
  const names = pdb === null ? 'no PDB' : `${pdb.name}${pdb.found ? '' : ' not found'}`
  return `${fileName}, ${byteLength} bytes, SHA-256 ${sha256.slice(0, 16)}..., ${names}`
}

function findingLines(finding: DriverFinding): string[] {
  const { verdict, rule, call, message, phase, hardware, driver, offset, bytes, irql, atNs } = finding
  const place = offset === undefined ? driver : `${driver}+${offset}`
  const at = `${(atNs / 1e6).toFixed(3)} ms`
  return [
    `${verdict}  ${rule}  ${call}`,
    `      ${message}`,
    `      at ${place}${irql === undefined ? '' : `, IRQL ${irql}`}, ${at}, ${phase}, ${hardware}`,
    ...(finding.arguments.length > 0 ? [`      arguments ${finding.arguments.join(', ')}`] : []),
    ...(bytes === undefined ? [] : [`      bytes ${bytes}`]),
    ...finding.stack.map((frame) => `      ${frame}`),
  ]
}
