// What one process does of a run, whichever front end drives it: journal, log and result in the run folder, and the test
// on the Windows-shaped system, to its end or to the next crash. Everything else a front end shows is a fold of its own.
import { DumpstackError, Interrupted } from '@dumpstack/bytes'
import {
  createStream,
  type Emit,
  type PowerOff,
  ResultFold,
  type RunEnd,
  runCrashdumpTest,
  type ScenarioVariant,
  type Sink,
  type TestResult,
  type Verdict,
  worst,
} from '@dumpstack/crashtest'
import { controllerNamed } from '@dumpstack/machine'
import {
  type LockOptions,
  type LockTiming,
  onHost,
  openStoppedRun,
  RunFolder,
  type StoppedRun,
  SystemFolder,
} from '@dumpstack/run/node'
import type { DumpType } from '@dumpstack/target'
import { createWindowsTarget, isDiskKept, removeSystem } from '@dumpstack/windows/node'
import { kdLaunchers } from '../drive/kd-launchers.ts'
import { type OpenedDriver, openDriver } from '../driver/driver-file.ts'
import { driverFailure } from '../driver/driver-verdict.ts'
import { isHostFailure } from '../program/failure.ts'
import { UsageError } from '../program/usage-error.ts'
import { version } from '../program/version.ts'
import { variantSymbols } from '../symbols/judge-symbols.ts'
import { checkKeptSymbolPath } from '../symbols/kept-symbol-path.ts'
import { CallRecorder } from './call-recorder.ts'
import { optionsOf, planOf, reproOf, type TestPlan } from './test-options.ts'

export { planTest, type TestPlan } from './test-options.ts'

class HostMemoryError extends DumpstackError {}

export interface SessionOptions {
  /** The run folder: made for a new run, whole before a run is resumed. */
  readonly folder: string
  /**
   * Where the session ends and resumeRun goes on, in whatever process. 'crash': at each crash of the system under test;
   * 'restart': at the orderly restart before the first of them, and at each crash.
   */
  readonly stopAt: 'end' | 'crash' | 'restart'
  /** Further folds, behind journal and log: a screen, JUnit. resumeRun first replays to them what the journal holds. */
  readonly sinks: readonly Sink[]
  /** Folds of what this session itself does: nothing is replayed to them. */
  readonly liveSinks?: readonly Sink[]
  /** Instead of the symbol path that the run was begun with. */
  readonly symbolPath?: string
  /** Says that the folder of the run is waited for. */
  readonly onWait?: (text: string) => void
  /** How the folder is locked, for tests of that. */
  readonly lockTiming?: LockTiming
  readonly signal: AbortSignal
  /** The same for guest code, which gives the event loop no turn. */
  readonly stopFlag?: Int32Array
}

export type SessionEnd =
  | { readonly ended: 'finished'; readonly result: TestResult }
  /** The system is off, with its dump of that type in the page file. */
  | { readonly ended: 'crashed'; readonly dump: DumpType }
  /** The system is off, and ready for its first crash. */
  | { readonly ended: 'restarting' }
  /** Ctrl-C, or a failure of the host: resumeRun goes on. `result` is what the run has come to, null where it is nothing yet. */
  | { readonly ended: 'stopped'; readonly error: unknown; readonly result: TestResult | null }
  /** The run is over, or in the hands of another process. `result` is null where it has none: then nothing had begun. */
  | { readonly ended: 'brokenOff'; readonly error: unknown; readonly result: TestResult | null }

const NO_SCENARIO: readonly ScenarioVariant[] = [{ name: null, conditions: {} }]

/** Throws CrashtestError RUN_FOLDER_TAKEN, RUN_FOLDER_BUSY, HOST_IO; HOST_MEMORY. */
export async function startRun(plan: TestPlan, options: SessionOptions): Promise<SessionEnd> {
  checkMemory(plan.ramBytes)
  const driver = driverOf(plan)
  try {
    const folder = await RunFolder.create(options.folder, lockOptions(options))
    const resultFold = new ResultFold()
    const live = options.liveSinks ?? []
    const emit = createStream([folder.journal, folder.log, resultFold.sink, ...options.sinks, ...live])
    return await new Session({ plan, driver, folder, resultFold, emit, options }).run(null)
  } finally {
    driver?.close()
  }
}

/**
 * Goes on where the last process was killed, or ended at a crash. Throws CrashtestError RUN_FOLDER_* for a folder that
 * holds no such run, WindowsError where its disk is gone; HOST_MEMORY.
 */
