// The contract check of a driver file: lives that differ in their settings, each on a system of its own. A finding names the least settings
// that it needs to show.
import { Interrupted } from '@dumpstack/bytes'
import type { ControllerModel } from '@dumpstack/machine'
import type { DumpModeRuleId } from '@dumpstack/nt'
import type { CheckPhase, DriverCheckReport, DriverFinding } from './driver-finding.ts'
import { controllerOf } from './find-controller.ts'
import { attemptStart, type LifeOptions, type LifeResult, runLife } from './life.ts'
import { reduceFindings, withoutCause } from './reduce.ts'
import { hasSettings, type LifeSettings, lifeOf, lifeText, planLives } from './settings.ts'
import { runPlan, type SharedPlan } from './shared-plan.ts'

export interface DriverCheckOptions extends Omit<LifeOptions, 'onPhase'> {
  /** Settings of every life; with `isWhole` the plan runs around them, otherwise the one life that they are. */
  readonly settings: LifeSettings
  readonly isWhole: boolean
  readonly onProgress?: (progress: CheckProgress) => void
  /** Begins to run the lives of a plan in other threads too. */
  readonly share?: (controller: ControllerModel, plan: readonly LifeSettings[]) => SharedPlan<LifeResult>
}

export interface CheckProgress {
  readonly controller: ControllerModel
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
  return new DriverCheck(options).run()
}

/**
 * The check on the one of the controllers that the driver is for: its first life is tried on each that has the settings, and its start
 * alone on the others. Throws NotJudged NO_SUCH_DEVICE, and TargetOptionsError SETTING where that one does not have the settings.
 */
export function checkDriverOnAny(
  options: Omit<DriverCheckOptions, 'controller'>,
  controllers: readonly ControllerModel[],
): DriverCheckReport {
  const checks = new Map<ControllerModel, DriverCheck>()
  const attempts = function* () {
    for (const controller of controllers) {
      if (hasSettings(controller, options.settings)) {
        const check = new DriverCheck({ ...options, controller })
        checks.set(controller, check)
        yield { controller, ...check.start() }
      } else yield attemptStart({ ...options, controller })
    }
  }
  const controller = controllerOf(options.file.fileName, attempts())
  return (checks.get(controller) ?? new DriverCheck({ ...options, controller })).run()
}

class DriverCheck {
  readonly #options: DriverCheckOptions
  readonly #settings: LifeSettings
  readonly #plan: readonly LifeSettings[]
  readonly #results = new Map<string, LifeResult>()
  #shared: SharedPlan<LifeResult> | undefined

  constructor(options: DriverCheckOptions) {
    const { controller, seed, isWhole } = options
    this.#options = options
    this.#settings = lifeOf(controller, options.settings)
    this.#plan = isWhole ? planLives(controller, this.#settings, seed) : [this.#settings]
  }

  /** How the driver starts in the first life. */
  start(): LifeResult['start'] {
    try {
      return this.#first().start
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error
      return { failure: null, reached: 'entry' } // `run` is interrupted at once, and reports it
    }
  }

  #first(): LifeResult {
    return this.#live(this.#plan[0]!, 1, this.#plan.length)
  }

  run(): DriverCheckReport {
    let lives: LifeResult[] = []
    let findings: DriverFinding[] = []
    let interrupted = false
    try {
      try {
        this.#runPlan()
      } finally {
        this.#shared?.close()
        lives = this.#plan.flatMap((life) => this.#results.get(lifeText(life)) ?? [])
      }
      findings = this.#reduced(lives)
      // what ended a life early hides what else it would have shown: once more without that
      const more = lives
        .filter(({ run }) => !run.finished)
        .flatMap(({ life }) => withoutCause(life, findings))
      for (const [index, life] of more.entries()) lives.push(this.#live(life, index + 1, more.length))
      if (more.length > 0) findings = this.#reduced(lives)
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error
      interrupted = true
      // with the settings of the lives that showed them: no further life can run
      findings = reduceFindings(
        lives,
        this.#settings,
        (life) => this.#results.get(lifeText(life)) ?? { ...lives[0]!, life, findings: [] },
      )
    }
    // a driver that refuses the only hardware that it was shown wrote no dump
    const isJudged = !interrupted && lives[0]!.isJudged
    findings.sort((a, b) => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict))
    const has = (verdict: DriverFinding['verdict']): boolean =>
      findings.some((one) => one.verdict === verdict)
    return {
      verdict:
        has('fail') && !interrupted ? 'fail' : has('inconclusive') || !isJudged ? 'inconclusive' : 'pass',
      controller: `${this.#options.controller.kind}0`,
      findings,
      runs: lives.map(({ run }) => run),
      interrupted,
    }
  }

  #runPlan(): void {
    const plan = this.#plan
    this.#first()
    runPlan(plan.length, this.#shared, {
      live: (index) => this.#live(plan[index]!, index + 1, plan.length),
      endsPlan: (result) => result.findings.some(endsPlan),
      done: (index, result) => this.#results.set(lifeText(plan[index]!), result),
    })
  }

  #reduced(lives: readonly LifeResult[]): DriverFinding[] {
    return reduceFindings(lives, this.#settings, (life) => this.#live(life, 0, 0))
  }

  #live(life: LifeSettings, number: number, lives: number): LifeResult {
    const setting = lifeText(life)
    const known = this.#results.get(setting)
    if (known !== undefined) return known
    const { controller, onProgress, share } = this.#options
    const onPhase = (phase: CheckPhase): void => {
      onProgress?.({ controller, life: number, lives, setting, phase })
      // the other lives begin in other threads as soon as the driver runs
      if (phase === 'running' && number === 1 && lives > 1) this.#shared ??= share?.(controller, this.#plan)
    }
    const result = runLife({ ...this.#options, onPhase }, life)
    this.#results.set(setting, result)
    return result
  }
}

const VERDICTS: readonly DriverFinding['verdict'][] = ['fail', 'inconclusive', 'warning', 'note']

const HANG: DumpModeRuleId = 'DM-26'
/** On plain hardware: a driver that does not start, hangs, or cannot be judged, does so in all lives; a hang takes the host long. */
const endsPlan = ({ phase, verdict, rule }: DriverFinding): boolean =>
  phase === 'start' || verdict === 'inconclusive' || rule === 'DRIVER_HANG' || rule === HANG
