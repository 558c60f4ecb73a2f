// The Crashdump Support Test: prerequisites, debuggers, crash driver, page file, restart; then for each dump type crash
// control, crash, restart, examine; settings restored at the end, also after a failure. Sequence and messages are the
// kit's (see messages.ts). An event goes out, journalled and synced, before the effect that it announces.

import { Interrupted } from '@dumpstack/bytes'
import type { SymbolSource } from '@dumpstack/debugger'
import { HRESULT_SHARING_VIOLATION } from '@dumpstack/nt'
import { DumpOpenError, type DumpType, type Evidence, type OpenedDump, type Target } from '@dumpstack/target'
import { withCauses } from './causes.ts'
import { excused } from './checks/check.ts'
import { crashChecks } from './checks/index.ts'
import { type ExaminationResult, explainMissingDump } from './examine.ts'
import { examineStep } from './examine-step.ts'
import * as messages from './messages.ts'
import { verifyPrerequisites } from './prerequisites.ts'
import { sentence } from './report.ts'
import { Steps } from './steps.ts'
import { type Emit, EVENT_FORMAT, type ReportedCrash, type Verdict, worst } from './test-event.ts'
import type { DumpToKeep, RecordedCrash } from './truth-file.ts'

export interface TestOptions {
  /** Identifies the run. */
  readonly runId: string
  /** The version of the program that drives the test. */
  readonly productVersion: string
  readonly dumps: readonly DumpType[]
  /** Leave everything as it is after the first crash, for a stranger to look at. */
  readonly stopAfter: 'crash' | null
  readonly variant: string | null
  /** As the user gave them, for the journal. */
  readonly given: Readonly<Record<string, unknown>>
  /** The command that does this run again. */
  readonly repro: string
  /** The command that opens a dump of the driver file under test in the debugger. */
  debugCommand(dump: string): string
  /** Host milliseconds, for the seconds that a step takes. */
  hostNow(): number
  /** Where the debugger of the examine step has its symbols from. */
  readonly symbols: SymbolSource
  /** Where the process before this one left off; null for a new run. */
  readonly resumeAt: ResumePoint | null
  /**
   * Keeps what the next start needs; called while the system is off. False ends the run in this process: another goes on.
   * Not called where the run is to stop after a crash: its disk stays as it is.
   */
  poweredOff(at: PowerOff): boolean
  /** Keeps the truth of an examined dump; called before the dump file itself is kept. */
  keep(dump: DumpToKeep): void
  /** Whether the failure only stops the run, as one of the host does: another process can resume it. */
  isStoppedBy(error: unknown): boolean
}

/** Between two starts of the system. */
interface ResumePoint {
  /** What ended the last one; null for the orderly restart before the first crash. */
  readonly crash: RecordedCrash | null
}
export interface PowerOff extends ResumePoint {
  /** As Target.powerOff gives it. */
  readonly target: object
}

/** `poweredOff`: the run goes on in another process. */
export type RunEnd = Verdict | 'poweredOff'

/** Between two tries to open a dump that is in use. */
export const DUMP_RETRY_MS = 5 * 60_000
/** The kit's own time limit of the whole job: 2700 minutes. */
const MAX_WAIT_MS = 2700 * 60_000
const RESTART_MS = 30 * 60_000

const SETUP = ['debuggers', 'crashDriver', 'pageFile'] as const

export async function runCrashdumpTest(
  target: Target,
  options: TestOptions,
  emit: Emit,
  signal: AbortSignal,
): Promise<RunEnd> {
  return await new Run(target, options, emit, signal).run()
}

class Run {
  readonly #target: Target
  readonly #options: TestOptions
  readonly #signal: AbortSignal
  readonly #steps: Steps

  constructor(target: Target, options: TestOptions, emit: Emit, signal: AbortSignal) {
    this.#target = target
    this.#options = options
    this.#signal = signal
    const { hostNow } = options
    this.#steps = new Steps({ emit, now: () => target.now(), hostNow, signal })
  }