export async function resumeRun(options: SessionOptions): Promise<SessionEnd> {
  const stopped = await openStoppedRun(options.folder, lockOptions(options))
  const { folder } = stopped
  let session: Session
  let driver: OpenedDriver | null = null
  try {
    const kept = planOf(stopped.options)
    if (options.symbolPath === undefined) checkKeptSymbolPath(kept.symbolPath)
    else if (kept.scenario?.variants.some(({ symbols }) => symbols !== undefined))
      throw new UsageError(`scenario ${kept.scenario.name} sets the symbol path itself: leave out -y`)
    const plan = options.symbolPath === undefined ? kept : { ...kept, symbolPath: options.symbolPath }
    checkMemory(plan.ramBytes)
    driver = driverOf(plan)
    checkSameDriver(driver, stopped.events)
    const resultFold = new ResultFold()
    const shown = [resultFold.sink, ...options.sinks]
    for (const event of stopped.events) for (const sink of shown) sink(event)
    const emit = createStream(
      [folder.journal, folder.log, ...shown, ...(options.liveSinks ?? [])],
      stopped.nextSeq,
    )
    if (stopped.discarded > 0) emit({ kind: 'resumed', discarded: stopped.discarded }, stopped.at)
    session = new Session({ plan, driver, folder, resultFold, emit, options })
  } catch (error) {
    driver?.close()
    stopped.close()
    folder.close()
    throw error
  }
  try {
    return await session.run(stopped)
  } finally {
    driver?.close()
    stopped.close()
  }
}

const lockOptions = ({ signal, onWait, lockTiming }: SessionOptions): LockOptions => ({
  signal,
  ...(onWait !== undefined && { onWait }),
  ...(lockTiming !== undefined && { timing: lockTiming }),
})

interface Parts {
  readonly plan: TestPlan
  readonly driver: OpenedDriver | null
  readonly folder: RunFolder
  readonly resultFold: ResultFold
  readonly emit: Emit
  readonly options: SessionOptions
}

class Session {
  readonly #parts: Parts
  readonly #variants: readonly ScenarioVariant[]
  #powerOff: SessionEnd | null = null
  #hasSystem = false

  constructor(parts: Parts) {
    this.#parts = parts
    this.#variants = parts.plan.scenario?.variants ?? NO_SCENARIO
  }

  async run(stopped: StoppedRun | null): Promise<SessionEnd> {
    const { folder, resultFold } = this.#parts
    let verdict: Verdict = 'inconclusive'
    let failure: { readonly error: unknown } | null = null
    let isStopped = false
    try {
      const end = await this.#runVariants(stopped)
      if (end !== 'poweredOff') verdict = end
      else if (this.#powerOff !== null) {
        folder.close()
        return this.#powerOff
      }
    } catch (error) {
      // what cannot even be loaded has not ended: it can be put right and resumed
      if (stopped !== null && !this.#hasSystem) {
        folder.close()
        throw error
      }
      failure = { error }
      isStopped = this.#isStoppedBy(error)
    }
    const result = resultFold.hasBegun ? resultFold.result(verdict) : null
    try {
      if (result !== null && !isStopped) folder.writeResult(result)
    } catch (error) {
      failure ??= { error }
      isStopped = true
    } finally {
      folder.close()
    }
    if (folder.lost !== null) return { ended: 'brokenOff', error: folder.lost, result: null }
    if (failure !== null && isStopped && folder.hasBegun)
      return { ended: 'stopped', error: failure.error, result }
    if (failure !== null || result === null) {
      const error = this.#parts.driver === null ? failure?.error : driverFailure(failure?.error)
      return { ended: 'brokenOff', error, result }
    }
    return { ended: 'finished', result }
  }

