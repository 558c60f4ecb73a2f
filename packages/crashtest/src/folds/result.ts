// The JSON fold: what the whole run came to. Its shape is docs/schema/test-result.schema.json.
import { hex } from '@dumpstack/bytes'
import type { Bugcheck } from '@dumpstack/nt'
import type { TargetDriver } from '@dumpstack/target'
import { type DumpExamination, type TestEvent, type Verdict, worst } from '../test-event.ts'
import {
  RESULT_SCHEMA,
  type ResultDump,
  type ResultEvent,
  type ResultViolation,
  type TestResult,
} from './result-schema.ts'

export class ResultFold {
  readonly #dumps: ResultDump[] = []
  readonly #violations: ResultViolation[] = []
  readonly #events: ResultEvent[] = []
  readonly #messages: TestResult['messages'][number][] = []
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

function bugcheckAsJson({ code, parameters: [a, b, c, d] }: Bugcheck): ResultDump['bugcheck'] {
  return { code: hex(code), parameters: [hex(a), hex(b), hex(c), hex(d)] }
}

function dumpAsJson(dump: DumpExamination, variant: { variant?: string }): ResultDump {
  const { type, byteLength: _, ...fields } = dump
  return {
    type,
    ...variant,
    ...fields,
    bugcheck: dump.bugcheck === null ? null : bugcheckAsJson(dump.bugcheck),
    writtenBy: dump.writtenBy.map(({ fileOffset, byteLength, device }) => ({
      device,
      fileOffset: hex(fileOffset),
      byteLength,
    })),
  }
}
