// What a report says of each thing that is not good: rules of dump mode that a driver broke, and checks of a dump that do not pass.
import { hex } from '@dumpstack/bytes'
import type { CheckOutcome, ReportedViolation } from '@dumpstack/crashtest'
import { findDumpModeRule } from '@dumpstack/nt'
import { type Html, html } from './html.ts'
import { MAX_ROWS, table, terms } from './page.ts'
import { type DumpFacts, failedChecks } from './run-facts.ts'
import { asSentence, badge, milliseconds, withCode } from './words.ts'

export function findings(dumps: readonly DumpFacts[], nameOf: (dump: DumpFacts) => string): Html {
  const all = dumps.flatMap((dump) => [
    ...(dump.crash?.violations ?? []).map((one) => violation(one, nameOf(dump))),
    ...failedChecks(dump)
      .filter(({ causedBy }) => causedBy === undefined)
      .map((one) => failedCheck(one, dump, nameOf(dump))),
  ])
  if (all.length === 0) return html`<p>There is no finding.</p>`
  const rest = all.length - MAX_ROWS
  return html`${all.slice(0, MAX_ROWS)}${rest > 0 ? html`<p class="note">${rest} more findings are not shown.</p>` : ''}`
}

function violation(found: ReportedViolation, dump: string): Html {
  const { severity, rule, call, message, count, driver, offset, irql, atNs, source, stack, bytes } = found
  const known = findDumpModeRule(rule)
  return html`<article>
<h3>${badge(severity)} ${rule}, ${call}</h3>
<p>${asSentence(message)}${count > 1 ? ` This happened ${count} times.` : ''}</p>
${known === undefined ? '' : html`<p class="note">The rule: ${withCode(known.title)}</p>`}
${terms([
  ['Dump', dump],
  ['Place', html`<code>${driver}${offset === undefined ? ` at ${found.address}` : `+${offset}`}</code>`],
  ['Source line', source === undefined ? null : html`<code>${source.file}:${source.line}</code>`],
  ['Arguments', found.arguments?.length ? html`<code>${found.arguments.join(', ')}</code>` : null],
  ['When', `at ${milliseconds(atNs)} of machine time, IRQL ${irql}`],
  ['Code', bytes === undefined ? null : html`<code>${bytes}</code>`],
  ['How to fix', known === undefined ? null : withCode(known.howToFix)],
  ['Show it again', html`<code>${found.repro}</code>`],
  ['Debug', found.debug === undefined ? null : html`<code>${found.debug}</code>`],
])}
${stack?.length ? html`<pre aria-label="Stack, innermost first">${stack.map((frame) => html`${frame}\n`)}</pre>` : ''}
</article>
`
}

function failedCheck({ id, verdict, message }: CheckOutcome, dump: DumpFacts, name: string): Html {
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
