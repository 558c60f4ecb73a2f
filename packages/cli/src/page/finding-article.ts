// One finding of a driver: what it did, where, why that is wrong, and how to see it again.
import { findDumpModeRule, type SourcePlace } from '@dumpstack/nt'
import { type Html, html } from './html.ts'
import { type Cell, terms } from './page.ts'
import { asSentence, type BadgeWord, badge, milliseconds, withCode } from './words.ts'

export interface ShownFinding {
  readonly rule: string
  readonly call: string
  readonly message: string
  readonly count: number
  readonly driver: string
  readonly address?: string
  readonly offset?: string
  readonly irql?: string
  /** The time of the machine. */
  readonly atNs: number
  readonly arguments?: readonly string[]
  readonly bytes?: string
  readonly stack?: readonly string[]
  readonly source?: SourcePlace
  readonly repro: string
}

const MAX_FRAMES = 100

/** `more` stands before the rest, `debug` is the command that opens RAM of that moment. */
export function findingArticle(
  word: BadgeWord,
  found: ShownFinding,
  more: readonly (readonly [name: string, value: Cell | null])[],
  debug: string | undefined,
): Html {
  const { rule, call, message, count, irql, atNs, bytes, stack, source, repro } = found
  const known = findDumpModeRule(rule)
  return html`<article>
<h3>${badge(word)} ${rule}, ${call}</h3>
<p>${asSentence(message)}${count > 1 ? ` This happened ${count} times.` : ''}</p>
${known === undefined ? '' : html`<p class="note">The rule: ${withCode(known.title)}</p>`}
${terms([
  ...more,
  ['Place', html`<code>${placeOf(found)}</code>`],
  ['Source line', source === undefined ? null : html`<code>${source.file}:${source.line}</code>`],
  ['Arguments', found.arguments?.length ? html`<code>${found.arguments.join(', ')}</code>` : null],
  ['When', `at ${milliseconds(atNs)} of machine time${irql === undefined ? '' : `, IRQL ${irql}`}`],
  ['Code', bytes === undefined ? null : html`<code>${bytes}</code>`],
  ['How to fix', known === undefined ? null : withCode(known.howToFix)],
  ['Show it again', html`<code>${repro}</code>`],
  ['Debug', debug === undefined ? null : html`<code>${debug}</code>`],
])}
${stack?.length ? html`<pre aria-label="Stack, innermost first">${stack.slice(0, MAX_FRAMES).map((frame) => html`${frame}\n`)}</pre>` : ''}
</article>
`
}

function placeOf({ driver, offset, address }: ShownFinding): string {
  if (offset !== undefined) return `${driver}+${offset}`
  return address === undefined ? driver : `${driver} at ${address}`
}
