// What GitHub Actions shows of a check: an annotation for each finding, at its line of the sources where the PDB has it, and a summary of the
// job. Layout: docs.github.com, "Workflow commands for GitHub Actions" and "Adding a job summary".
import { appendFileSync } from 'node:fs'
import type { Verdict } from '@dumpstack/crashtest'
import { tell } from '../terminal/terminal.ts'
import type { CheckedFile, CheckedFinding } from './check-file.ts'
import { counted } from './check-lines.ts'
import { sourceUri } from './source-files.ts'

/** A page shows no more of a step. */
const MAX_ANNOTATIONS = 10

export function showOnGithub(checked: readonly CheckedFile[], verdict: Verdict, isStrict: boolean): void {
  // on stderr, where JSON on stdout is left alone
  for (const line of annotations(checked, isStrict)) tell(line)
  const summary = process.env['GITHUB_STEP_SUMMARY']
  if (summary !== undefined && summary !== '') appendFileSync(summary, jobSummary(checked, verdict))
}

const COMMANDS = { fail: 'error', inconclusive: 'error', warning: 'warning', note: 'notice' } as const

/** The worst first; known issues count for nothing. */
export function annotations(checked: readonly CheckedFile[], isStrict: boolean): string[] {
  const open = checked.flatMap(({ file, findings }) =>
    findings.filter(({ knownIssue }) => knownIssue === undefined).map((finding) => ({ file, finding })),
  )
  return open.slice(0, MAX_ANNOTATIONS).map(({ file, finding }) => {
    const { source, rule, call, message, repro } = finding
    const level = isStrict && finding.verdict === 'warning' ? 'error' : COMMANDS[finding.verdict]
    const properties = [
      ['file', source ? decodeURIComponent(sourceUri(source.file, file)) : file],
      ...(source ? [['line', String(source.line)]] : []),
      ['title', `${rule} ${call}`],
    ]
    const shown = properties.map(([name, value]) => `${name}=${escaped(value!, /[%\r\n:,]/g)}`).join()
    return `::${level} ${shown}::${escaped(`${message}\nagain: ${repro}`, /[%\r\n]/g)}`
  })
}

const escaped = (text: string, special: RegExp): string =>
  text.replace(
    special,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )

/** Markdown; what comes from the driver's file stands in code. */
export function jobSummary(checked: readonly CheckedFile[], verdict: Verdict): string {
  const count = checked.reduce((sum, { findings }) => sum + findings.length, 0)
  const parts = checked.map(({ driver, controller, findings, ...one }) => {
    const head = `### ${code(driver.fileName)} on ${controller}: ${one.verdict}`
    if (findings.length === 0) return `${head}\n`
    const rows = findings.map((finding) => {
      const { rule, call, message } = finding
      return `| ${wordOf(finding)} | ${code(rule)} | ${code(placeOf(finding))} | ${code(`${call}: ${message}`)} |`
    })
    const again = findings.map(({ repro }) => `    ${oneLine(repro)}`)
    return [
      head,
      '',
      '| | rule | place | finding |',
      '|---|---|---|---|',
      ...rows,
      '',
      'To see one again:',
      '',
      ...again,
      '',
    ].join('\n')
  })
  return `## Dump-mode contract: ${verdict}, ${counted(count, 'finding')}\n\n${parts.join('\n')}\n`
}

const wordOf = ({ verdict, knownIssue }: CheckedFinding): string =>
  knownIssue === undefined ? verdict : 'known'

const placeOf = ({ source, driver, offset }: CheckedFinding): string =>
  source ? `${source.file}:${source.line}` : offset === undefined ? driver : `${driver}+${offset}`

const oneLine = (text: string): string => text.replace(/\p{Cc}+/gu, ' ')

/** In a cell of a table, with more backticks around it than in it. */
function code(text: string): string {
  const line = oneLine(text).replaceAll('|', '\\|')
  const ticks = '`'.repeat(Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length)) + 1)
  return `${ticks} ${line} ${ticks}`
}
