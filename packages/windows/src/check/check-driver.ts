// The contract check of a driver file: lives that differ in their settings, each on a system of its own. A finding names the least settings
// that it needs to show.
import { Interrupted } from '@dumpstack/bytes'
import type { ControllerModel } from '@dumpstack/machine'
import type { DumpModeRuleId } from '@dumpstack/nt'
import type { CheckPhase, DriverCheckReport, DriverFinding } from './driver-finding.ts'
import { controllerOf } from './find-controller.ts'
import { attemptStart, type LifeOptions, type LifeResult, runLife } from './life.ts'
import { reduceFindings, withoutCause } from './reduce.ts'
import { type LifeSettings, lifeOf, lifeText, planLives } from './settings.ts'
import { runPlan, type SharedPlan } from './shared-plan.ts'

export interface DriverCheckOptions extends Omit<LifeOptions, 'onPhase'> {
  /** Settings of every life; with `isWhole` the plan runs around them, otherwise the one life that they are. */
  readonly settings: LifeSettings
  readonly isWhole: boolean
  readonly onProgress?: (progress: CheckProgress) => void
  /** Begins to run the lives of a plan in other threads too. */
  readonly share?: (plan: readonly LifeSettings[]) => SharedPlan<LifeResult>
}

export interface CheckProgress {
  /** From 1 on. */
  readonly life: number
  /** Lives of the plan; 0: a finding is reduced to what it needs. */
  readonly lives: number
  readonly setting: string
  readonly phase: CheckPhase
}

/** The one of the controllers that the driver is for. Throws NotJudged NO_SUCH_DEVICE. */
export function findController(
  options: Omit<LifeOptions, 'controller'>,
  controllers: readonly ControllerModel[],
): ControllerModel {
  const attempts = function* () {
    for (const controller of controllers) yield attemptStart({ ...options, controller })
  }
  return controllerOf(options.file.fileName, attempts())
}

/** Throws TargetOptionsError SETTING. */
export function checkDriver(options: DriverCheckOptions): DriverCheckReport {
  const { controller, seed, isWhole, onProgress, share } = options
  const settings = lifeOf(controller, options.settings)
  const plan = isWhole ? planLives(controller, settings, seed) : [settings]
  const results = new Map<string, LifeResult>()
  const live = (life: LifeSettings, number = 0, lives = 0): LifeResult => {
    const setting = lifeText(life)
    const onPhase = (phase: CheckPhase): void => onProgress?.({ life: number, lives, setting, phase })
    const result = results.get(setting) ?? runLife({ ...options, onPhase }, life)
    results.set(setting, result)
    return result
  }
  let lives: LifeResult[] = []
  let findings: DriverFinding[] = []
  let interrupted = false
  try {
    const shared = plan.length > 1 ? share?.(plan) : undefined
    try {
      runPlan(plan.length, shared, {
        live: (index) => live(plan[index]!, index + 1, plan.length),
        endsPlan: (result) => result.findings.some(endsPlan),
        done: (index, result) => results.set(lifeText(plan[index]!), result),
      })
    } finally {
      shared?.close()
      lives = plan.flatMap((life) => results.get(lifeText(life)) ?? [])
    }
    findings = reduceFindings(lives, settings, live)
    // what ended a life early hides what else it would have shown: once more without that
    const more = lives.filter(({ run }) => !run.finished).flatMap(({ life }) => withoutCause(life, findings))
    for (const [index, life] of more.entries()) lives.push(live(life, index + 1, more.length))
    if (more.length > 0) findings = reduceFindings(lives, settings, live)
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error
    interrupted = true
    // with the settings of the lives that showed them: no further life can run
    findings = reduceFindings(
      lives,
      settings,
      (life) => results.get(lifeText(life)) ?? { ...lives[0]!, life, findings: [] },
    )
  }
  // a driver that refuses the only hardware that it was shown wrote no dump
  const isJudged = !interrupted && lives[0]!.isJudged
  findings.sort((a, b) => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict))
  const has = (verdict: DriverFinding['verdict']): boolean => findings.some((one) => one.verdict === verdict)
  return {
    verdict:
      has('fail') && !interrupted ? 'fail' : has('inconclusive') || !isJudged ? 'inconclusive' : 'pass',
    controller: `${controller.kind}0`,
    findings,
    runs: lives.map(({ run }) => run),
    interrupted,
  }
}

const VERDICTS: readonly DriverFinding['verdict'][] = ['fail', 'inconclusive', 'warning', 'note']

const HANG: DumpModeRuleId = 'DM-26'
/** On plain hardware: a driver that does not start, hangs, or cannot be judged, does so in all lives; a hang takes the host long. */
const endsPlan = ({ phase, verdict, rule }: DriverFinding): boolean =>
  phase === 'start' || verdict === 'inconclusive' || rule === 'DRIVER_HANG' || rule === HANG