  async #runVariants(stopped: StoppedRun | null): Promise<RunEnd> {
    const first = stopped === null ? 0 : this.#indexOf(stopped)
    const verdicts: Verdict[] = []
    for (let index = first; index < this.#variants.length; index++) {
      const isUnderWay = index === first && stopped !== null && stopped.target !== null
      if (!isUnderWay) this.#keepStage(index)
      const end = await this.#runVariant(index, isUnderWay ? stopped : null)
      if (end === 'poweredOff') return end
      verdicts.push(end)
    }
    return worst(verdicts)
  }

  /** The variant to go on with; what a killed process was still to remove of those before it goes. */
  #indexOf({ stage, variant, target, options }: StoppedRun): number {
    const { folder } = this.#parts
    const found = this.#variants.findIndex(({ name }) => name === variant)
    if (found < 0) throw options.wrong('variant', variant, 'a variant of the scenario')
    const index = stage === 'finish' ? this.#variants.length : found
    for (const { name } of this.#variants.slice(0, index)) {
      const place = new SystemFolder(folder.owned, name)
      if (!isDiskKept(place)) removeSystem(place)
    }
    if (stage !== 'finish' && target === null) removeSystem(new SystemFolder(folder.owned, variant))
    return index
  }

  async #runVariant(index: number, stopped: StoppedRun | null): Promise<RunEnd> {
    const { driver, folder } = this.#parts
    if (driver === null) return await this.#runRecorded(index, stopped, null)
    const { name } = this.#variants[index]!
    const recorder = new CallRecorder(folder.owned, name, driver.names, stopped !== null)
    try {
      return await this.#runRecorded(index, stopped, recorder)
    } finally {
      recorder.close()
    }
  }

  async #runRecorded(
    index: number,
    stopped: StoppedRun | null,
    recorder: CallRecorder | null,
  ): Promise<RunEnd> {
    const { plan, driver, folder, emit, options } = this.#parts
    const variant = this.#variants[index]!
    const target = onHost(`make the machine in ${folder.path}`, () =>
      createWindowsTarget({
        profile: plan.profile,
        folder: new SystemFolder(folder.owned, variant.name),
        seed: plan.seed,
        ramBytes: plan.ramBytes,
        cpuCount: plan.cpuCount,
        pageFileBytes: plan.pageFileBytes,
        conditions: variant.conditions,
        controller: controllerNamed(plan.controller),
        diskBytes: plan.diskBytes,
        ...(driver !== null && recorder !== null && { driver: { ...driver, observer: recorder } }),
        debuggers: kdLaunchers(plan.debuggersFolder),
        ...(stopped !== null &&
          stopped.target !== null && { resumed: { state: stopped.target, crash: stopped.crash } }),
        ...(options.stopFlag !== undefined && { stopFlag: options.stopFlag }),
        hostNow: () => performance.now(),
      }),
    )
    this.#hasSystem = true
    let isOver = true
    try {
      const { dumps, stopAfter } = plan
      const end = await runCrashdumpTest(
        target,
        {
          dumps,
          stopAfter,
          variant: variant.name,
          runId: folder.owned.runId,
          productVersion: version(),
          given: optionsOf(plan),
          repro: reproOf(plan),
          hostNow: () => performance.now(),
          symbols: variantSymbols(plan, variant, folder.owned),
          resumeAt: stopped === null ? null : { crash: stopped.crash },
          poweredOff: (at) => {
            recorder?.powerOff()
            return this.#poweredOff(variant.name, at)
          },
          keep: (kept) => folder.keepTruth(variant.name, kept),
          isStoppedBy: (error) => this.#isStoppedBy(error),
        },
        (event, at) => {
          emit(event, at)
          recorder?.event(event)
        },
        options.signal,
      )
      if (end === 'poweredOff') isOver = false
      else this.#keepStage(index + 1)
      return end
    } catch (error) {
      if (this.#isStoppedBy(error)) isOver = false
      throw error
    } finally {
      target.close(isOver ? 'over' : 'stopped')
    }
  }

  #poweredOff(variant: string | null, { crash, target }: PowerOff): boolean {
    const { folder, plan, options } = this.#parts
    const stage = crash === null ? 'restart' : 'awaitRestart'
    folder.keepState({ stage, variant, options: optionsOf(plan), target, crash })
    if (options.stopAt === 'end' || (options.stopAt === 'crash' && crash === null)) return true
    this.#powerOff = crash === null ? { ended: 'restarting' } : { ended: 'crashed', dump: crash.type }
    return false
  }

  #isStoppedBy(error: unknown): boolean {
    // guest code learns it by the flag, before the signal's turn comes
    const { folder, options } = this.#parts
    return (
      options.signal.aborted || error instanceof Interrupted || folder.lost !== null || isHostFailure(error)
    )
  }

  /** Before the variant of that number begins, or behind the last. */
  #keepStage(index: number): void {
    const { folder, plan } = this.#parts
    const next = this.#variants[index]
    const variant = next === undefined ? this.#variants.at(-1)!.name : next.name
    const stage = next === undefined ? 'finish' : 'variant'
    folder.keepState({ stage, variant, options: optionsOf(plan), target: null, crash: null })
  }
}

function driverOf({ driverFile, driverPdb }: TestPlan): OpenedDriver | null {
  if (driverFile === null) return null
  try {
    return openDriver(driverFile, driverPdb)
  } catch (error) {
    throw driverFailure(error)
  }
}

/** A run goes on with the file that it began with. */
function checkSameDriver(driver: OpenedDriver | null, events: StoppedRun['events']): void {
  for (const event of events) {
    if (event.kind !== 'run' || event.target.driver === undefined || driver === null) continue
    const { sha256 } = event.target.driver
    if (sha256 === driver.description.sha256) continue
    throw new UsageError(
      `the run began with ${event.target.driver.fileName} of SHA-256 ${sha256}, the file has ${driver.description.sha256} now`,
    )
  }
}

/** The guest's RAM is the host's memory: better refused now than killed later. */
function checkMemory(ramBytes: number): void {
  const available = process.availableMemory()
  if (ramBytes <= available) return
  throw new HostMemoryError(
    'HOST_MEMORY',
    `--ram takes ${ramBytes} bytes of this machine's memory, ${available} are available`,
    { ramBytes, available },
  )
}
