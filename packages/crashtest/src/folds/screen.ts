// The screen fold: what a person sees. One line a step; on a terminal the open step stands on the last line with its
// percentage in place, elsewhere every line is final. Ends with a table of the dumps.
import { printable } from '@dumpstack/bytes'
import type { TargetDescription } from '@dumpstack/target'
import type { DumpExamination, TestEvent, Verdict } from '../test-event.ts'
import { comparedText, dumpTitle, grouped, resumedText, stepTitle } from './words.ts'

export interface ScreenColors {
  green(text: string): string
  red(text: string): string
  yellow(text: string): string
  dim(text: string): string
  bold(text: string): string
}
export interface ScreenOptions {
  readonly isTerminal: boolean
  /** Width of the terminal; lines are broken at words there and nowhere else. */
  readonly columns: number
  readonly colors: ScreenColors
  /** How a host path is shown. */
  shownPath(file: string): string
}

const WORDS: Readonly<Record<Verdict, string>> = { pass: 'pass', fail: 'FAIL', inconclusive: 'open' }
const INDENT = 8
/** Where no terminal can overwrite a percentage, it is a line of its own this often. */
const LINE_EVERY_PERCENT = 25

export class ScreenFold {
  readonly #write: (text: string) => void
  readonly #options: ScreenOptions
  readonly #dumps: DumpExamination[] = []
  #open: string | null = null
  #detail = ''
  #percent = ''
  #lastLine = 0

  constructor(write: (text: string) => void, options: ScreenOptions) {
    this.#write = write
    this.#options = options
  }

  readonly sink = (event: TestEvent): void => {
    const { colors } = this.#options
    switch (event.kind) {
      case 'run':
        if (event.seq > 0) this.#line('')
        this.#line('Crashdump Support Test', colors.bold)
        for (const line of describe(event.target, event.seed)) this.#line(line)
        if (event.variant !== null) this.#line(`Variant: ${event.variant}`)
        this.#line('')
        break
      case 'resumed':
        this.#line(`${' '.repeat(INDENT)}(i) ${resumedText(event.discarded)}`, colors.dim)
        break
      case 'begin':
        this.#open = `${stepTitle(event.step)}${dumpTitle(event.dump)}`
        this.#detail = ''
        this.#percent = ''
        this.#lastLine = 0
        this.#showOpen()
        break
      case 'progress':
        this.#showPercent(event.percent)
        break
      case 'message': {
        const text = `(${event.level}) ${event.text}`
        this.#line(`${' '.repeat(INDENT)}${text}`, event.level === 'x' ? colors.yellow : colors.dim)
        break
      }
      case 'crashed': {
        const { bytesWritten, seconds, finalStatus } = event.report
        if (seconds > 0 && finalStatus === 0) {
          this.#detail = `: ${mebibytes(bytesWritten)} in ${seconds.toFixed(2)} s, ${(bytesWritten / seconds / 1e9).toFixed(2)} GB/s`
        }
        break
      }
      case 'examined': {
        const { truth, differences } = event.examination
        this.#dumps.push(event.examination)
        if (truth !== null && truth.compared > 0) {
          this.#detail = `: ${comparedText(truth, differences !== undefined)}`
        }
        break
      }
      case 'end': {
        const title = this.#open ?? stepTitle(event.step)
        this.#open = null
        const start = `  ${WORDS[event.verdict]}`
        const paint = painter(event.verdict, colors)
        this.#line(`${start}  ${title}${this.#detail}`, (line) =>
          line.startsWith(start) ? paint(start) + line.slice(start.length) : line,
        )
        break
      }
      case 'finding':
      case 'systemEvents':
        break
    }
  }

  /** The closing table and the verdict. */
  close(verdict: Verdict, closing: string): void {
    const { colors } = this.#options
    this.#open = null
    if (this.#dumps.length > 0) {
      this.#line('')
      for (const [index, line] of this.#table().entries()) {
        const shown = printable(line)
        this.#write(`${index === 0 ? colors.bold(shown) : shown}\n`)
      }
    }
    this.#line('')
    const start = `Verdict: ${verdict}`
    this.#line(`${start}${closing}`, (line) =>
      line.startsWith(start) ? painter(verdict, colors)(colors.bold(start)) + line.slice(start.length) : line,
    )
  }

  #table(): string[] {
    const rows = [
      ['dump', 'verdict', 'size', 'compared', 'seconds', 'file'],
      ...this.#dumps.map((dump) => [
        dump.type,
        dump.verdict,
        dump.byteLength === 0 ? '-' : mebibytes(dump.byteLength),
        dump.truth === null ? '-' : `${grouped(dump.truth.compared)} ${dump.truth.unit}`,
        dump.truth === null ? '-' : dump.seconds.toFixed(2),
        dump.file === null ? '-' : this.#options.shownPath(dump.file),
      ]),
    ]
    const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]!.length)))
    return rows.map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0
          return column >= 2 && column <= 4 ? cell.padStart(width) : cell.padEnd(width)
        })
        .join('  ')
        .trimEnd(),
    )
  }

  #showPercent(percent: number): void {
    this.#percent = ` ${percent} %`
    if (this.#options.isTerminal) {
      this.#showOpen()
    } else if (this.#open?.startsWith(stepTitle('crash')) && percent >= this.#lastLine + LINE_EVERY_PERCENT) {
      this.#lastLine = percent - (percent % LINE_EVERY_PERCENT)
      this.#write(`  ....  ${this.#open}${this.#percent}\n`)
    }
  }

  #showOpen(): void {
    if (this.#options.isTerminal && this.#open !== null) {
      const line = printable(`  ....  ${this.#open}${this.#percent}`).slice(0, this.#options.columns - 1)
      this.#write(`\r\x1b[K${line}`)
    }
  }

  /** Texts come from dumps, drivers and paths: they are made printable here, and painted after that. */
  #line(given: string, paint: (text: string) => string = (plain) => plain): void {
    const text = printable(given)
    const { isTerminal, columns } = this.#options
    const lines = isTerminal ? brokenAtWords(text, columns) : [text]
    this.#write(`${isTerminal ? '\r\x1b[K' : ''}${lines.map(paint).join('\n')}\n`)
    this.#showOpen()
  }
}

const painter = (verdict: Verdict, colors: ScreenColors): ((text: string) => string) =>
  verdict === 'pass' ? colors.green : verdict === 'fail' ? colors.red : colors.yellow

function describe(target: TargetDescription, seed: number): string[] {
  const cpus = `${target.cpuCount} CPU${target.cpuCount === 1 ? '' : 's'}`
  return [
    `${target.profile}, controller ${target.controller}, ${cpus}, RAM ${mebibytes(target.ramBytes)}, page file ${mebibytes(target.pageFileBytes)}, seed ${seed}`,
  ]
}

export const mebibytes = (bytes: number): string => `${(bytes / 0x100000).toFixed(1)} MiB`

/** Lines of at most `columns` characters; following ones of an indented text hang. Escapes count, so paint after. */
function brokenAtWords(text: string, columns: number): string[] {
  const indent = ' '.repeat(text.startsWith(' ') ? INDENT : 0)
  const lines: string[] = []
  let rest = text
  while (rest.length > columns) {
    const space = rest.lastIndexOf(' ', columns)
    if (space <= indent.length) break
    lines.push(rest.slice(0, space))
    rest = `${indent}${rest.slice(space + 1)}`
  }
  return [...lines, rest]
}
