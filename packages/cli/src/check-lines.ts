// What `dumpstack check` prints for people. Names come from the file under test: they are made printable before anything is coloured.
import { printable, type ScreenColors, type TargetDriver } from '@dumpstack/crashtest'
import type { DriverCheckReport, DriverFinding } from '@dumpstack/windows'

/** What was checked; a file that no system would load is known by its name alone. */
type CheckedFile = TargetDriver | { readonly fileName: string; readonly executed: false }

export interface Checked {
  readonly driver: CheckedFile
  readonly report: DriverCheckReport
  readonly repro: string
}

export function checkText({ driver, report, repro }: Checked, seconds: number, colors: ScreenColors): string {
  const { verdict, controller, findings, runs } = report
  const lines = [
    printable(driver.executed ? `${describe(driver)}, on ${controller}` : driver.fileName),
    ...runs.map(
      (run) =>
        `  ${run.hardware}: ${run.bytesWritten} bytes written, ${run.finished ? 'finished' : 'not finished'}, ${run.instructions} instructions`,
    ),
    ...findings.flatMap((finding) => ['', ...findingLines(finding, colors)]),
    ...(findings.length > 0 ? ['', printable(`Again: ${repro}`)] : []),
    '',
    `Verdict: ${colors.bold(verdict)}, ${findings.length} finding${findings.length === 1 ? '' : 's'}, after ${seconds.toFixed(1)} s`,
    '',
  ]
  return lines.join('\n')
}

function describe({ fileName, byteLength, sha256, pdb }: TargetDriver): string {
  const names = pdb === null ? 'no PDB' : `${pdb.name}${pdb.found ? '' : ' not found'}`
  return `${fileName}, ${byteLength} bytes, SHA-256 ${sha256.slice(0, 16)}..., ${names}`
}

function findingLines(finding: DriverFinding, colors: ScreenColors): string[] {
  const { verdict, rule, call, message, phase, hardware, driver, offset, bytes, irql, atNs } = finding
  const place = offset === undefined ? driver : `${driver}+${offset}`
  const at = `${(atNs / 1e6).toFixed(3)} ms`
  const word = verdict === 'fail' ? colors.red(verdict) : colors.yellow(verdict)
  const details = [
    message,
    `at ${place}${irql === undefined ? '' : `, IRQL ${irql}`}, ${at}, ${phase}, ${hardware}`,
    ...(finding.arguments.length > 0 ? [`arguments ${finding.arguments.join(', ')}`] : []),
    ...(bytes === undefined ? [] : [`bytes ${bytes}`]),
    ...finding.stack,
  ]
  return [
    `${word}  ${colors.bold(printable(rule))}  ${printable(call)}`,
    ...details.map((line) => `      ${printable(line)}`),
  ]
}
