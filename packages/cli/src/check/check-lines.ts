// What `dumpstack check` prints for people.
import type { TargetDriver } from '@dumpstack/target'
import type { DriverCheckReport, DriverFinding } from '@dumpstack/windows'
import { bold, type Line, painted, red, yellow } from '../terminal/painted.ts'

/** What was checked; a file that no system would load is known by its name alone. */
type CheckedFile = TargetDriver | { readonly fileName: string; readonly executed: false }

export interface Checked {
  readonly driver: CheckedFile
  readonly report: DriverCheckReport
  /** The command that shows a finding again. */
  readonly reproOf: (finding: DriverFinding) => string
}

export function checkLines({ driver, report, reproOf }: Checked, seconds: number): Line[] {
  const { verdict, controller, findings, runs } = report
  return [
    driver.executed ? `${describe(driver)}, on ${controller}` : driver.fileName,
    ...runs.map(
      (run) =>
        `  ${run.setting}: ${run.bytesWritten} bytes written, ${run.finished ? 'finished' : 'not finished'}, ${run.instructions} instructions`,
    ),
    ...findings.flatMap((finding) => ['', ...findingLines(finding), `      again: ${reproOf(finding)}`]),
    '',
    painted`Verdict: ${bold(verdict)}, ${findings.length} finding${findings.length === 1 ? '' : 's'}, after ${seconds.toFixed(1)} s`,
  ]
}

function describe({ fileName, byteLength, sha256, pdb }: TargetDriver): string {
  const names = pdb === null ? 'no PDB' : `${pdb.name}${pdb.found ? '' : ' not found'}`
  return `${fileName}, ${byteLength} bytes, SHA-256 ${sha256.slice(0, 16)}..., ${names}`
}

function findingLines(finding: DriverFinding): Line[] {
  const { verdict, rule, call, message, count, phase, setting, driver, offset, bytes, irql, atNs } = finding
  const place = offset === undefined ? driver : `${driver}+${offset}`
  const at = `${(atNs / 1e6).toFixed(3)} ms`
  const word = verdict === 'fail' ? red(verdict) : yellow(verdict)
  const details = [
    count > 1 ? `${message} (${count} times)` : message,
    `at ${place}${irql === undefined ? '' : `, IRQL ${irql}`}, ${at}, ${phase}, ${setting}`,
    ...(finding.arguments.length > 0 ? [`arguments ${finding.arguments.join(', ')}`] : []),
    ...(bytes === undefined ? [] : [`bytes ${bytes}`]),
    ...finding.stack,
  ]
  return [painted`${word}  ${bold(rule)}  ${call}`, ...details.map((line) => `      ${line}`)]
}
