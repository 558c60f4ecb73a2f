// docs/bug-score.md: what check says of each kind of defect, beside what a look at the dump alone says.
import { KINDS_OF_BUGS, type KindOfBug } from './bug-catalogue.ts'

/** Of `dumpstack check --json`. */
export interface Found {
  readonly verdict: string
  readonly runs: readonly { readonly finished: boolean }[]
  readonly findings: readonly {
    readonly verdict: string
    readonly rule: string
    readonly setting: string
    readonly source?: { readonly file: string; readonly line: number }
    readonly stack: readonly string[]
  }[]
}

export const counts = ({ verdict }: Found['findings'][number]): boolean =>
  verdict === 'fail' || verdict === 'warning'

/** `fail DM-08 (plain), queue.c:41`: what leads. */
function saidOf({ findings }: Found): string {
  const [first, ...more] = findings.filter(counts)
  if (first === undefined) return 'nothing'
  const { verdict, rule, setting, source } = first
  const line = source === undefined ? '' : `, ${source.file.replace(/^.*[\\/]/, '')}:${source.line}`
  const rest = new Set(more.map((one) => one.rule).filter((other) => other !== rule))
  const others = rest.size === 0 ? '' : `; also ${[...rest].join(', ')}`
  return `${verdict} ${rule} (${setting})${line}${others}`
}

/** A dump that the plain life writes whole shows nothing wrong when it is opened. */
const openedText = ({ runs }: Found): string => (runs[0]!.finished ? 'passes' : 'fails: no dump')

function rowsOf(found: ReadonlyMap<string, Found>, { id, what, own, others, missing }: KindOfBug): string[] {
  if (missing !== null) return [`| ${id} | ${what} | not expressible, because it takes ${missing} | | |`]
  const results = [
    ...own.map((name) => [`\`${name}\``, found.get(name)!] as const),
    ...others.map((name) => [`${name} (from outside)`, found.get(name)!] as const),
  ]
  return results.map(([name, one]) => `| ${id} | ${what} | ${name} | ${saidOf(one)} | ${openedText(one)} |`)
}

export interface BugScore {
  readonly page: string
  /** Drivers of which nothing is said. */
  readonly missed: readonly string[]
}

/** `found` by the names of the catalogue, of each that it tries. */
export function bugScore(found: ReadonlyMap<string, Found>): BugScore {
  const rows = KINDS_OF_BUGS.flatMap((kind) => rowsOf(found, kind))
  const kinds = KINDS_OF_BUGS.filter(({ missing }) => missing === null)
  const tried = kinds.flatMap(({ own, others }) => [...own, ...others])
  const missed = tried.filter((name) => saidOf(found.get(name)!) === 'nothing')
  const passed = tried.filter((name) => found.get(name)!.runs[0]!.finished)
  const page = [
    '# Bug score',
    '',
    '<!-- Made by npm run bug-score. Do not edit. -->',
    '',
    'Kinds of defect that storage drivers shipped, and what `dumpstack check` says of a driver that has one, with its default options: severity, rule, the setting that it needs to show, and the line; then',
    'the other rules that were broken. The drivers are the builds of [guest/miniports](../guest/miniports/README.md), its patches in `defects/`, and patches from outside the project.',
    'The last column is what a test says that only looks at whether the dump of a plain system opens in a debugger: it passes where that dump was written whole.',
    '',
    `${kinds.length} of ${KINDS_OF_BUGS.length} kinds are expressible, with ${tried.length} drivers: check names ${tried.length - missed.length} of them, a debugger alone passes ${passed.length}.`,
    '',
    '| id | defect | tried with | check says | a debugger alone |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
  return { page, missed }
}
