// What a report says of each thing that is not good: rules of dump mode that a driver broke, and checks of a dump that do not pass.
import { hex } from '@dumpstack/bytes'
import { type CheckOutcome, dumpMode, type ReportedViolation } from '@dumpstack/crashtest'
import { findingArticle } from '../page/finding-article.ts'
import { type Html, html } from '../page/html.ts'
import { MAX_ROWS, table } from '../page/page.ts'
import { asSentence, badge } from '../page/words.ts'
import { type DumpFacts, failedChecks, nameOf } from './run-facts.ts'

/** A rule that was broken at one place counts once, however many dumps show it. */
export interface BrokenRule {
  readonly found: ReportedViolation
  readonly dumps: readonly DumpFacts[]
}

export interface FindingList {
  readonly rules: readonly BrokenRule[]
  readonly checks: readonly { readonly dump: DumpFacts; readonly outcome: CheckOutcome }[]
}

export function findingsOf(dumps: readonly DumpFacts[]): FindingList {
  const rules = new Map<string, BrokenRule>()
  for (const dump of dumps) {
    for (const found of dump.crash?.violations ?? []) {
      const { severity, rule, call, message, driver, offset } = found
      const key = JSON.stringify([severity, rule, call, message, driver, offset])
      const known = rules.get(key)
      rules.set(key, { found: known?.found ?? found, dumps: [...(known?.dumps ?? []), dump] })
    }
  }
  const checks = dumps.flatMap((dump) => {
    const isNamed = (dump.crash?.violations.length ?? 0) > 0
    return failedChecks(dump)
      .filter(({ id, causedBy }) => causedBy === undefined && !(id === dumpMode.id && isNamed))
      .map((outcome) => ({ dump, outcome }))
  })
  return { rules: [...rules.values()], checks }
}

export function findingSection({ rules, checks }: FindingList): Html {
  const count = rules.length + checks.length
  if (count === 0) return html`<p>There is no finding.</p>`
  const articles = [
    ...rules.slice(0, MAX_ROWS).map(brokenRule),
    ...checks.slice(0, MAX_ROWS).map(({ dump, outcome }) => failedCheck(outcome, dump)),
  ]
  const rest = count - articles.length
  return html`${articles}${rest > 0 ? html`<p class="note">${rest} more findings are not shown.</p>` : ''}`
}

const brokenRule = ({ found, dumps }: BrokenRule): Html =>
  findingArticle(found.severity, found, [['In', dumps.map(nameOf).join('; ')]], found.debug)

function failedCheck({ id, verdict, message }: CheckOutcome, dump: DumpFacts): Html {
  const name = nameOf(dump)
  const places = dump.findings
    .filter(({ check, pfn, fileOffset }) => check === id && (pfn !== undefined || fileOffset !== undefined))
    .map(({ pfn, fileOffset, found, expected }) =>
      [pfn, fileOffset, found, expected].map((one) =>
        one === undefined ? '–' : html`<code>${typeof one === 'number' ? hex(one) : one}</code>`,
      ),
    )
  const following = failedChecks(dump).filter(({ causedBy }) => causedBy === id)
  return html`<article>
<h3>${badge(verdict)} Check ${id}, ${name}</h3>
<p>${asSentence(message)}</p>
${places.length === 0 ? '' : table(`Places that the check ${id} names, ${name}`, ['PFN', 'File offset', 'Found', 'Expected'], places)}
${following.length === 0 ? '' : html`<p class="note">These checks do not pass for the same cause: ${following.map((one) => one.id).join(', ')}.</p>`}
</article>
`
}
