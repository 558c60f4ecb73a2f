// HTML in which every text is escaped unless it is HTML already. Texts of a run come from strangers: names of drivers and files, messages, paths.
import { printable } from '@dumpstack/bytes'

export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Value = Html | string | number | readonly Html[]

export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  let text = strings[0] ?? ''
  for (const [index, value] of values.entries()) text += `${textOf(value)}${strings[index + 1]}`
  return new Html(text)
}

export const NOTHING = new Html('')

function textOf(value: Value): string {
  if (value instanceof Html) return value.text
  if (typeof value === 'string') return escaped(value)
  return typeof value === 'number' ? String(value) : value.map(({ text }) => text).join('')
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** No text of a run that came to its end by itself is longer. */
const MAX_TEXT = 10_000

/** Safe between tags and in quoted attributes. */
function escaped(text: string): string {
  const shown = text.length <= MAX_TEXT ? text : text.slice(0, MAX_TEXT)
  const rest = text.length - shown.length
  return (
    printable(shown).replace(/[&<>"']/g, (one) => ENTITIES[one] ?? '') +
    (rest === 0 ? '' : ` [${rest} more characters are not shown]`)
  )
}

/** Markup of an SVG; both texts are ours, and a drawing may be longer than any text. */
export const drawn = (kind: string, d: string): Html => new Html(`<path class="${kind}" d="${d}"/>`)
