// The one stream that everything is folded from: journal, log, JSON, JUnit and screen. The schema of an event is its type, its reader and
// docs/schema/test-event.schema.json.

import {
  DUMP_MODE_RULE_ID,
  type DumpModeRuleId,
  type DumpModeViolation,
  SEVERITIES,
  type SourcePlace,
  type StackRow,
} from '@dumpstack/nt'
import {
  about,
  anyObject,
  bugcheck,
  byKind,
  type CrashReport,
  constant,
  count,
  DUMP_TYPES,
  flag,
  hex64,
  hexText,
  type InFlightCommands,
  list,
  named,
  nullable,
  number,
  object,
  objectOf,
  oneOf,
  optional,
  type Schema,
  type SecondCrash,
  type Static,
  sha256,
  systemEvents,
  type TargetDescription,
  type TargetDriver,
  text,
  textLike,
  time,
  type WrittenRange,
} from '@dumpstack/target'
import { PAGE_OWNERS } from './page-owner.ts'

/** Raised with each change of what an event holds: a journal of another format is refused. */
export const EVENT_FORMAT = 1

const VERDICTS = ['pass', 'fail', 'inconclusive'] as const
export type Verdict = (typeof VERDICTS)[number]

/** Fail outweighs inconclusive, which outweighs pass. */
export function worst(verdicts: Iterable<Verdict>): Verdict {
  let result: Verdict = 'pass'
  for (const verdict of verdicts) {
    if (verdict === 'fail') return 'fail'
    if (verdict === 'inconclusive') result = verdict
  }
  return result
}

/** The steps of the test, in the order of the kit's page. */
const STEP_NAMES = [
  'prerequisites',
  'debuggers',
  'crashDriver',
  'pageFile',
  'restart',
  'crashControl',
  'crash',
  'awaitRestart',
  'examine',
  'restore',
] as const
export type StepName = (typeof STEP_NAMES)[number]

export const verdict = named('verdict', oneOf(VERDICTS))
export const dumpType = named('dumpType', oneOf(DUMP_TYPES))
export const messageLevel = oneOf(['i', 'x'])

const finding = object({
  check: about('The check that made it: truth, dumpType, writtenBy.', text),
  verdict,
  message: text,
  pfn: optional(count),
  fileOffset: optional(count),
  found: optional(text),
  expected: optional(text),
})
export type Finding = Static<typeof finding>

export const truthCount = named(
  'truth',
  object(
    {
      unit: about(
        'What is counted: pages of a full or kernel dump, blocks of memory of a mini dump.',
        oneOf(['pages', 'blocks']),
      ),
      compared: count,
      equal: count,
      changedByDumpPath: count,
      different: count,
      missing: count,
      extra: count,
    },
    'compared = equal + changedByDumpPath + different; missing are promised and not in the dump. extra: pages that are in the dump and not promised; blocks of a mini dump that were no memory at the crash.',
  ),
)
export type TruthCount = Static<typeof truthCount>

const pageDifference = object({
  pfn: count,
  fileOffset: about('Of the page.', count),
  owner: oneOf(PAGE_OWNERS),
  what: about('The owner in words: an image, a pool tag, an address of the kernel.', text),
  isExpected: about(
    'Whether Windows writes the page at the blue screen: it does not count against the dump.',
    flag,
  ),
})
export type PageDifference = Static<typeof pageDifference>

export const checkOutcome = object({
  id: text,
  verdict,
  message: text,
  causedBy: optional(
    about('The check that names the cause of this failure; absent for a finding of its own.', text),
  ),
})
export type CheckOutcome = Static<typeof checkOutcome>

export const writtenRanges = list(
  objectOf<WrittenRange>({ fileOffset: count, byteLength: count, device: text }),
)

/** What the examine step learned about one dump. */
/** The result and the events write a bugcheck and ranges each in its own way. */
export const examinationFields = <B, W>(shown: Schema<B>, written: Schema<W>) => ({
  verdict,
  file: about(
    'Path of the dump file: from the run folder in the files of a run, on the host where it is shown; null where there is none.',
    nullable(text),
  ),
  dumpType: about('DUMP_HEADER64.DumpType', nullable(count)),
  bugcheck: nullable(shown),
  pagesInDump: about('0 in a mini dump, which holds blocks.', count),
  truth: nullable(
    truthCount,
    'Null for a dump from elsewhere (dumpstack examine FILE) without --ram: the RAM of its crash is not available. With --ram, changedByDumpPath counts what Windows itself wrote meanwhile, and extra the pages that the RAM does not hold.',
  ),
  differences: optional(
    list(pageDifference, 'With --ram: the first 1024 pages that differ from the RAM, and whose they are.'),
  ),
  writtenBy: about(
    'Which controller wrote which bytes of the file, from the DMA log; none where no transfer did.',
    written,
  ),
  seconds: about('Host seconds from OpenRoutine to FinishRoutine; 0 for a dump from elsewhere.', number),
  bytesPerSecond: count,
  checks: list(checkOutcome),
})
const examination = object({
  type: dumpType,
  ...examinationFields(bugcheck, writtenRanges),
  byteLength: count,
})
export type DumpExamination = Static<typeof examination>

const sourceLine = objectOf<SourcePlace>(
  { file: text, line: count },
  "The line of the offset in the driver's sources, by the path that its PDB has; absent where it has none.",
)

