// How a report writes verdicts, sizes and times. A number stays on the line of its unit.
import { grouped, sentence, type Verdict } from '@dumpstack/crashtest'
import type { Severity } from '@dumpstack/nt'
import { type Html, html } from './html.ts'

/** What a verdict or a finding is called; a known issue does not count. */
export type BadgeWord = Verdict | Severity | 'known'
export const KIND = {
  pass: 'pass',
  fail: 'fail',
  inconclusive: 'open',
  warning: 'open',
  note: 'open',
  known: 'open',
} as const
/** Colour is never the only sign. */
const SIGN = { pass: '✓', fail: '✗', inconclusive: '?', warning: '!', note: 'i', known: '–' } as const

export const badge = (verdict: BadgeWord): Html =>
  html`<span class="badge ${KIND[verdict]}"><span aria-hidden="true">${SIGN[verdict]}</span> ${verdict}</span>`

/** A sentence that may end already, or begins with the name of a file or a symbol. */
export const asSentence = (text: string): string =>
  /[.!?:]$/.test(text) ? text : /^\S*[._!]/.test(text) ? `${text}.` : sentence(text)

/** Texts of rules have code in back quotes. */
export const withCode = (text: string): Html =>
  html`${text.split('`').map((part, index) => (index % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))}`

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes}\u00a0bytes`
  if (bytes < 2 ** 20) return `${(bytes / 1024).toFixed(1)}\u00a0KiB`
  return bytes < 2 ** 30
    ? `${(bytes / 2 ** 20).toFixed(1)}\u00a0MiB`
    : `${(bytes / 2 ** 30).toFixed(2)}\u00a0GiB`
}

export const milliseconds = (ns: number): string =>
  `${grouped(Math.floor(ns / 1e6))}.${String(Math.floor(ns / 1e3) % 1000).padStart(3, '0')}\u00a0ms`

/** `2024-01-01 00:00:12.345`, UTC. */
export const clock = (at: number): Html =>
  html`<time>${new Date(at).toISOString().replace('T', ' ').replace('Z', '')}</time>`

export const seconds = (value: number): string => `${value.toFixed(value < 10 ? 3 : 1)}\u00a0s`
