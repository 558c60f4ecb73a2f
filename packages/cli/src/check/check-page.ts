// What `dumpstack check` found as one HTML page.
import type { Verdict } from '@dumpstack/crashtest'
import { findingArticle } from '../page/finding-article.ts'
import { type Html, html } from '../page/html.ts'
import { folded, MAX_ROWS, reportPage, table, terms, verdictBox } from '../page/page.ts'
import { asSentence, badge, bytesText, seconds } from '../page/words.ts'
import type { CheckedFile, CheckedFinding } from './check-file.ts'
import { counted } from './check-lines.ts'

/** `brokenOff` says why not all files were checked; null where they were. */
export function checkPage(
  toolVersion: string,
  checked: readonly CheckedFile[],
  verdict: Verdict,
  brokenOff: string | null,
): string {
  const count = checked.reduce((sum, { findings }) => sum + findings.length, 0)
  const reason = brokenOff === null ? '' : ` Not all drivers were checked: ${asSentence(brokenOff)}`
  const header = html`<h1>Dump-mode contract</h1>
<p>The report of a check by Dumpstack ${toolVersion}.</p>
${verdictBox(verdict, `${counted(checked.length, 'driver')}, ${counted(count, 'finding')}.${reason}`)}`
  const shown = checked.slice(0, MAX_ROWS)
  return reportPage(`Dump-mode contract: ${verdict}`, header, [
    { id: 'drivers', title: 'Drivers', body: driverTable(checked) },
    ...shown.map((one, index) => ({
      id: `driver-${index + 1}`,
      title: one.driver.fileName,
      body: driverSection(one),
    })),
  ])
}

const driverTable = (checked: readonly CheckedFile[]): Html =>
  table(
    'The result of the check for each driver',
    ['Driver', 'Verdict', 'Controller', 'Findings', 'Lives', 'Time'],
    checked.map(({ driver, verdict, controller, findings, runs, hostSeconds }, index) => [
      html`<a href="#driver-${index + 1}">${driver.fileName}</a>`,
      badge(verdict),
      controller,
      findings.length,
      runs.length,
      seconds(hostSeconds),
    ]),
  )

function driverSection({
  file,
  driver,
  verdict,
  controller,
  findings,
  runs,
  interrupted,
}: CheckedFile): Html {
  const rest = findings.length - MAX_ROWS
  return html`${terms([
    ['Verdict', badge(verdict)],
    ['File', html`<code>${file}</code>`],
    ['Controller', controller],
    ...(driver.executed
      ? ([
          ['Size', bytesText(driver.byteLength)],
          ['SHA-256', html`<code>${driver.sha256}</code>`],
          [
            'PDB',
            driver.pdb === null
              ? 'The file names none.'
              : `${driver.pdb.name}, ${driver.pdb.found ? 'found' : 'not found'}`,
          ],
        ] as const)
      : []),
    ['Interrupted', interrupted ? 'The check was stopped: this is what was found until then.' : null],
  ])}
${findings.length === 0 ? html`<p>There is no finding.</p>` : findings.slice(0, MAX_ROWS).map(article)}
${rest > 0 ? html`<p class="note">${rest} more findings are not shown.</p>` : ''}
${
  runs.length === 0
    ? ''
    : folded(
        `Lives (${runs.length})`,
        table(
          `The lives of ${file}, each on another system`,
          ['Setting', 'Dump', 'Written', 'Machine time', 'Of the dump'],
          runs.map((run) => [
            run.setting,
            run.finished ? 'whole' : 'not whole',
            bytesText(run.bytesWritten),
            seconds(run.machineSeconds),
            seconds(run.dumpSeconds),
          ]),
        ),
      )
}`
}

const article = (finding: CheckedFinding): Html => {
  const { verdict, knownIssue, phase, setting, secondCrash } = finding
  return findingArticle(
    knownIssue === undefined ? verdict : 'known',
    finding,
    [
      ['Known issue', knownIssue ?? null],
      ['Phase', phase],
      ['Settings', setting],
    ],
    secondCrash?.command,
  )
}
