// `dumpstack check FILE.sys`: the contract check of a driver file, as text, JSON and SARIF.
import { writeFileSync } from 'node:fs'
import type { TargetDriver } from '@dumpstack/crashtest'
import { printable } from '@dumpstack/crashtest'
import { onHost } from '@dumpstack/crashtest/node'
import type { ControllerKind } from '@dumpstack/machine'
import type { DriverCheckReport, DriverFinding } from '@dumpstack/windows'
import { checkDriverFile } from '@dumpstack/windows/node'
import { type OpenedDriver, openDriver } from './driver-file.ts'
import { driverFailure } from './driver-verdict.ts'
import { exitCodeOf } from './exit-code.ts'
import { sarifOf } from './sarif.ts'
import { colorsFor } from './terminal.ts'

export const CHECK_SCHEMA = 'docs/schema/check-result.schema.json'

export interface CheckRequest {
  readonly file: string
  readonly pdb: string | null
  readonly controller: ControllerKind
  readonly seed: number
  readonly sarif: string | null
  readonly json: boolean
  readonly toolVersion: string
}

export function runCheck(request: CheckRequest): number {
  const startedAt = performance.now()
  const driver = open(request)
  let report: DriverCheckReport
  try {
    report = checkDriverFile(driver, request.controller, request.seed)
  } catch (error) {
    throw driverFailure(error)
  } finally {
    driver.close()
  }
  const { description } = driver
  const repro = reproOf(request)
  const { sarif, file, toolVersion } = request
  if (sarif !== null) {
    const { sha256 } = description
    const log = sarifOf({ toolVersion, file, sha256, findings: report.findings, repro })
    onHost(`write ${sarif}`, () => writeFileSync(sarif, `${JSON.stringify(log, null, 2)}\n`))
  }
  const seconds = (performance.now() - startedAt) / 1000
  process.stdout.write(
    request.json
      ? `${JSON.stringify(asJson(description, report, repro), null, 2)}\n`
      : asText(description, report, repro, seconds),
  )
  return exitCodeOf(report.verdict)
}

function open({ file, pdb }: CheckRequest): OpenedDriver {
  try {
    return openDriver(file, pdb)
  } catch (error) {
    throw driverFailure(error)
  }
}

function reproOf({ file, pdb, controller, seed }: CheckRequest): string {
  const parts = ['dumpstack check', JSON.stringify(file), `--controller ${controller}`, `--seed ${seed}`]
  if (pdb !== null) parts.push(`--pdb ${JSON.stringify(pdb)}`)
  return parts.join(' ')
}

const asJson = (driver: TargetDriver, report: DriverCheckReport, repro: string): object => ({
  schema: CHECK_SCHEMA,
  verdict: report.verdict,
  driver,
  controller: report.controller,
  findings: report.findings.map((finding) => ({ ...finding, repro })),
  runs: report.runs,
})

function asText(
  driver: TargetDriver,
  { verdict, controller, findings, runs }: DriverCheckReport,
  repro: string,
  seconds: number,
): string {
  const colors = colorsFor(process.stdout)
  const { fileName, byteLength, sha256, pdb } = driver
  const names = pdb === null ? 'no PDB' : `${pdb.name}${pdb.found ? '' : ' not found'}`
  const lines = [
    `${fileName}, ${byteLength} bytes, SHA-256 ${sha256.slice(0, 16)}..., ${names}, on ${controller}`,
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
