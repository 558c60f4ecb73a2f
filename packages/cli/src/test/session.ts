// Composes a run of the test: the plan of its options, the Windows-shaped system on the run's folder, its driver file, and symbols. The life of
// the run is the room run's, which both front ends of the test drive by way of this file.
import { DumpstackError } from '@dumpstack/bytes'
import { controllerNamed } from '@dumpstack/machine'
import {
  type RunComposition,
  type SessionOptions as RunSessionOptions,
  resumeRun as resumeRunIn,
  type SessionEnd,
  type StoppedRun,
  type SystemPlace,
  type SystemUnderTest,
  startRun as startRunIn,
} from '@dumpstack/run/node'
import { SECTORS } from '@dumpstack/windows'
import { createWindowsTarget, isDiskKept, removeSystem } from '@dumpstack/windows/node'
import { kdLaunchers } from '../drive/kd-launchers.ts'
import { debugCommand } from '../driver/debug-command.ts'
import { type OpenedDriver, openDriver } from '../driver/driver-file.ts'
import { driverFailure } from '../driver/driver-verdict.ts'
import { UsageError } from '../program/usage-error.ts'
import { version } from '../program/version.ts'
import { variantSymbols } from '../symbols/judge-symbols.ts'
import { checkKeptSymbolPath } from '../symbols/kept-symbol-path.ts'
import { CallRecorder } from './call-recorder.ts'
import { optionsOf, planOf, reproOf, type TestPlan } from './test-options.ts'

export type { SessionEnd } from '@dumpstack/run/node'
export { planTest, type TestPlan } from './test-options.ts'

class HostMemoryError extends DumpstackError {}

export interface SessionOptions extends RunSessionOptions {
  /** The symbol path of a resumed run, in place of the one that it was begun with. */
  readonly symbolPath?: string
  /** The same as the signal for guest code, which gives the event loop no turn. */
  readonly stopFlag?: Int32Array
}

/** Throws as startRun of the room run, HOST_MEMORY, and what a driver file cannot be. */
export async function startRun(plan: TestPlan, options: SessionOptions): Promise<SessionEnd> {
  checkMemory(plan.ramBytes)
  const driver = driverOf(plan)
  try {
    return await startRunIn(compose(plan, driver, options), options)
  } finally {
    driver?.close()
  }
}

/** Throws as resumeRun of the room run, WindowsError where its disk is gone; HOST_MEMORY. */
export async function resumeRun(options: SessionOptions): Promise<SessionEnd> {
  let driver: OpenedDriver | null = null
  try {
    return await resumeRunIn((stopped) => {
      const plan = planOfStopped(stopped, options.symbolPath)
      checkMemory(plan.ramBytes)
      driver = driverOf(plan)
      checkSameRun(plan, driver, stopped)
      return compose(plan, driver, options)
    }, options)
  } finally {
    closeDriver(driver)
  }
}

const closeDriver = (driver: OpenedDriver | null): void => driver?.close()

function planOfStopped({ options }: StoppedRun, symbolPath: string | undefined): TestPlan {
  const kept = planOf(options)
  if (symbolPath === undefined) {
    checkKeptSymbolPath(kept.symbolPath)
    return kept
  }
  if (kept.scenario?.variants.some(({ symbols }) => symbols !== undefined))
    throw new UsageError(`scenario ${kept.scenario.name} sets the symbol path itself: leave out -y`)
  return { ...kept, symbolPath }
}

function compose(plan: TestPlan, driver: OpenedDriver | null, options: SessionOptions): RunComposition {
  return {
    plan: {
      dumps: plan.dumps,
      stopAfter: plan.stopAfter,
      repro: reproOf(plan),
      debugCommand: (dump) => debugCommand(dump, plan.driverPdb ?? plan.driverFile!, plan.profile), // only a driver file leaves one
      productVersion: version(),
      options: optionsOf(plan),
      variants: plan.scenario?.variants ?? [],
    },
    createSystem: (place) => createSystem(plan, driver, options, place),
    removeSystem(folder, keepsDisk) {
      if (!keepsDisk || !isDiskKept(folder)) removeSystem(folder)
    },
    symbols: ({ variant, owned }) => variantSymbols(plan, variant, owned),
    failure: (error) => (driver === null ? error : driverFailure(error)),
  }
}

function createSystem(
  plan: TestPlan,
  driver: OpenedDriver | null,
  { stopFlag }: SessionOptions,
  { folder, owned, variant, resumed, onDumpWrite }: SystemPlace,
): SystemUnderTest {
  const recorder =
    driver === null ? null : new CallRecorder(owned, variant.name, driver.names, resumed !== null)
  try {
    const target = createWindowsTarget({
      profile: plan.profile,
      folder,
      seed: plan.seed,
      ramBytes: plan.ramBytes,
      cpuCount: plan.cpuCount,
      pageFileBytes: plan.pageFileBytes,
      conditions: variant.conditions,
      controller: controllerNamed(plan.controller),
      diskBytes: plan.diskBytes,
      ...SECTORS[plan.sector],
      settings: plan.settings,
      ...(driver !== null && recorder !== null && { driver: { ...driver, observer: recorder } }),
      debuggers: kdLaunchers(plan.debuggersFolder),
      ...(resumed !== null && { resumed }),
      onDumpWrite,
      ...(stopFlag !== undefined && { stopFlag }),
      hostNow: () => performance.now(),
    })
    return { target, recorder }
  } catch (error) {
    recorder?.close() // it keeps what a driver did that did not start
    throw error
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

/** A run goes on as it began: with the profile and the seed that its journal has, and with the same driver file. */
function checkSameRun(plan: TestPlan, driver: OpenedDriver | null, { events, options }: StoppedRun): void {
  for (const event of events) {
    if (event.kind !== 'run') continue
    const { profile, seed, driver: begun } = event.target
    if (profile !== plan.profile.name)
      throw options.wrong('profile', plan.profile.name, `${profile}, as the journal has it`)
    if (seed !== plan.seed) throw options.wrong('seed', plan.seed, `${seed}, as the journal has it`)
    if (begun === undefined || driver === null || begun.sha256 === driver.description.sha256) continue
    throw new UsageError(
      `the run began with ${begun.fileName} of SHA-256 ${begun.sha256}, the file has ${driver.description.sha256} now`,
    )
  }
}

/** The guest's RAM is the host's memory: better refused now than killed later. */
function checkMemory(ramBytes: number): void {
  const available = process.availableMemory()
  if (ramBytes <= available) return
  throw new HostMemoryError(
    'HOST_MEMORY',
    `the RAM of the system takes ${ramBytes} bytes of this machine's memory, ${available} are available`,
    { ramBytes, available },
  )
}
