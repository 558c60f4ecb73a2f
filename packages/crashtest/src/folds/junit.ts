// The JUnit fold: one suite for the settings and one for each dump, one case a step and a check. Times are the host's, as
// every consumer of JUnit takes them; those of the system under test are properties of the suite. A check takes no time
// of its own: its step has it. Messages and the system's events stand in system-out.
import { printable } from '@dumpstack/bytes'
import { messageLine } from '../messages.ts'
import type { StepName, TestEvent, Verdict } from '../test-event.ts'
import { eventText, stepTitle } from './words.ts'

interface Case {
  readonly name: string
  readonly seconds: number
  readonly verdict: Verdict
  readonly message: string
  /** The step whose case this is; null for a check. */
  readonly step: StepName | null
  /** The check that names the cause of what this one fails; null for one of its own. */
  readonly causedBy: string | null
}
interface Suite {
  readonly name: string
  /** Seconds on the clock of the system under test, by the title of the step. */
  readonly machineSeconds: Map<string, number>
  readonly cases: Case[]
  readonly lines: string[]
}

export class JunitFold {
  readonly #suites: Suite[] = []
  #variant: string | null = null
  #begunAt = 0
  /** (x) texts of the open step. */
  #complaints: string[] = []
  #current: Suite | null = null

  /** What the following suites belong to; a run says it itself. */
  startVariant(variant: string | null): void {
    this.#variant = variant
  }

  readonly sink = (event: TestEvent): void => {
    switch (event.kind) {
      case 'run':
        this.startVariant(event.variant)
        break
      case 'begin':
        this.#current = this.#suite(event.dump === undefined ? 'settings' : `${event.dump} dump`)
        this.#begunAt = event.at
        this.#complaints = []
        break
      case 'message':
        this.#current?.lines.push(messageLine(event))
        if (event.level === 'x') this.#complaints.push(event.text)
        break
      case 'examined':
        for (const { id, verdict, message, causedBy } of event.examination.checks) {
          this.#current?.cases.push({
            name: checkCase(id),
            step: null,
            seconds: 0,
            verdict,
            message,
            causedBy: causedBy === undefined ? null : checkCase(causedBy),
          })
        }
        break
      case 'systemEvents':
        for (const entry of event.events) this.#current?.lines.push(`(i) ${eventText(entry)}`)
        break
      case 'end':
        this.#current?.machineSeconds.set(stepTitle(event.step), (event.at - this.#begunAt) / 1000)
        this.#current?.cases.push({
          name: stepTitle(event.step),
          seconds: event.seconds,
          verdict: event.verdict,
          message: this.#complaints.join(' ') || `step ended ${event.verdict}`,
          step: event.step,
          causedBy: null,
        })
        break
      case 'crashed':
      case 'finding':
      case 'progress':
      case 'resumed':
        break
    }
  }

  /** `brokenOff` says why the run did not reach its end; null where it did. */
  xml(brokenOff: string | null): string {
    const errors = brokenOff === null ? 0 : 1
    const out = [
      '<?xml version="1.0" encoding="UTF-8"?>',
      `<testsuites name="Crashdump Support Test" ${totals(this.#suites, errors)}>`,
    ]
    if (brokenOff !== null) {
      const text = xmlText(brokenOff)
      out.push(
        `  <testsuite name="run" ${totals([], errors)}>`,
        `    <testcase classname="run" name="reaches its end" time="0.000"><error message="${text}">${text}</error></testcase>`,
        '  </testsuite>',
      )
    }
    for (const suite of this.#suites) {
      out.push(`  <testsuite name="${xmlText(suite.name)}" ${totals([suite])}>`)
      if (suite.machineSeconds.size > 0) {
        out.push('    <properties>')
        for (const [step, seconds] of suite.machineSeconds)
          out.push(`      <property name="machine seconds: ${step}" value="${seconds.toFixed(3)}"/>`)
        out.push('    </properties>')
      }
      for (const entry of suite.cases) {
        const open = `    <testcase classname="${xmlText(suite.name)}" name="${xmlText(entry.name)}" time="${entry.seconds.toFixed(3)}"`
        if (entry.verdict === 'pass') {
          out.push(`${open}/>`)
        } else {
          const other = reportedBy(entry, suite)
          const text = xmlText(other === null ? entry.message : `see ${other}: ${entry.message}`)
          const inner = isFailure(entry, suite)
            ? `<failure message="${text}">${text}</failure>`
            : `<skipped message="${text}"/>`
          out.push(`${open}>${inner}</testcase>`)
        }
      }
      out.push(`    <system-out>${suite.lines.map(xmlText).join('\n')}</system-out>`, '  </testsuite>')
    }
    out.push('</testsuites>', '')
    return out.join('\n')
  }

  #suite(title: string): Suite {
    const name = this.#variant === null ? title : `${title} (${this.#variant})`
    const found = this.#suites.find((suite) => suite.name === name)
    if (found !== undefined) return found
    const suite: Suite = { name, machineSeconds: new Map(), cases: [], lines: [] }
    this.#suites.push(suite)
    return suite
  }
}

const checkCase = (id: string): string => `check ${id}`

/** These two end as their checks do, which have cases of their own. */
const JUDGING_STEPS: readonly (StepName | null)[] = ['crash', 'examine']

/** The case that reports the failure of this one: one cause is one failure. Null where it reports its own. */
function reportedBy({ step, verdict, causedBy }: Case, { cases }: Suite): string | null {
  if (causedBy !== null || !JUDGING_STEPS.includes(step)) return causedBy
  const check = cases.find((one) => one.step === null && one.causedBy === null && one.verdict === verdict)
  return check?.name ?? null
}

const isFailure = (entry: Case, suite: Suite): boolean =>
  entry.verdict === 'fail' && reportedBy(entry, suite) === null

function totals(suites: readonly Suite[], errors = 0): string {
  const cases = suites.flatMap((suite) => suite.cases)
  const failures = suites.reduce(
    (sum, suite) => sum + suite.cases.filter((entry) => isFailure(entry, suite)).length,
    0,
  )
  const skipped = cases.filter(({ verdict }) => verdict !== 'pass').length - failures
  const seconds = cases.reduce((sum, entry) => sum + entry.seconds, 0)
  return `tests="${cases.length + errors}" failures="${failures}" errors="${errors}" skipped="${skipped}" time="${seconds.toFixed(3)}"`
}

/** Text for an attribute or an element, which a terminal may show: nothing is left that XML 1.0 has no place for. */
export const xmlText = (text: string): string =>
  printable(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