export const violationFields = {
  severity: about('fail, warning or note: only fail counts against the driver.', oneOf(SEVERITIES)),
  rule: textLike<DumpModeRuleId>(DUMP_MODE_RULE_ID, 'a rule of dump mode'),
  call: about('The call or access: StorPortIssueDpc.', text),
  message: text,
  count: about('How often the rule was broken at this place.', count),
  driver: text,
  address: hexText,
  offset: optional(hexText),
  irql: text,
  atNs: about('Virtual nanoseconds.', number),
  arguments: optional(list(hexText, 'For a driver whose code ran: what the call was given.')),
  bytes: optional(about('Its code at the address.', text)),
  stack: optional(
    list(text, 'For a driver whose code ran: its stack, innermost first, with names where a PDB has them.'),
  ),
  source: optional(sourceLine),
  repro: about(
    'A command line that reproduces it; the test adds it, because it knows its own options.',
    text,
  ),
  debug: optional(
    about(
      'For a fault that ended a dump: the command that opens RAM of that moment in the debugger, at the driver.',
      text,
    ),
  ),
}
export interface ReportedViolation extends DumpModeViolation {
  readonly repro: string
  readonly debug?: string
}
/** The report of a target, with what the test adds. */
export interface ReportedCrash extends CrashReport {
  readonly violations: readonly ReportedViolation[]
}

const inFlight = objectOf<InFlightCommands>({
  commands: about('In the controller when the storage stack froze.', count),
  completed: about('Those of them whose data moved after the crash.', count),
  leaked: list(count, 'Disk offsets of writes that did not complete and whose sectors changed nevertheless.'),
})

export const crashReport = objectOf<ReportedCrash>({
  shown: about('As the blue screen shows it: a second bugcheck replaces the first.', bugcheck),
  screen: list(text),
  finalStatus: about("The dump's own NTSTATUS.", count),
  bytesWritten: count,
  failure: optional(about('What ended the dump early, where the dump stack knows it.', text)),
  secondCrash: optional(
    objectOf<SecondCrash>(
      {
        file: about(
          'A dump: from the run folder in the files of a run, on the host where it is shown.',
          text,
        ),
        deviceExtension: about('Address of HwDeviceExtension; null before HwFindAdapter.', nullable(hex64)),
      },
      'All of RAM as a driver file left it when it ended its dump, with the registers of its code, for a debugger.',
    ),
  ),
  notJudged: optional(about('The error code of what is not modelled: this dump cannot be judged.', text)),
  seconds: about('Host seconds from OpenRoutine to FinishRoutine.', number),
  crashedAt: time,
  violations: list(objectOf<ReportedViolation>(violationFields)),
  inFlight,
})

export const targetDriver = objectOf<TargetDriver>(
  {
    fileName: text,
    sha256,
    byteLength: count,
    executed: constant(true),
    pdb: nullable(
      object({
        name: text,
        identity: about('GUID and age, as symbol stores write them.', text),
        found: flag,
      }),
      'The PDB that the file names, and whether names come from it.',
    ),
  },
  'The driver file under test; absent where drivers are modelled.',
)

const stackRow = objectOf<StackRow>({
  nameOnDisk: text,
  fullName: text,
  baseName: text,
  base: hex64,
  size: count,
  purpose: text,
  state: oneOf(['loaded', 'unloaded']),
})

const target = objectOf<TargetDescription>({
  profile: text,
  controller: text,
  driver: optional(targetDriver),
  seed: count,
  cpuCount: count,
  ramBytes: count,
  pageFileBytes: count,
  freeBytesOnC: count,
  stack: list(stackRow),
})

const step = { step: oneOf(STEP_NAMES), dump: optional(dumpType) }

export const eventKinds = {
  run: {
    format: about('Raised with each change of what an event holds.', constant(EVENT_FORMAT)),
    runId: about('The run that the events belong to, as the marker of its folder has it.', text),
    productVersion: about('The version of dumpstack that began the run.', text),
    options: about('As the user gave them.', anyObject),
    seed: count,
    variant: about("Which of a scenario's variants this is; null where it has one.", nullable(text)),
    target,
  },
  resumed: {
    discarded: about(
      'Another process goes on after the last power off: so many journalled events of the earlier one were taken back.',
      count,
    ),
  },
  begin: step,
  end: {
    ...step,
    verdict,
    seconds: about('Seconds of the host that the step took.', number),
  },
  message: { level: messageLevel, text },
  finding: { finding },
  crashed: { dump: dumpType, report: crashReport },
  examined: { dump: dumpType, examination },
  systemEvents: { dump: dumpType, events: systemEvents },
  progress: { percent: count },
}

export const eventPlace = {
  seq: about('Counts the events of a run from 0.', count),
  at: about('Milliseconds since 1970 on the clock of the system under test.', time),
}

export const testEvent = byKind(eventPlace, eventKinds)
const testEventBody = byKind({}, eventKinds)

/** `at`: milliseconds since 1970 on the target's clock. All but `progress` are journalled and synced. */
export type TestEvent = Static<typeof testEvent>
export type TestEventBody = Static<typeof testEventBody>
/** Where events go; the times are the target's. */
export type Emit = (body: TestEventBody, at: number) => void
