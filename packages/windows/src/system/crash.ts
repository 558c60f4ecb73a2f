// One crash, from the crash driver's IOCTL to the end of the dump: the disk is busy when KeBugCheckEx comes, RAM is
// frozen, and the crash dump stack writes what the page file can hold.
import { PageSet } from '@dumpstack/bytes'
import type { DumpWriteReport } from '@dumpstack/drivers'
import { type DumpPlan, moduleFileName, planDump, planTriageDump } from '@dumpstack/dumpfile'
import type { Bugcheck } from '@dumpstack/nt'
import {
  type CrashReport,
  type DumpType,
  type Evidence,
  type KeptCrash,
  type Progress,
  SECOND_CRASH_FILE,
  type SecondCrash,
} from '@dumpstack/target'
import { BlueScreen } from '../bugcheck/blue-screen.ts'
import type { VolumeFile } from '../volume/volume.ts'
import { CRASHING_PROCESSOR, CrashedSystem } from './crashed-system.ts'
import { FrozenMemory } from './frozen-memory.ts'
import { InFlight } from './in-flight.ts'
import type { SystemOptions } from './options.ts'
import { promisedPages } from './owned-pages.ts'
import { promisedBlocks } from './promised-blocks.ts'
import { SavedTruth } from './saved-truth.ts'
import { secondCrashDump } from './second-crash.ts'
import type { RunningSystem, WindowsSystem } from './windows-system.ts'
import { writtenBy } from './written-by.ts'

/** nt!IopFinalCrashDumpStatus where no dump was started: -1. */
const DUMP_NEVER_STARTED = 0xffffffff

/** The evidence that is known once the dump is written: the rest comes with the restart, or is the system's own. */
type CrashEvidence = Omit<
  Evidence,
  'seed' | 'systemImages' | 'controller' | 'events' | 'machineCrash' | 'dumpType'
>

/** What stays of a crash for the restart and for the judge. */
export interface Crash extends CrashEvidence {
  readonly dump: DumpType
  readonly report: CrashReport
  /** null: no dump was configured, or the crash was another process's, which has kept no disk. */
  readonly pageFile: VolumeFile | null
  /** Bytes of the dump in the page file, had all gone well. */
  readonly dumpByteLength: number
}

/** `dump` is the type whose promise is judged; CrashControl decides what is written. */
export async function crash(
  system: WindowsSystem,
  dump: DumpType,
  progress: Progress,
  signal: AbortSignal,
): Promise<Crash> {
  const { machine, running, options } = system
  const { kernel, pageFile } = running
  const written = system.dumpIsConfigured() ? system.crashControl.dumpType : null

  const inFlight = new InFlight(system)
  const crashedAt = system.now
  const crashed = new CrashedSystem({ machine, ...running })
  const { bugcheck, frozen } = crashed
  const memory = new FrozenMemory(kernel, frozen)
  const promised = promisedPages(machine.ram, dump)
  if (options.conditions.dumpNeverWritten === true) {
    machine.faults.add({ controller: system.dumpController, kind: 'hang', afterWrites: 0 })
  }

  const facts = kernel.dumpFacts()
  const screen = new BlueScreen(bugcheck)
  let outcome: DumpWriteReport = { finalStatus: DUMP_NEVER_STARTED, bytesWritten: 0, violations: [] }
  let seconds = 0
  let dumpByteLength = 0
  if (written !== null && pageFile !== null) {
    const plan = planOf(system, written, memory, pageFile.byteLength)
    dumpByteLength = plan.byteLength
    ;({ outcome, seconds } = await write(system.options, crashed, plan, screen, progress, signal))
  }
  const secondCrash = await leaveSecondCrash(system, dump, outcome, bugcheck, signal)
  const used = copyOf(machine.ram.used)
  const truth = new SavedTruth(frozen, used, options.seed)
  if (outcome.secondBugcheck !== undefined) screen.replace(outcome.secondBugcheck)
  return {
    dump,
    bugcheck,
    truth,
    used,
    promised,
    promisedBlocks:
      dump === 'mini'
        ? promisedBlocks(
            memory,
            {
              debuggerData: facts.kdDebuggerDataBlock,
              debuggerDataBytes: system.profile.layouts.DEBUGGER_DATA_BYTES,
              reasonCallbackHead: kernel.reasonCallbackHead,
            },
            machine.cpuCount,
            CRASHING_PROCESSOR,
          )
        : [],
    ...crashed.pagesAfterCrash(),
    images: imagesOf(running),
    writtenBy:
      pageFile === null
        ? []
        : writtenBy(
            machine.evidence.dmaLog,
            pageFile.extents,
            system.volume.partition.offset,
            dumpByteLength,
          ),
    directoryTableBase: facts.directoryTableBase,
    pageFile: written === null ? null : pageFile,
    dumpByteLength,
    report: {
      shown: outcome.secondBugcheck ?? bugcheck,
      screen: screen.lines,
      finalStatus: outcome.finalStatus,
      bytesWritten: outcome.bytesWritten,
      ...(outcome.failure !== undefined && { failure: outcome.failure }),
      ...(outcome.notJudged !== undefined && { notJudged: outcome.notJudged }),
      ...(secondCrash !== null && { secondCrash }),
      seconds,
      crashedAt,
      violations: outcome.violations,
      inFlight: inFlight.report(crashed.commandsInFlight, machine.evidence.dmaLog),
    },
  }
}