  async run(): Promise<RunEnd> {
    const { dumps, stopAfter, resumeAt } = this.#options
    if (resumeAt === null) this.#announce()
    const verdicts: Verdict[] = []
    let changedSettings = resumeAt !== null
    try {
      if (resumeAt === null) {
        if ((await this.#steps.step('prerequisites', undefined, () => this.#prerequisites())) === 'fail')
          return 'fail'
        changedSettings = true
        for (const name of SETUP) await this.#prepare(name)
        if (this.#powerOff(null) === 'poweredOff') return 'poweredOff'
      }
      let crashed = resumeAt?.crash ?? null
      if (crashed === null) await this.#prepare('restart')
      for (const dump of crashed === null ? dumps : dumps.slice(dumps.indexOf(crashed.type))) {
        if (crashed === null) {
          verdicts.push(await this.#configure(dump))
          crashed = await this.#crash(dump, verdicts)
          if (stopAfter === 'crash') {
            for (const file of await this.#target.keepDisk()) this.#steps.say(messages.info(`Kept ${file}`))
            this.#steps.say(
              messages.info(`Stopped after the crash of the ${dump} dump, as asked: nothing was judged.`),
            )
            changedSettings = false
            verdicts.push('inconclusive')
            break
          }
          if (this.#powerOff(crashed) === 'poweredOff') return 'poweredOff'
        }
        const { crash } = crashed
        crashed = null
        await this.#awaitRestart(dump)
        verdicts.push(await this.#steps.step('examine', dump, () => this.#examine(dump, crash)))
      }
    } catch (error) {
      await this.#afterFailure(error, changedSettings)
      throw error
    }
    if (changedSettings) verdicts.push(await this.#restore(this.#signal))
    return worst(verdicts)
  }

  #announce(): void {
    const { dumps, stopAfter, variant, given, runId, productVersion } = this.#options
    const description = this.#target.describe()
    this.#steps.send({
      kind: 'run',
      format: EVENT_FORMAT,
      runId,
      productVersion,
      options: { ...given, dumps, stopAfter },
      seed: description.seed,
      variant,
      target: description,
    })
  }

  #prerequisites(): Verdict {
    const said = verifyPrerequisites(this.#target.describe())
    for (const message of said) this.#steps.say(message)
    return said.some(({ level }) => level === 'x') ? 'fail' : 'pass'
  }

  async #prepare(name: (typeof SETUP)[number] | 'restart'): Promise<void> {
    await this.#steps.step(name, undefined, async (): Promise<Verdict> => {
      await this.#target.prepare(name, this.#signal)
      return 'pass'
    })
  }

  async #configure(dump: DumpType): Promise<Verdict> {
    return await this.#steps.step('crashControl', dump, async (): Promise<Verdict> => {
      const { oldDumpsDeleted } = await this.#target.configure(dump, this.#signal)
      if (!oldDumpsDeleted) this.#steps.say(messages.OLD_DUMP_NOT_DELETED)
      return oldDumpsDeleted ? 'pass' : 'fail'
    })
  }

  async #crash(dump: DumpType, verdicts: Verdict[]): Promise<RecordedCrash> {
    const target = this.#target
    let crash: ReportedCrash | undefined
    verdicts.push(
      await this.#steps.step('crash', dump, async (): Promise<Verdict> => {
        const { violations, ...rest } = await target.crash(this.#steps.progress, this.#signal)
        const { repro } = this.#options
        const debug = rest.secondCrash && this.#options.debugCommand(rest.secondCrash.file)
        crash = {
          ...rest,
          violations: violations.map((violation) => ({
            ...violation,
            repro,
            ...(debug !== undefined && violation.severity === 'fail' && { debug }),
          })),
        }
        this.#steps.send({ kind: 'crashed', dump, report: crash })
        if (debug !== undefined) this.#steps.say(messages.debugWith(debug, rest.secondCrash!.deviceExtension))
        return this.#judgeCrash(crash)
      }),
    )
    return { type: dump, crash: crash!, evidence: await target.evidence() }
  }

  #powerOff(crash: RecordedCrash | null): 'poweredOff' | 'goOn' {
    const goOn = this.#options.poweredOff({ crash, target: this.#target.powerOff() })
    return goOn ? 'goOn' : 'poweredOff'
  }

  async #awaitRestart(dump: DumpType): Promise<void> {
    await this.#steps.step('awaitRestart', dump, async (): Promise<Verdict> => {
      await this.#target.awaitRestart(RESTART_MS, this.#steps.progress, this.#signal)
      return 'pass'
    })
  }

  #judgeCrash(crash: ReportedCrash): Verdict {
    const judged = withCauses(
      crashChecks.map((check) => [check.id, excused(crash, check.id, check.judge(crash))]),
      { crash, byteLength: null, isStale: false },
    )
    for (const { judgement, causedBy } of judged) {
      if (judgement.verdict !== 'pass' && causedBy === null)
        this.#steps.say(messages.complaint(sentence(judgement.message)))
    }
    return worst(judged.map(({ judgement }) => judgement.verdict))
  }

  async #examine(dump: DumpType, crash: ReportedCrash): Promise<Verdict> {
    const target = this.#target
    const opening = await this.#openDump()
    const evidence = await target.evidence()
    const opened = opening instanceof DumpOpenError ? null : opening
    try {
      return await examineStep(this.#steps, {
        type: dump,
        opened,
        ...(opening instanceof DumpOpenError && { whyNone: explainMissingDump(evidence, opening.hresult) }),
        known: { crash, evidence, kept: null, crashIsSaid: true },
        symbols: this.#options.symbols,
        fileOf: async (result) => {
          this.#options.keep(toKeep(dump, target.dumpPath(), crash, evidence, opened, result))
          return opened === null ? null : await target.keepDump(dump)
        },
      })
    } finally {
      opened?.source.close?.()
    }
  }

  /** Opens the dump as the kit does: while another process holds it, again every five minutes. */
  async #openDump(): Promise<OpenedDump | DumpOpenError> {
    let waitedMs = 0
    for (;;) {
      this.#steps.say(messages.connectingTo(this.#target.dumpPath()))
      try {
        return await this.#target.openDump()
      } catch (error) {
        if (!(error instanceof DumpOpenError)) throw error
        if (error.hresult !== HRESULT_SHARING_VIOLATION || waitedMs >= MAX_WAIT_MS) {
          this.#steps.say(messages.cannotOpen(error.hresult))
          if (waitedMs > 0 && error.hresult !== HRESULT_SHARING_VIOLATION) {
            this.#steps.say(messages.changedHresult(HRESULT_SHARING_VIOLATION, error.hresult))
          }
          return error
        }
      }
      this.#steps.say(messages.IN_USE)
      this.#steps.say(messages.IN_USE_ADVICE)
      await this.#target.sleep(DUMP_RETRY_MS, this.#signal)
      waitedMs += DUMP_RETRY_MS
    }
  }

  async #restore(signal: AbortSignal): Promise<Verdict> {
    return await this.#steps.step('restore', undefined, async (): Promise<Verdict> => {
      await this.#target.restore(signal)
      return 'pass'
    })
  }

  /** The failure is the one to report: that it cannot even be said, on a full disk, adds nothing. */
  async #afterFailure(error: unknown, changedSettings: boolean): Promise<void> {
    const why = error instanceof Error ? error.message : String(error)
    // code of the guest ends with Interrupted before the signal's turn has come
    const text =
      this.#signal.aborted || error instanceof Interrupted
        ? `Stopped by the user ${this.#steps.place}.`
        : `The test broke off ${this.#steps.place}: ${why}`
    const isStopped = this.#options.isStoppedBy(error)
    try {
      this.#steps.say(messages.complaint(text))
    } catch (failure) {
      if (!this.#options.isStoppedBy(failure)) throw failure
    }
    // A run that goes on restores its settings in its end.
    if (changedSettings && !isStopped) await this.#restoreAfterFailure()
  }

  /** What restoring adds to the failure that led here is only said. */
  async #restoreAfterFailure(): Promise<void> {
    try {
      await this.#restore(new AbortController().signal)
    } catch (error) {
      this.#steps.say(
        messages.complaint(
          `The settings could not be restored: ${error instanceof Error ? error.message : error}`,
        ),
      )
    }
  }
}

function toKeep(
  type: DumpType,
  path: string,
  crash: ReportedCrash,
  evidence: Evidence,
  opened: OpenedDump | null,
  result: ExaminationResult,
): DumpToKeep {
  return {
    type,
    path,
    modifiedAt: opened?.modifiedAt ?? 0,
    crash,
    evidence,
    file: opened === null || result.dump === null ? null : { source: opened.source, dump: result.dump },
  }
}
