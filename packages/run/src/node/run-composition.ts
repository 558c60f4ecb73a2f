// What the caller of a run composes: a plan, the system under test, symbols. The room of the system is not imported here.
import type { ScenarioVariant, TestEventBody, TestOptions } from '@dumpstack/crashtest'
import type { Facts, KeptCrash, Target } from '@dumpstack/target'
import type { DumpWriteLog } from './dump-write-log.ts'
import type { OwnedFolder } from './owned-folder.ts'
import type { SystemFolder } from './system-folder.ts'

/** The parts of the plan that the run itself reads. */
export interface RunPlan
  extends Pick<TestOptions, 'dumps' | 'stopAfter' | 'repro' | 'debugCommand' | 'productVersion'> {
  /** As journal and state name them; a resumed run is planned from them again. */
  readonly options: Readonly<Record<string, unknown>>
  /** Those of the scenario; none where it has none. */
  readonly variants: readonly ScenarioVariant[]
}

/** Where the system of a variant lies, and what it was when it was switched off; null for a new one. */
export interface SystemPlace {
  readonly folder: SystemFolder
  readonly owned: OwnedFolder
  readonly variant: ScenarioVariant
  /** To be told of each write of the dump: DumpWriteLog.write. */
  readonly onDumpWrite: DumpWriteLog['write']
  readonly resumed: { readonly state: Facts; readonly crash: KeptCrash | null } | null
}

/** A system under test, with what follows it. */
export interface SystemUnderTest {
  readonly target: Target
  /** Null where nothing is recorded of it. */
  readonly recorder: SystemRecorder | null
}

export interface SystemRecorder {
  /** Each event of the run, after it was journalled. Throws RunError HOST_IO. */
  event(event: TestEventBody): void
  /** The system is off. */
  powerOff(): void
  close(): void
}

/** What the caller of a run composes: the plan, and the systems under test. */
export interface RunComposition {
  readonly plan: RunPlan
  createSystem(place: SystemPlace): SystemUnderTest
  /** Removes what a system left that is over; `keepsDisk`: unless its disk is to stay for a stranger. */
  removeSystem(folder: SystemFolder, keepsDisk: boolean): void
  symbols(place: Pick<SystemPlace, 'owned' | 'variant'>): TestOptions['symbols']
  /** Converts the failure of a run to the error that is shown to the user. */
  failure(error: unknown): unknown
}