/** A crash of another process, from what it kept. */
export const crashOf = ({ type, crash, evidence }: KeptCrash): Crash => ({
  dump: type,
  bugcheck: evidence.bugcheck,
  report: crash,
  truth: evidence.truth,
  used: evidence.used,
  promised: evidence.promised,
  promisedBlocks: evidence.promisedBlocks,
  changedByDumpPath: evidence.changedByDumpPath,
  strayWrites: evidence.strayWrites,
  pageFile: null,
  images: evidence.images,
  writtenBy: evidence.writtenBy,
  directoryTableBase: evidence.directoryTableBase,
  dumpByteLength: 0,
})

/** Drives the broker's generator; the seconds run from OpenRoutine to FinishRoutine. */
async function write(
  { hostNow, hostTurn }: SystemOptions,
  crashed: CrashedSystem,
  plan: DumpPlan,
  screen: BlueScreen,
  progress: Progress,
  signal: AbortSignal,
): Promise<{ outcome: DumpWriteReport; seconds: number }> {
  screen.collecting()
  screen.initializingDisk()
  const writing = crashed.write(plan)
  let step = writing.next()
  const opened = hostNow()
  if (step.done !== true) screen.beginning()
  try {
    while (step.done !== true) {
      const percent = plan.byteLength === 0 ? 0 : (step.value / plan.byteLength) * 100
      screen.progress(percent)
      progress(Math.floor(percent))
      await hostTurn()
      signal.throwIfAborted()
      step = writing.next()
    }
  } catch (error) {
    writing.return({ finalStatus: DUMP_NEVER_STARTED, bytesWritten: 0, violations: [] })
    throw error
  }
  const seconds = (hostNow() - opened) / 1000
  if (step.value.finalStatus === 0) {
    screen.progress(100)
    progress(100)
  }
  return { outcome: step.value, seconds }
}

/** `full/second-crash.dmp` in the run folder, where the code of a driver file ended the dump. */
async function leaveSecondCrash(
  { running, options }: WindowsSystem,
  dump: DumpType,
  outcome: DumpWriteReport,
  first: Bugcheck,
  signal: AbortSignal,
): Promise<SecondCrash | null> {
  const { kernel } = running
  const code = running.code?.stop() ?? null
  if (outcome.finalStatus === 0 || outcome.notJudged !== undefined || code === null) return null
  const { host, hostTurn } = options
  const left = secondCrashDump({ kernel, bugcheck: outcome.secondBugcheck ?? first, code })
  const name = `${dump}/${SECOND_CRASH_FILE}`
  const draft = `${name}.part`
  const file = host.create(draft, left.byteLength)
  try {
    for (const _written of left.write(file)) {
      await hostTurn()
      signal.throwIfAborted()
    }
  } catch (error) {
    file.close()
    host.remove(draft)
    throw error
  }
  file.close()
  host.rename(draft, name)
  return { file: host.pathOf(name), deviceExtension: code.deviceExtension }
}

/** By the last part of the full name: minidumps keep no other. */
function imagesOf({ kernel, dumpStack }: RunningSystem): string[] {
  const stack = dumpStack.rows.filter((row) => row.state === 'loaded')
  return [kernel.loadedImages[0]!.baseName, ...stack.map(moduleFileName)]
}

/** A minidump is copied here, from RAM as the bugcheck left it; the pages of the others are read by the controller. */
function planOf(
  { running, profile }: WindowsSystem,
  written: DumpType,
  memory: FrozenMemory,
  fileByteLength: number,
): DumpPlan {
  const { kernel } = running
  const facts = kernel.dumpFacts()
  if (written === 'mini') {
    return planTriageDump({ facts, triage: kernel.triageFacts(), memory, fileByteLength })
  }
  const dumpType = profile.dumpTypes[written]
  return planDump({ dumpType, facts, promised: kernel.promised(written), fileByteLength })
}

const copyOf = (set: PageSet): PageSet => new PageSet(set.bitCount, set.bytes.slice())
