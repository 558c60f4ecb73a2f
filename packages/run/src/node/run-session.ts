// The life of a run in one process, whichever front end drives it: the folder is made or taken over, the test goes on in it to its end or
// to the next crash, and journal, log, state and result are kept on the way. Everything else a front end shows is a fold of its own.
import { Interrupted } from '@dumpstack/bytes'
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
import type { DumpType } from '@dumpstack/target'
import { DumpWriteLog } from './dump-write-log.ts'
import { isHostFailure, onHost } from './host-error.ts'
import { openStoppedRun, type StoppedRun } from './resume-folder.ts'
import type { RunComposition } from './run-composition.ts'
import { RunFolder } from './run-folder.ts'
import type { LockOptions, LockTiming } from './run-lock.ts'
import { SystemFolder } from './system-folder.ts'

export interface SessionOptions {
  /** The run folder: made for a new run, whole before a run is resumed. */
  readonly folder: string
  /**
   * Where the session ends and resumeRun goes on, in whatever process. 'crash': at each crash of the system under test;
   * 'restart': at the orderly restart before the first of them, and at each crash.
   */
  readonly stopAt: 'end' | 'crash' | 'restart'
  /** Further folds, called after journal and log: a screen, JUnit. resumeRun first replays to them what the journal holds. */
  readonly sinks: readonly Sink[]
  /** Folds of what this session itself does: nothing is replayed to them. */
  readonly liveSinks?: readonly Sink[]
  /** Says that the folder of the run is waited for. */
  readonly onWait?: (text: string) => void
  /** How the folder is locked, for tests of that. */
  readonly lockTiming?: LockTiming
  readonly signal: AbortSignal
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

/** Throws RunError RUN_FOLDER_TAKEN, RUN_FOLDER_BUSY, HOST_IO. */
export async function startRun(composition: RunComposition, options: SessionOptions): Promise<SessionEnd> {
  const folder = await RunFolder.create(options.folder, lockOptions(options))
  const resultFold = new ResultFold()
  const live = options.liveSinks ?? []
  const emit = createStream([folder.journal, folder.log, resultFold.sink, ...options.sinks, ...live])
  return await new Session({ composition, folder, resultFold, emit, options }).run(null)
}

/**
 * Goes on where the last process was killed, or ended at a crash; `compose` plans from what the run keeps. Throws RunError RUN_FOLDER_* for a
 * folder that holds no such run, and what `compose` throws.
 */
export async function resumeRun(
  compose: (stopped: StoppedRun) => RunComposition,
  options: SessionOptions,
): Promise<SessionEnd> {
  const stopped = await openStoppedRun(options.folder, lockOptions(options))
  const { folder } = stopped
  let session: Session
  try {
    const composition = compose(stopped)
    const resultFold = new ResultFold()
    const shown = [resultFold.sink, ...options.sinks]
    for (const event of stopped.events) for (const sink of shown) sink(event)
    const emit = createStream(
      [folder.journal, folder.log, ...shown, ...(options.liveSinks ?? [])],
      stopped.nextSeq,
    )
    if (stopped.discarded > 0) emit({ kind: 'resumed', discarded: stopped.discarded }, stopped.at)
    session = new Session({ composition, folder, resultFold, emit, options })
  } catch (error) {
    stopped.close()
    folder.close()
    throw error
  }
  try {
    return await session.run(stopped)
  } finally {
    stopped.close()
  }
}

const lockOptions = ({ signal, onWait, lockTiming }: SessionOptions): LockOptions => ({
  signal,
  ...(onWait !== undefined && { onWait }),
  ...(lockTiming !== undefined && { timing: lockTiming }),
})

interface Parts {
  readonly composition: RunComposition
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
    const { variants } = parts.composition.plan
    this.#variants = variants.length === 0 ? NO_SCENARIO : variants
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
      return { ended: 'brokenOff', error: this.#parts.composition.failure(failure?.error), result }
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
    const { composition, folder } = this.#parts
    const found = this.#variants.findIndex(({ name }) => name === variant)
    if (found < 0) throw options.wrong('variant', variant, 'a variant of the scenario')
    const index = stage === 'finish' ? this.#variants.length : found
    for (const { name } of this.#variants.slice(0, index))
      composition.removeSystem(new SystemFolder(folder.owned, name), true)
    if (stage !== 'finish' && target === null)
      composition.removeSystem(new SystemFolder(folder.owned, variant), false)
    return index
  }

  async #runVariant(index: number, stopped: StoppedRun | null): Promise<RunEnd> {
    const { composition, folder, emit, options } = this.#parts
    const { dumps, stopAfter, repro, debugCommand, productVersion, options: given } = composition.plan
    const variant = this.#variants[index]!
    const place = { folder: new SystemFolder(folder.owned, variant.name), owned: folder.owned, variant }
    const state = stopped?.target ?? null
    const writes = new DumpWriteLog(folder.owned, variant.name)
    const resumed = state === null ? null : { state, crash: stopped?.crash ?? null }
    const { target, recorder } = onHost(`make the machine in ${folder.path}`, () =>
      composition.createSystem({ ...place, resumed, onDumpWrite: writes.write }),
    )
    this.#hasSystem = true
    let isOver = true
    try {
      const end = await runCrashdumpTest(
        target,
        {
          dumps,
          stopAfter,
          variant: variant.name,
          runId: folder.owned.runId,
          productVersion,
          given,
          repro,
          debugCommand,
          hostNow: () => performance.now(),
          symbols: composition.symbols(place),
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
          writes.event(event)
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
      try {
        target.close(isOver ? 'over' : 'stopped')
      } finally {
        try {
          recorder?.close()
        } finally {
          writes.close()
        }
      }
    }
  }

  #poweredOff(variant: string | null, { crash, target }: PowerOff): boolean {
    const { folder, composition, options } = this.#parts
    const stage = crash === null ? 'restart' : 'awaitRestart'
    folder.keepState({ stage, variant, options: composition.plan.options, target, crash })
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

  /** Before the variant of that number begins, or after the last. */
  #keepStage(index: number): void {
    const { folder, composition } = this.#parts
    const next = this.#variants[index]
    const variant = next === undefined ? this.#variants.at(-1)!.name : next.name
    const stage = next === undefined ? 'finish' : 'variant'
    folder.keepState({ stage, variant, options: composition.plan.options, target: null, crash: null })
  }
}
