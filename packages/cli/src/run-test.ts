// `dumpstack test`: composes the Windows-shaped system, the run folder and the folds, and nothing else.
import { accessSync, constants, existsSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DumpstackError } from '@dumpstack/bytes'
import {
  createStream,
  JunitFold,
  ResultFold,
  runCrashdumpTest,
  type ScenarioVariant,
  type Sink,
  type Verdict,
  worst,
} from '@dumpstack/crashtest'
import { onHost, RunFolder } from '@dumpstack/crashtest/node'
import { createWindowsTarget } from '@dumpstack/windows/node'
import { exitCodeOf } from './exit-code.ts'
import { catchInterrupts } from './interrupt.ts'
import { screenOn, shownPath } from './terminal.ts'
import { reproOf, type TestPlan } from './test-options.ts'
import { UsageError } from './usage-error.ts'

class HostMemoryError extends DumpstackError {}

export interface TestOutput {
  readonly out: string | null
  readonly json: boolean
  readonly junit: string | null
}

const DEFAULT_OUT = 'dumpstack-run'
const NO_SCENARIO: readonly ScenarioVariant[] = [{ name: null, conditions: {} }]

export async function runTest(plan: TestPlan, output: TestOutput): Promise<number> {
  const startedAt = performance.now()
  if (output.junit !== null) checkWritable(output.junit)
  checkMemory(plan.ramBytes)
  const folder = new RunFolder(output.out ?? freeDefaultFolder())
  const resultFold = new ResultFold()
  const junitFold = new JunitFold()
  const screen = screenOn(output.json ? process.stderr : process.stdout, !output.json)
  const sinks: Sink[] = [folder.journal, folder.log, resultFold.sink, junitFold.sink]
  if (screen !== null) sinks.push(screen.sink)
  const emit = createStream(sinks)
  const interrupt = catchInterrupts()
  let verdict: Verdict = 'inconclusive'
  let failure: unknown = null
  try {
    const verdicts: Verdict[] = []
    for (const variant of plan.scenario?.variants ?? NO_SCENARIO) {
      verdicts.push(await runVariant(plan, variant, folder, emit, interrupt.signal))
    }
    verdict = worst(verdicts)
  } catch (error) {
    failure = error
  }
  try {
    finish()
  } catch (error) {
    failure ??= error
  } finally {
    interrupt.release()
    folder.close()
  }
  if (failure !== null) throw failure
  return exitCodeOf(verdict)

  function finish(): void {
    if (!resultFold.hasBegun) return
    const result = resultFold.result(verdict)
    const json = `${JSON.stringify(result, null, 2)}\n`
    if (output.json) process.stdout.write(json)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    screen?.close(result.verdict, `, after ${seconds} s. Evidence: ${shownPath(folder.path)}`)
    folder.writeResult(result)
    const { junit } = output
    const brokenOff = failure === null ? null : failure instanceof Error ? failure.message : String(failure)
    if (junit !== null) onHost(`write ${junit}`, () => writeFileSync(junit, junitFold.xml(brokenOff)))
  }
}

async function runVariant(
  plan: TestPlan,
  variant: ScenarioVariant,
  folder: RunFolder,
  emit: Parameters<typeof runCrashdumpTest>[2],
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
        keep: (kept) => folder.keepTruth(variant.name, kept),
      },
      emit,
      signal,
    )
  } finally {
    target.close()
  }
}

/** The first of dumpstack-run, dumpstack-run-2, ... that no run has taken: a second `npm start` just works. */
function freeDefaultFolder(): string {
  if (!existsSync(DEFAULT_OUT)) return DEFAULT_OUT
  let number = 2
  while (existsSync(`${DEFAULT_OUT}-${number}`)) number++
  return `${DEFAULT_OUT}-${number}`
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

/** Known before the run rather than after it. */
function checkWritable(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`--junit ${file} is a folder, expected a file`)
  }
  onHost(`write ${file}`, () =>
    accessSync(existsSync(file) ? file : path.dirname(path.resolve(file)), constants.W_OK),
  )
}
