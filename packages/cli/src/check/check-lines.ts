// What `dumpstack check` prints for people.
import type { Verdict } from '@dumpstack/crashtest'
import type { TargetDriver } from '@dumpstack/target'
import { bold, type Line, painted, red, yellow } from '../terminal/painted.ts'
import type { CheckedFile, CheckedFinding } from './check-file.ts'
import type { SecondCrashFile } from './second-crashes.ts'

/** `more` follow. */
export function fileLines(checked: CheckedFile, more: boolean): Line[] {
  const { driver, controller, findings, runs, hostSeconds } = checked
  const errata = findings.some(({ knownIssue }) => knownIssue !== undefined)
  const what = checked.interrupted ? 'inconclusive: interrupted' : checked.verdict
  const verdict = errata && checked.verdict === 'pass' ? 'pass with errata' : what
  return [
    driver.executed ? `${describe(driver)}, on ${controller}` : driver.fileName,
    ...(runs.length === 0 ? [] : [`  ${livesText(checked)}`]),
    ...findings.flatMap((finding) => ['', ...findingLines(finding), `      again: ${finding.repro}`]),
    '',
    painted`Verdict: ${bold(verdict)}, ${counted(findings.length, 'finding')}, after ${hostSeconds.toFixed(1)} s`,
    ...(more ? [''] : []),
  ]
}

/** What the files come to together. */
export function filesLine(checked: readonly CheckedFile[], verdict: Verdict, seconds: number): Line[] {
  const of = (wanted: Verdict): number => checked.filter((one) => one.verdict === wanted).length
  const counts = `${of('pass')} pass, ${of('fail')} fail, ${of('inconclusive')} inconclusive`
  return [
    '',
    painted`${counted(checked.length, 'driver')}: ${bold(verdict)} (${counts}), after ${seconds.toFixed(1)} s`,
  ]
}

export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

/** Which lives there were, and what each came to, is in the JSON. */
function livesText({ runs, verdict }: CheckedFile): string {
  const whole = runs.filter((run) => run.finished).length
  const machineSeconds = runs.reduce((sum, run) => sum + run.machineSeconds, 0)
  const [first] = runs
  const what = runs.length === 1 ? `one life (${first!.setting})` : `${runs.length} lives`
  const dumps = whole === 1 ? '1 dump is whole' : `${whole} dumps are whole`
  const others =
    verdict === 'pass' && whole < runs.length
      ? ' (in the others the device fails, or the driver refuses it)'
      : ''
  return `${what}: ${dumps}${others}, ${machineSeconds.toFixed(3)} s of machine time`
}

export function describe({ fileName, byteLength, sha256, pdb }: TargetDriver): string {
  const names = pdb === null ? 'no PDB' : `${pdb.name}${pdb.found ? '' : ' not found'}`
  return `${fileName}, ${byteLength} bytes, SHA-256 ${sha256.slice(0, 16)}..., ${names}`
}

function findingLines(finding: CheckedFinding): Line[] {
  const {
    verdict,
    rule,
    call,
    message,
    count,
    phase,
    setting,
    driver,
    offset,
    bytes,
    irql,
    atNs,
    knownIssue,
    secondCrash,
  } = finding
  const place = offset === undefined ? driver : `${driver}+${offset}`
  const at = `${(atNs / 1e6).toFixed(3)} ms`
  const word =
    knownIssue !== undefined ? yellow('known') : verdict === 'fail' ? red(verdict) : yellow(verdict)
  const details = [
    ...(knownIssue === undefined ? [] : [`known issue: ${knownIssue}`]),
    count > 1 ? `${message} (${count} times)` : message,
    `at ${place}${irql === undefined ? '' : `, IRQL ${irql}`}, ${at}, ${phase}, ${setting}`,
    ...(finding.arguments.length > 0 ? [`arguments ${finding.arguments.join(', ')}`] : []),
    ...(bytes === undefined ? [] : [`bytes ${bytes}`]),
    ...finding.stack,
    ...(secondCrash === undefined ? [] : debugLines(secondCrash)),
  ]
  return [painted`${word}  ${bold(rule)}  ${call}`, ...details.map((line) => `      ${line}`)]
}

const debugLines = ({ command, deviceExtension }: SecondCrashFile): string[] => [
  `debug: ${command}`,
  ...(deviceExtension === null ? [] : [`device extension at ${deviceExtension}`]),
]
