// Lines with colours of ours in them. Colour is kept apart from text until a line goes to a screen, so that all text can be made
// printable first: an escape sequence that comes out is one of ours.
import { printable } from '@dumpstack/bytes'
import type { ScreenColors } from '@dumpstack/crashtest'

type Style = keyof ScreenColors

interface Span {
  readonly text: string
  readonly style: Style | null
}

/** Text in pieces, some with a colour; only `painted` and the colours below make it. */
class Painted {
  readonly spans: readonly Span[]

  constructor(spans: readonly Span[]) {
    this.spans = spans
  }
}

export type { Painted }

/** A line to show: a string has no colour. A line feed in it is not obeyed. */
export type Line = string | Painted

const colour =
  (style: Style) =>
  (text: string): Painted =>
    new Painted([{ text, style }])

export const bold = colour('bold')
export const green = colour('green')
export const red = colour('red')
export const yellow = colour('yellow')

/** painted`  ${red('FAIL')}  ${message}` */
export function painted(strings: TemplateStringsArray, ...values: readonly (Line | number)[]): Painted {
  const spans: Span[] = []
  for (const [index, text] of strings.entries()) {
    if (text !== '') spans.push({ text, style: null })
    const value = values[index]
    if (value instanceof Painted) spans.push(...value.spans)
    else if (value !== undefined) spans.push({ text: String(value), style: null })
  }
  return new Painted(spans)
}

/** The line as a terminal gets it, or, without colours, anything else. */
export function lineText(line: Line, colors: ScreenColors): string {
  if (!(line instanceof Painted)) return printable(line)
  let out = ''
  for (const { text, style } of line.spans)
    out += style === null ? printable(text) : colors[style](printable(text))
  return out
}
