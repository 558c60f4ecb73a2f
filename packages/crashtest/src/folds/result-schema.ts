// What `dumpstack test --json` and result.json hold. The schema is the type, the reader and docs/schema/test-result.schema.json.
import { systemEventFields } from '@dumpstack/target'
import {
  about,
  constant,
  count,
  hexText,
  list,
  named,
  nullable,
  number,
  object,
  optional,
  type Static,
  text,
  tuple4,
} from '@dumpstack/target/schema'
import {
  checkOutcome,
  dumpType,
  messageLevel,
  targetDriver,
  truthCount,
  verdict,
  violationFields,
} from '../test-event.ts'

export const RESULT_SCHEMA = 'docs/schema/test-result.schema.json'

const variant = optional(about("Which of a scenario's variants; absent where it has one.", text))

const resultDump = named(
  'dump',
  object({
    type: dumpType,
    variant,
    verdict,
    file: about(
      'Path of the dump file: from the run folder in result.json, on the host where it is shown; null where there is none.',
      nullable(text),
    ),
    dumpType: about('DUMP_HEADER64.DumpType', nullable(count)),
    bugcheck: nullable(object({ code: hexText, parameters: tuple4(hexText) })),
    pagesInDump: about('0 in a mini dump, which holds blocks.', count),
    truth: nullable(
      truthCount,
      'Null for a dump from elsewhere (dumpstack examine FILE): the RAM of its crash is not at hand.',
    ),
    writtenBy: list(
      object({ device: text, fileOffset: hexText, byteLength: count }),
      'Which controller wrote which bytes of the file, from the DMA log; none where no transfer did.',
    ),
    seconds: about('Host seconds from OpenRoutine to FinishRoutine; 0 for a dump from elsewhere.', number),
    bytesPerSecond: count,
    checks: list(checkOutcome),
  }),
)
export type ResultDump = Static<typeof resultDump>

const resultViolation = named(
  'violation',
  object(
    { dump: dumpType, variant, ...violationFields },
    'A dump mode rule (DM-nn) that a driver broke, or the fault that ended the dump.',
  ),
)
export type ResultViolation = Static<typeof resultViolation>

const resultEvent = named(
  'event',
  object(
    { dump: dumpType, variant, ...systemEventFields },
    "An entry of the system's event log after the crash.",
  ),
)
export type ResultEvent = Static<typeof resultEvent>

const resultMessage = object({ level: messageLevel, text })

export const testResult = object({
  schema: constant(RESULT_SCHEMA),
  verdict,
  controller: optional(
    about(
      'The controller under test, by its kind and number; absent where dumps are judged without the system.',
      text,
    ),
  ),
  dumps: list(resultDump),
  violations: list(resultViolation),
  events: list(resultEvent),
  messages: list(
    resultMessage,
    'What the test said, in order: (i) for information, (x) for what is not good.',
  ),
  executed: about(
    'Whether guest code raised the bugcheck. Results of versions that modelled the crash say false; `driver.executed` says it of the driver.',
    constant(true),
  ),
  driver: optional(targetDriver),
})
export type TestResult = Static<typeof testResult>
