// The JSON fold: what the whole run came to. Its shape is docs/schema/test-result.schema.json.
import { hex } from '@dumpstack/bytes'
import type { Bugcheck } from '@dumpstack/nt'
import type { TargetDriver } from '@dumpstack/target'
import { type DumpExamination, type TestEvent, type Verdict, worst } from '../test-event.ts'

export const RESULT_SCHEMA = 'docs/schema/test-result.schema.json'

export interface TestResult {
  readonly schema: typeof RESULT_SCHEMA
  readonly verdict: Verdict
  /** Under test; absent where dumps are judged without the system. */
  readonly controller?: string
  readonly dumps: readonly ResultDump[]
  readonly violations: readonly object[]
  readonly events: readonly object[]
  /** What the test said, in order: the cause where nothing crashed stands here alone. */
  readonly messages: readonly { readonly level: 'i' | 'x'; readonly text: string }[]
  /** Guest code raised the bugcheck: nobody laid the stack that the dump shows. */
  readonly executed: true
  /** The driver file under test. */
  readonly driver?: TargetDriver
}

/** The other fields are in the schema. */
export interface ResultDump {
  readonly file: string | null
  readonly [field: string]: unknown
}

export class ResultFold {
  readonly #dumps: ResultDump[] = []
  readonly #violations: object[] = []
  readonly #events: object[] = []
  readonly #messages: { level: 'i' | 'x'; text: string }[] = []
  readonly #verdicts: Verdict[] = []
  #hasBegun = false
  #driver: TargetDriver | null = null
  #controller: { controller?: string } = {}
  /** What the following dumps, violations and events carry: nothing, or the scenario's variant. */
  #variant: { variant?: string } = {}

  /** False as long as there is nothing to tell. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  startVariant(variant: string | null): void {
    this.#hasBegun = true
    this.#variant = variant === null ? {} : { variant }
  }

  readonly sink = (event: TestEvent): void => {
    switch (event.kind) {
      case 'run':
        this.startVariant(event.variant)
        if (event.target.driver !== undefined) this.#driver = event.target.driver
        this.#controller = { controller: event.target.controller }
        break
      case 'end':
        this.#verdicts.push(event.verdict)
        break
      case 'crashed':
        for (const violation of event.report.violations) {
          this.#violations.push({ dump: event.dump, ...this.#variant, ...violation })
        }
        break
      case 'systemEvents':
        for (const entry of event.events) this.#events.push({ dump: event.dump, ...this.#variant, ...entry })
        break
      case 'examined':
        this.#dumps.push(dumpAsJson(event.examination, this.#variant))
        this.#verdicts.push(event.examination.verdict)
        break
      case 'message':
        this.#messages.push({ level: event.level, text: event.text })
        break
      case 'begin':
      case 'finding':
      case 'progress':
      case 'resumed':
        break
    }
  }

  /** `verdict` is the run's own: that it broke off, or judged nothing, no step can tell. */
  result(verdict: Verdict): TestResult {
    return {
      schema: RESULT_SCHEMA,
      verdict: worst([...this.#verdicts, verdict]),
      ...this.#controller,
      dumps: this.#dumps,
      violations: this.#violations,
      events: this.#events,
      messages: this.#messages,
      executed: true,
      ...(this.#driver !== null && { driver: this.#driver }),
    }
  }
}

const bugcheckAsJson = (bugcheck: Bugcheck): object => ({
  code: hex(bugcheck.code),
  parameters: bugcheck.parameters.map((parameter) => hex(parameter)),
})

const dumpAsJson = (dump: DumpExamination, variant: { variant?: string }): ResultDump => ({
  type: dump.type,
  ...variant,
  verdict: dump.verdict,
  file: dump.file,
  dumpType: dump.dumpType,
  bugcheck: dump.bugcheck === null ? null : bugcheckAsJson(dump.bugcheck),
  pagesInDump: dump.pagesInDump,
  truth: dump.truth,
  writtenBy: dump.writtenBy.map(({ fileOffset, byteLength, device }) => ({
    device,
    fileOffset: hex(fileOffset),
    byteLength,
  })),
  seconds: dump.seconds,
  bytesPerSecond: dump.bytesPerSecond,
  checks: dump.checks,
})
