// The check of one driver file: its result, with the command that reproduces each finding and the errata that cover it.
import path from 'node:path'
import type { Verdict } from '@dumpstack/crashtest'
import { controllerNamed } from '@dumpstack/machine'
import type { Profile } from '@dumpstack/nt'
import type { TargetDriver } from '@dumpstack/target'
import {
  type DriverCheckReport,
  type DriverFinding,
  type LifeSettings,
  lifeOptions,
} from '@dumpstack/windows'
import { checkDriverFile } from '@dumpstack/windows/node'
import { debugCommand } from '../driver/debug-command.ts'
import { DriverFailure } from '../driver/driver-failure.ts'
import { type OpenedDriver, openDriver } from '../driver/driver-file.ts'
import { driverFailure } from '../driver/driver-verdict.ts'
import { shellWord } from '../terminal/shell-word.ts'
import { ProgressLine } from '../terminal/terminal.ts'
import { DEFAULT_CONTROLLER, DEFAULT_PROFILE } from '../test/test-options.ts'
import { type KnownIssue, knownReason } from './known-issues.ts'
import type { LifeThreads } from './life-threads.ts'
import type { SecondCrashes, SecondCrashFile } from './second-crashes.ts'

/** What all files of a command are checked with. */
export interface CheckOptions {
  readonly pdb: string | null
  readonly profile: Profile
  /** Null: the one that the driver says it drives. */
  readonly controller: string | null
  readonly seed: number
  /** The settings of every life. */
  readonly settings: LifeSettings
  /** Whether the plan runs around them, or the one life that they are. */
  readonly isWhole: boolean
  /** Whether a warning fails. */
  readonly isStrict: boolean
  readonly knownIssues: readonly KnownIssue[]
  /** Where lives that the driver ends leave RAM; null where they do not. */
  readonly secondCrashes: SecondCrashes | null
  /** Interrupt.stopFlag */
  readonly stopFlag?: Int32Array
  /** Null: all lives are run in this thread. */
  readonly threads: LifeThreads | null
}

export interface CheckedFinding extends DriverFinding {
  /** The command that runs just the life that showed it. */
  readonly repro: string
  /** The reason that the list of known issues gives: the finding does not count. */
  readonly knownIssue?: string
  /** RAM of the life that the driver ended, where it was asked for. */
  readonly secondCrash?: SecondCrashFile
}

export interface CheckedFile {
  readonly file: string
  /** A file that no system would load is known by its name alone. */
  readonly driver: TargetDriver | { readonly fileName: string; readonly executed: false }
  readonly verdict: Verdict
  readonly controller: string
  readonly findings: readonly CheckedFinding[]
  readonly runs: DriverCheckReport['runs']
  /** The user stopped it: this is what was found until then. */
  readonly interrupted: boolean
  readonly hostSeconds: number
}

/** Whether the user wants the command to end. */
export const isStopped = ({ stopFlag }: Pick<CheckOptions, 'stopFlag'>): boolean =>
  stopFlag !== undefined && stopFlag[0] !== 0

/** Throws UsageError for what cannot be read, and what else is not the driver's fault. */
export function checkFile(file: string, options: CheckOptions): CheckedFile {
  const startedAt = performance.now()
  const { driver, fileVersion, controller, report, secondCrashes } = reportOf(file, options)
  const findings = report.findings.map((finding): CheckedFinding => {
    const secondCrash = secondCrashes.get(finding)
    const knownIssue = knownReason(options.knownIssues, { fileName: driver.fileName, fileVersion }, finding)
    return {
      ...finding,
      repro: reproOf(file, options, controller, finding.settings),
      ...(knownIssue !== null && { knownIssue }),
      ...(secondCrash !== undefined && { secondCrash }),
    }
  })
  return {
    file,
    driver,
    verdict: verdictOf(report, findings, options.isStrict),
    controller: report.controller,
    findings,
    runs: report.runs,
    interrupted: report.interrupted,
    hostSeconds: (performance.now() - startedAt) / 1000,
  }
}

function verdictOf(
  report: DriverCheckReport,
  findings: readonly CheckedFinding[],
  isStrict: boolean,
): Verdict {
  if (report.interrupted) return 'inconclusive'
  const counting = findings.filter(({ knownIssue }) => knownIssue === undefined)
  const has = (verdict: DriverFinding['verdict']): boolean => counting.some((one) => one.verdict === verdict)
  if (has('fail') || (isStrict && has('warning'))) return 'fail'
  // a check that came to no dump, and has no finding that says why, is not judged
  const isUnexplained =
    report.verdict === 'inconclusive' && !findings.some(({ verdict }) => verdict === 'inconclusive')
  return has('inconclusive') || isUnexplained ? 'inconclusive' : 'pass'
}

interface FileReport {
  readonly driver: CheckedFile['driver']
  readonly fileVersion: string | null
  /** Null where none is its own. */
  readonly controller: string | null
  readonly report: DriverCheckReport
  readonly secondCrashes: ReturnType<SecondCrashes['leave']>
}
const NO_DUMPS: FileReport['secondCrashes'] = new Map()

function reportOf(file: string, options: CheckOptions): FileReport {
  const { pdb, profile, seed, settings, isWhole, stopFlag, threads } = options
  const fileName = path.basename(file)
  let driver: OpenedDriver
  try {
    driver = openDriver(file, pdb)
  } catch (error) {
    const controller = options.controller ?? DEFAULT_CONTROLLER
    const report = refused(fileName, 'load', `${controller}0`, error)
    const unread = { fileName, executed: false } as const
    return { driver: unread, fileVersion: null, controller, report, secondCrashes: NO_DUMPS }
  }
  const { description } = driver
  const { fileVersion } = driver.file.image
  const progress = new ProgressLine()
  const stop = stopFlag === undefined ? {} : { stopFlag }
  try {
    const system = { profile, seed, ...stop }
    const report = checkDriverFile(driver, {
      ...system,
      controller: options.controller === null ? null : controllerNamed(options.controller),
      settings,
      isWhole,
      ...(threads !== null && {
        share: ({ kind }, plan) =>
          threads.share(driver, { file, pdb, profile: profile.name, controller: kind, seed, plan }),
      }),
      onProgress: ({ controller: { kind }, life, lives, setting, phase }) => {
        const which = lives === 0 ? 'what a finding needs' : `life ${life} of ${lives}`
        progress.show(`checking ${fileName} on ${kind}, ${which}: ${setting}, ${phase}`)
      },
    })
    const controller = report.controller.replace(/\d+$/, '') // without its number
    progress.show(`checking ${fileName} on ${controller}: what it leaves for the debugger`)
    const left = options.secondCrashes?.leave(report.findings, {
      driver: file,
      live: (finding, onStop) =>
        void checkDriverFile(driver, {
          ...system,
          controller: controllerNamed(controller),
          settings: finding.settings,
          isWhole: false,
          onStop,
        }),
      commandOf: (dump) => debugCommand(dump, pdb ?? file, profile),
    })
    const secondCrashes = left ?? NO_DUMPS
    const interrupted = report.interrupted || isStopped(options)
    return { driver: description, fileVersion, controller, report: { ...report, interrupted }, secondCrashes }
  } catch (error) {
    // neither controller is its own; all else that it does is in a report
    const report = refused(fileName, 'start', 'no controller', error)
    return { driver: description, fileVersion, controller: null, report, secondCrashes: NO_DUMPS }
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
  return { verdict: failure.verdict, controller, findings: [finding], runs: [], interrupted: false }
}

function reproOf(
  file: string,
  { pdb, profile, seed }: CheckOptions,
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
