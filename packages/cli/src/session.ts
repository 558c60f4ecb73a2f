// What one process does of a run, whichever front end drives it: journal, log and result in the run folder, and the test
// on the Windows-shaped system, to its end or to the next crash. Everything else a front end shows is a fold of its own.
import { DumpstackError } from '@dumpstack/bytes'
import {
  createStream,
  type DumpType,
  type Emit,
  ResultFold,
  runCrashdumpTest,
  type ScenarioVariant,
  type Sink,
  type TestResult,
  type Verdict,
  worst,
} from '@dumpstack/crashtest'
import { onHost, RunFolder } from '@dumpstack/crashtest/node'
import type { SymbolSource } from '@dumpstack/debugger'
import { createWindowsTarget } from '@dumpstack/windows/node'
import { judgeSymbols } from './judge-symbols.ts'
import { reproOf, type TestPlan } from './test-options.ts'
import { UsageError } from './usage-error.ts'

class HostMemoryError extends DumpstackError {}

export interface SessionOptions {
  /** The run folder: made for a new run, whole before a run is resumed. */
  readonly folder: string
  /** 'crash': each crash of the system under test ends the session; resumeRun goes on, in whatever process. */
  readonly stopAt: 'end' | 'crash'
  /** Further folds, behind journal and log: a screen, JUnit. resumeRun first replays to them what the journal holds. */
  readonly sinks: readonly Sink[]
  readonly signal: AbortSignal
}

export type SessionEnd =
  | { readonly ended: 'finished'; readonly result: TestResult }
  /** The system is off, with its dump of that type in the page file. */
  | { readonly ended: 'crashed'; readonly dump: DumpType }
  /** Ctrl-C, or a failure of the host. `result` is null where nothing had begun; such a run cannot be resumed. */
  | { readonly ended: 'brokenOff'; readonly error: unknown; readonly result: TestResult | null }

const NO_SCENARIO: readonly ScenarioVariant[] = [{ name: null, conditions: {} }]

/** Throws CrashtestError RUN_FOLDER_TAKEN, RUN_FOLDER_IO; HOST_MEMORY. */
export async function startRun(plan: TestPlan, options: SessionOptions): Promise<SessionEnd> {
  checkMemory(plan.ramBytes)
  const folder = new RunFolder(options.folder)
  const resultFold = new ResultFold()
  const emit = createStream([folder.journal, folder.log, resultFold.sink, ...options.sinks])
  let verdict: Verdict = 'inconclusive'
  let failure: { readonly error: unknown } | null = null
  try {
    const verdicts: Verdict[] = []
    const symbols = judgeSymbols(plan.symbolPath)
    for (const variant of plan.scenario?.variants ?? NO_SCENARIO) {
      verdicts.push(await runVariant(plan, variant, folder, symbols, emit, options.signal))
    }
    verdict = worst(verdicts)
  } catch (error) {
    failure = { error }
  }
  const result = resultFold.hasBegun ? resultFold.result(verdict) : null
  try {
    if (result !== null) folder.writeResult(result)
  } catch (error) {
    failure ??= { error }
  } finally {
    folder.close()
  }
  if (failure !== null || result === null) return { ended: 'brokenOff', error: failure?.error, result }
  return { ended: 'finished', result }
}

/** Goes on where the last process was killed, or ended at a crash. */
export async function resumeRun(options: SessionOptions): Promise<SessionEnd> {
  throw new UsageError(`the run in ${options.folder} cannot be resumed: runs are not kept yet`)
}

async function runVariant(
  plan: TestPlan,
  variant: ScenarioVariant,
  folder: RunFolder,
  symbols: SymbolSource,
  emit: Emit,
  signal: AbortSignal,
): Promise<Verdict> {
  const target = onHost(`make the machine in ${folder.path}`, () =>
    createWindowsTarget({
      folder: folder.variantFolder(variant.name),
      seed: plan.seed,
      ramBytes: plan.ramBytes,
      cpuCount: plan.cpuCount,
      pageFileBytes: plan.pageFileBytes,
      conditions: variant.conditions,
      diskBytes: plan.diskBytes,
      hostNow: () => performance.now(),
    }),
  )
  try {
    const { scenario, dumps, stopAfter } = plan
    return await runCrashdumpTest(
      target,
      {
        dumps,
        stopAfter,
        variant: variant.name,
        given: { ...plan, scenario: scenario?.name ?? null },
        repro: reproOf(plan),
        symbols,
        keep: (kept) => folder.keepTruth(variant.name, kept),
      },
      emit,
      signal,
    )
  } finally {
    target.close()
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
