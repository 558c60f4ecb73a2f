// The frame of a report: one file that loads nothing, runs no script and allows only its own style.
import { createHash } from 'node:crypto'
import { grouped, type Verdict } from '@dumpstack/crashtest'
import { Html, html } from './html.ts'
import { STYLE } from './style.ts'
import { badge, KIND } from './words.ts'

const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'`

export interface Section {
  /** For links to it. */
  readonly id: string
  readonly title: string
  readonly body: Html
}

/** files/output-file.ts knows a report by its first lines. */
export const reportPage = (title: string, header: Html, sections: readonly Section[]): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="dumpstack">
<meta http-equiv="Content-Security-Policy" content="${new Html(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<header>
${header}
</header>
<nav aria-label="Sections"><ul>
${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>\n`)}</ul></nav>
<main>
${sections.map(
  ({ id, title, body }) => html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${body}
</section>
`,
)}</main>
</body>
</html>
`.text

export type Cell = Html | string | number

/** Numbers stand to the right. Rows beyond `limit` are counted. */
export function table(
  caption: string,
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
  count = rows.length,
): Html {
  const shown = rows.slice(0, MAX_ROWS)
  const rest = count - shown.length
  return html`<div class="scroll" role="group" aria-label="${caption}" tabindex="0"><table>
<caption>${caption}</caption>
<thead><tr>${columns.map((column, index) => html`<th scope="col"${kindOf(rows[0]?.[index])}>${column}</th>`)}</tr></thead>
<tbody>
${shown.map((row) => html`<tr>${row.map((cell, index) => cellOf(cell, index === 0))}</tr>\n`)}</tbody></table></div>
${rest > 0 ? html`<p class="note">${rest} more rows are not shown.</p>` : ''}`
}

export const MAX_ROWS = 200

function cellOf(cell: Cell, isFirst: boolean): Html {
  const text = typeof cell === 'number' ? grouped(cell) : cell
  return isFirst ? html`<th scope="row"${kindOf(cell)}>${text}</th>` : html`<td${kindOf(cell)}>${text}</td>`
}

const kindOf = (cell: Cell | undefined): Html => new Html(typeof cell === 'number' ? ' class="number"' : '')

/** A name and what it is; a null is left out. */
export const terms = (rows: readonly (readonly [name: string, value: Cell | null])[]): Html => html`<dl>
${rows.map(([name, value]) => (value === null ? html`` : html`<div><dt>${name}</dt><dd>${value}</dd></div>\n`))}</dl>`

export const folded = (summary: string, body: Html): Html =>
  html`<details><summary>${summary}</summary>\n${body}\n</details>`

/** Null where there is none yet. */
export const verdictBox = (verdict: Verdict | null, why: string): Html =>
  html`<div class="verdict ${verdict === null ? 'open' : KIND[verdict]}">
<strong>Verdict: ${verdict === null ? 'none yet' : badge(verdict)}</strong>
<p>${why}</p>
</div>`
