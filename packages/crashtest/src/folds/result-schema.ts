// What `dumpstack test --json` and result.json hold. The schema is the type, the reader and docs/schema/test-result.schema.json.
import {
  about,
  constant,
  count,
  hexText,
  list,
  named,
  object,
  optional,
  type Static,
  systemEventFields,
  text,
  tuple4,
} from '@dumpstack/target'
import {
  dumpType,
  examinationFields,
  messageLevel,
  targetDriver,
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
    ...examinationFields(
      object({ code: hexText, parameters: tuple4(hexText) }),
      list(object({ device: text, fileOffset: hexText, byteLength: count })),
    ),
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
